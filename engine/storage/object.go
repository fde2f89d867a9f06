package storage

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/storage/blob"
	"nexus/rls"
)

// metadata is what the server knows of an object's bytes: the column of that name.
type metadata struct {
	ETag           string    `json:"eTag"`
	Size           int64     `json:"size"`
	Mimetype       string    `json:"mimetype"`
	CacheControl   string    `json:"cacheControl"`
	LastModified   timestamp `json:"lastModified"`
	ContentLength  int64     `json:"contentLength"`
	HTTPStatusCode int       `json:"httpStatusCode"`
	RobotsTag      string    `json:"xRobotsTag,omitempty"`
}

// of completes metadata by what came of the bytes.
func (m metadata) of(sum blob.Sum, now time.Time) metadata {
	if m.ETag == "" {
		m.ETag = `"` + hex.EncodeToString(sum.MD5[:]) + `"`
	}
	m.Size, m.ContentLength, m.HTTPStatusCode = sum.Size, sum.Size, 200
	m.LastModified = timestamp{now.UTC().Truncate(time.Millisecond)}
	return m
}

// object is a row of storage.objects.
type object struct {
	ID, Bucket, Name, Version string
	Owner                     *string
	Metadata                  metadata
	UserMetadata              json.RawMessage
	CreatedAt, UpdatedAt      timestamp
	LastAccessedAt            timestamp
}

const objectColumns = `id, bucket_id, name, coalesce(version, ''), coalesce(owner_id, owner::text), coalesce(metadata, '{}'), user_metadata,
	coalesce(created_at, to_timestamp(0)), coalesce(updated_at, to_timestamp(0)), coalesce(last_accessed_at, to_timestamp(0))`

func scanObject(row pgx.Row) (*object, error) {
	o := new(object)
	err := row.Scan(&o.ID, &o.Bucket, &o.Name, &o.Version, &o.Owner, &o.Metadata, &o.UserMetadata, &o.CreatedAt.Time, &o.UpdatedAt.Time,
		&o.LastAccessedAt.Time)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoObject
	}
	return o, err
}

func selectObject(ctx context.Context, tx pgx.Tx, bucket, key string) (*object, error) {
	return scanObject(tx.QueryRow(ctx, "select "+objectColumns+" from storage.objects where bucket_id = $1 and name = $2", bucket, key))
}

// columns are a row as clients see it.
func (o *object) columns() map[string]any {
	return map[string]any{
		"id": o.ID, "bucket_id": o.Bucket, "name": o.Name, "owner": o.Owner, "owner_id": o.Owner, "version": o.Version,
		"metadata": o.Metadata, "user_metadata": o.UserMetadata, "created_at": o.CreatedAt, "updated_at": o.UpdatedAt,
		"last_accessed_at": o.LastAccessedAt,
	}
}

// draft is an object to be.
type draft struct {
	bucket, key  string
	owner        *string
	version      string
	upsert       bool
	metadata     any
	userMetadata json.RawMessage
	// also, if set, is done in the transaction that makes the object.
	also func(context.Context, pgx.Tx) error
}

func (d *draft) arguments() []any {
	var user any
	if len(d.userMetadata) > 0 {
		user = string(d.userMetadata)
	}
	return []any{d.bucket, d.key, asUUID(d.owner), d.owner, d.version, d.metadata, user}
}

const insertObject = `
	insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
	values ($1, $2, $3, $4, $5, $6, $7)`

const upsertObject = insertObject + `
	on conflict (bucket_id, name) do update
	set owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version, metadata = excluded.metadata,
		user_metadata = excluded.user_metadata, last_accessed_at = now()`

func (d *draft) sql() string {
	if d.upsert {
		return upsertObject
	}
	return insertObject
}

// mayWrite asks the policies, and the constraints, whether the caller may make the object.
func (c *call) mayWrite(d *draft) error {
	return c.probe(func(tx pgx.Tx) error {
		_, err := tx.Exec(c.Context(), d.sql(), d.arguments()...)
		return err
	})
}

