package storage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// bucket is a row of storage.buckets as clients see it.
type bucket struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Owner        string    `json:"owner"`
	Public       bool      `json:"public"`
	Type         string    `json:"type,omitempty"`
	SizeLimit    *int64    `json:"file_size_limit"`
	AllowedTypes []string  `json:"allowed_mime_types"`
	CreatedAt    timestamp `json:"created_at"`
	UpdatedAt    timestamp `json:"updated_at"`
}

// timestamp is written as JavaScript does, in UTC with milliseconds.
type timestamp struct{ time.Time }

const timestampFormat = "2006-01-02T15:04:05.000Z"

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(timestampFormat) + `"`), nil
}

const bucketColumns = `id, name, coalesce(owner_id, owner::text, ''), coalesce(public, false), file_size_limit, allowed_mime_types,
	coalesce(created_at, to_timestamp(0)), coalesce(updated_at, to_timestamp(0))`

func scanBucket(row pgx.Row) (*bucket, error) {
	b := new(bucket)
	err := row.Scan(&b.ID, &b.Name, &b.Owner, &b.Public, &b.SizeLimit, &b.AllowedTypes, &b.CreatedAt.Time, &b.UpdatedAt.Time)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoBucket
	}
	return b, err
}

// bucketFields are what a client may set of a bucket; a field that is not sent is nil.
type bucketFields struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Public    *bool           `json:"public"`
	SizeLimit json.RawMessage `json:"file_size_limit"`
	Types     json.RawMessage `json:"allowed_mime_types"`
	Type      string          `json:"type"`
}

func (f *bucketFields) limits(most int64) (size *int64, types []string, err error) {
	if f.SizeLimit != nil {
		if size, err = parseSizeLimit(f.SizeLimit); err != nil {
			return nil, nil, err
		}
	}
	if size != nil && *size > most {
		return nil, nil, errTooLarge
	}
	if f.Types != nil {
		if err := json.Unmarshal(f.Types, &types); err != nil {
			return nil, nil, invalidRequest("body/allowed_mime_types must be array")
		}
	}
	return size, types, checkMIMETypes(types)
}

func (c *call) createBucket() (any, error) {
	var f bucketFields
	if err := c.body(&f); err != nil {
		return nil, err
	}
	if f.Name == "" {
		return nil, invalidRequest("body must have required property 'name'")
	}
	if f.ID == "" {
		f.ID = f.Name
	}
	if err := errors.Join(checkBucketName(f.ID), checkBucketName(f.Name)); err != nil {
		return nil, errBucketName
	}
	if f.Type != "" && f.Type != "STANDARD" {
		return nil, invalidRequest("body/type must be STANDARD")
	}
	size, types, err := f.limits(c.h.cfg.MaxObject)
	if err != nil {
		return nil, err
	}
	err = c.write(func(tx pgx.Tx) error {
		_, err := tx.Exec(c.Context(), `
			insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
			values ($1, $2, $3, $4, $5, $6, $7)`,
			f.ID, f.Name, c.ownerUUID(), c.owner(), f.Public != nil && *f.Public, size, types)
		return err
	})
	if hasCode(err, "23505") {
		return nil, errBucketTaken.because(err)
	}
	return map[string]string{"name": f.Name}, err
}

// owner is the sub claim, null without one.
func (c *call) owner() *string {
	if c.identity.Subject == "" {
		return nil
	}
	return &c.identity.Subject
}

// ownerUUID is the same for the columns that hold nothing but UUIDs.
func (c *call) ownerUUID() *uuid.UUID { return asUUID(c.owner()) }

func asUUID(owner *string) *uuid.UUID {
	if owner == nil {
		return nil
	}
	id, err := uuid.Parse(*owner)
	if err != nil {
		return nil
	}
	return &id
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

var bucketOrder = []string{"id", "name", "created_at", "updated_at"}

func (c *call) listBuckets() (any, error) {
	query := c.URL.Query()
	column, direction := "id", "asc"
	if wanted := query.Get("sortColumn"); wanted != "" {
		if !slices.Contains(bucketOrder, wanted) {
			return nil, invalidRequest("querystring/sortColumn must be equal to one of the allowed values")
		}
		column = wanted
	}
	switch wanted := strings.ToLower(query.Get("sortOrder")); wanted {
	case "", "asc":
	case "desc":
		direction = wanted
	default:
		return nil, invalidRequest("querystring/sortOrder must be equal to one of the allowed values")
	}
	var limit *int64
	var offset int64
	for name, set := range map[string]func(int64){"limit": func(n int64) { limit = &n }, "offset": func(n int64) { offset = n }} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, invalidRequest("querystring/" + name + " must be integer")
		}
		set(n)
	}
	buckets := []*bucket{}
	err := c.read(func(tx pgx.Tx) error {
		buckets = buckets[:0]
		rows, err := tx.Query(c.Context(), "select "+bucketColumns+` from storage.buckets
			where $1 = '' or strpos(lower(id), lower($1)) > 0
			order by `+column+" "+direction+" limit $2 offset $3", query.Get("search"), limit, offset)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			b, err := scanBucket(rows)
			if err != nil {
				return err
			}
			b.Type = "STANDARD"
			buckets = append(buckets, b)
		}
		return rows.Err()
	})
	return buckets, err
}