// Steps of an upload.
const (
	stepAllowed   step = "allowed"
	stepStored    step = "bytes stored"
	stepCommitted step = "row committed"
	stepDiscarded step = "old bytes removed"
)

// commit has the row lead to the bytes of the draft's version, and removes those that it led to before. When it fails, the bytes
// are removed. It does not end with the request: the bytes are there, and the client may only have been quick to hang up.
func (c *call) commit(d *draft) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), commitTimeout)
	defer cancel()
	c.h.at(stepStored)
	var before *string
	err = c.serve(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			with before as (select o.version from storage.objects o where o.bucket_id = $1 and o.name = $2 for update), made as (`+
			d.sql()+` returning id)
			select made.id::text, (select version from before) from made`, d.arguments()...).Scan(&id, &before)
		if err == nil && d.also != nil {
			err = d.also(ctx, tx)
		}
		return err
	})
	if err != nil {
		c.h.discard(ctx, d.version)
		return "", err
	}
	c.h.at(stepCommitted)
	if before != nil {
		c.h.discard(ctx, *before)
	}
	c.h.at(stepDiscarded)
	return id, nil
}

const (
	// commitTimeout bounds what is done after the bytes have been stored.
	commitTimeout = 30 * time.Second
	// discardTimeout bounds the removal of bytes; the sweeper removes what is left.
	discardTimeout = 10 * time.Second
)

// discard removes bytes that no row refers to any more.
func (h *Handler) discard(ctx context.Context, versions ...string) {
	keys := make([]string, 0, len(versions))
	for _, version := range versions {
		if version != "" {
			keys = append(keys, version)
		}
	}
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if err := h.blobs.Delete(ctx, keys...); err != nil && !errors.Is(err, blob.ErrKey) {
		h.log.WarnContext(ctx, "storage/v1: bytes that are not needed stay until they are swept", "blobs", len(keys), "error", err)
	}
}

// found is what serving an object's bytes needs of it.
type found struct {
	version  string
	metadata metadata
}

// find looks an object up under an identity, in one round trip.
func (c *call) find(identity *rls.Identity) (*found, error) {
	rows, err := c.ask(identity, "select version, metadata::text from storage.objects where bucket_id = $1 and name = $2")
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNoObject
	}
	return newFound(rows[0])
}

// findPublic looks an object of a public bucket up, whatever the policies say.
func (c *call) findPublic() (*found, error) {
	rows, err := c.ask(c.h.service(), `
		select o.version, o.metadata::text, o.id is null
		from storage.buckets b
		left join storage.objects o on o.bucket_id = b.id and o.name = $2
		where b.id = $1 and b.public`)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNoBucket
	}
	if string(rows[0][2]) == "t" {
		return nil, errNoObject
	}
	return newFound(rows[0])
}

// findReadable looks an object up that the caller may read, by the policies or because its bucket is public.
func (c *call) findReadable() (*found, error) {
	f, err := c.find(c.identity)
	if !errors.Is(err, errNoObject) && !errors.Is(asError(err), errPolicy) {
		return f, err
	}
	if public, publicErr := c.findPublic(); publicErr == nil {
		return public, nil
	}
	return nil, errNoObject.because(err)
}

func (c *call) ask(identity *rls.Identity, sql string) ([][][]byte, error) {
	res, err := c.h.database.Run(c.Context(), &db.Tx{
		Role: identity.Role, ReadOnly: true, Primary: true, Settings: c.settings(identity),
		Main: db.Statement{SQL: sql, Args: [][]byte{[]byte(c.to.bucket), []byte(c.to.key)}},
	})
	if err != nil {
		return nil, err
	}
	return res.Main, nil
}

func newFound(row [][]byte) (*found, error) {
	f := &found{version: string(row[0])}
	if row[1] == nil {
		return f, nil
	}
	return f, json.Unmarshal(row[1], &f.metadata)
}

func newVersion() string { return uuid.NewString() }