func (c *call) getBucket() (any, error) {
	var b *bucket
	err := c.read(func(tx pgx.Tx) (err error) {
		b, err = scanBucket(tx.QueryRow(c.Context(), "select "+bucketColumns+" from storage.buckets where id = $1", c.to.bucket))
		return err
	})
	return b, err
}

func (c *call) updateBucket() (any, error) {
	var f bucketFields
	if err := c.body(&f); err != nil {
		return nil, err
	}
	if f.Public == nil && f.SizeLimit == nil && f.Types == nil {
		return nil, invalidRequest("body must have at least one of public, file_size_limit and allowed_mime_types")
	}
	size, types, err := f.limits(c.h.cfg.MaxObject)
	if err != nil {
		return nil, err
	}
	err = c.write(func(tx pgx.Tx) error {
		tag, err := tx.Exec(c.Context(), `
			update storage.buckets
			set public = coalesce($2, public), file_size_limit = case when $3 then $4 else file_size_limit end,
				allowed_mime_types = case when $5 then $6 else allowed_mime_types end, updated_at = now()
			where id = $1`, c.to.bucket, f.Public, f.SizeLimit != nil, size, f.Types != nil, types)
		if err == nil && tag.RowsAffected() == 0 {
			return errNoBucket
		}
		return err
	})
	return map[string]string{"message": "Successfully updated"}, err
}

func (c *call) deleteBucket() (any, error) {
	err := c.write(func(tx pgx.Tx) error {
		tag, err := tx.Exec(c.Context(), "delete from storage.buckets where id = $1", c.to.bucket)
		if err == nil && tag.RowsAffected() == 0 {
			return errNoBucket
		}
		return err
	})
	if hasCode(err, "23503") {
		return nil, errBucketNotEmpty.because(err)
	}
	return map[string]string{"message": "Successfully deleted"}, err
}

const (
	// maxEmptied is how many objects a bucket may have to be emptied by one request.
	maxEmptied = 200_000
	// deleteBatch is how many rows are deleted in one transaction.
	deleteBatch = 1000
)

// emptyBucket deletes what is in the bucket at the time of the call. It takes as long as it takes.
func (c *call) emptyBucket(w http.ResponseWriter) error {
	if c.to.key != "empty" {
		return errNoRoute
	}
	if c.identity.Role != c.h.cfg.ServiceRole {
		return accessDenied("Access denied: Invalid role").http(http.StatusForbidden)
	}
	var many bool
	var before time.Time
	err := c.read(func(tx pgx.Tx) error {
		if _, err := scanBucket(tx.QueryRow(c.Context(), "select "+bucketColumns+" from storage.buckets where id = $1", c.to.bucket)); err != nil {
			return err
		}
		return tx.QueryRow(c.Context(), `
			select exists (select from storage.objects where bucket_id = $1 offset $2), now()`, c.to.bucket, maxEmptied).Scan(&many, &before)
	})
	if err != nil {
		return err
	}
	if many {
		return &Error{Status: 409, Code: "InvalidRequest", Name: "InvalidRequest", Message: "Cannot empty the bucket because it has too many objects"}
	}
	for {
		versions, err := c.emptyBatch(before)
		if err != nil {
			return err
		}
		c.h.discard(c.Context(), versions...)
		if len(versions) < deleteBatch {
			break
		}
	}
	c.h.answer(w, c.Request, map[string]string{"message": "Successfully emptied"})
	return nil
}

func (c *call) emptyBatch(before time.Time) (versions []string, err error) {
	err = c.write(func(tx pgx.Tx) error {
		rows, err := tx.Query(c.Context(), `
			delete from storage.objects
			where id in (select id from storage.objects where bucket_id = $1 and created_at <= $2 limit $3)
			returning coalesce(version, '')`, c.to.bucket, before, deleteBatch)
		if err != nil {
			return err
		}
		versions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return versions, err
}

// findBucket returns a bucket whether the caller may see it or not.
func (c *call) findBucket(ctx context.Context, id string) (b *bucket, err error) {
	err = c.serve(ctx, func(tx pgx.Tx) error {
		b, err = scanBucket(tx.QueryRow(ctx, "select "+bucketColumns+" from storage.buckets where id = $1", id))
		return err
	})
	return b, err
}

func (c *call) status() (any, error) {
	if err := c.h.blobs.Ready(c.Context()); err != nil {
		return nil, errInternal.because(err)
	}
	return map[string]bool{"healthy": true}, nil
}

func (c *call) version() (any, error) { return map[string]string{"version": "nexus"}, nil }
