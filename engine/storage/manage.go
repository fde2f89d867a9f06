package storage

import (
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/storage/blob"
)

// deleteObject removes one object; not to be allowed to is another answer than that there is none.
func (c *call) deleteObject() (any, error) {
	versions, err := c.removeRows([]string{c.to.key}, nil)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, c.whyNotDeleted()
	}
	c.h.discard(c.Context(), versions...)
	return map[string]string{"message": "Successfully deleted"}, nil
}

func (c *call) whyNotDeleted() error {
	err := c.serve(c.Context(), func(tx pgx.Tx) error {
		_, err := selectObject(c.Context(), tx, c.to.bucket, c.to.key)
		return err
	})
	if err == nil {
		return accessDenied("Access denied")
	}
	return err
}

// deleteObjects removes those of the objects that are there and may go, and tells which.
func (c *call) deleteObjects() (any, error) {
	var f struct {
		Prefixes []string `json:"prefixes"`
	}
	if err := c.body(&f); err != nil {
		return nil, err
	}
	if len(f.Prefixes) == 0 {
		return nil, invalidRequest("body/prefixes must NOT have fewer than 1 items")
	}
	removed := []map[string]any{}
	versions, err := c.removeRows(f.Prefixes, func(o *object) { removed = append(removed, o.columns()) })
	if err != nil {
		return nil, err
	}
	c.h.discard(c.Context(), versions...)
	return removed, nil
}

// removeRows deletes rows under the caller's policies and returns the versions whose bytes may go now.
func (c *call) removeRows(keys []string, each func(*object)) (versions []string, err error) {
	var all []*object
	err = c.write(func(tx pgx.Tx) error {
		rows, err := tx.Query(c.Context(),
			"delete from storage.objects where bucket_id = $1 and name = any ($2) returning "+objectColumns, c.to.bucket, keys)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*object, error) { return scanObject(row) })
		return err
	})
	for _, o := range all {
		versions = append(versions, o.Version)
		if each != nil {
			each(o)
		}
	}
	if err == nil {
		c.h.at(stepCommitted)
	}
	return versions, err
}

// relocation is the body of move and copy.
type relocation struct {
	Bucket       string `json:"bucketId"`
	Source       string `json:"sourceKey"`
	Target       string `json:"destinationKey"`
	TargetBucket string `json:"destinationBucket"`
	CopyMetadata *bool  `json:"copyMetadata"`
	Metadata     struct {
		CacheControl *string `json:"cacheControl"`
		Mimetype     *string `json:"mimetype"`
	} `json:"metadata"`
}

func (c *call) relocation() (*relocation, error) {
	f := new(relocation)
	if err := c.body(f); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"bucketId": f.Bucket, "sourceKey": f.Source, "destinationKey": f.Target} {
		if value == "" {
			return nil, invalidRequest("body must have required property '" + name + "'")
		}
	}
	if f.TargetBucket == "" {
		f.TargetBucket = f.Bucket
	}
	return f, checkKey(f.Target)
}

// move gives an object another key, or another bucket. Its bytes stay where they are, for they do not know its name.
func (c *call) move() (any, error) {
	f, err := c.relocation()
	if err != nil {
		return nil, err
	}
	done := map[string]string{"message": "Successfully moved"}
	if f.TargetBucket == f.Bucket && f.Target == f.Source {
		return done, c.read(func(tx pgx.Tx) error {
			_, err := selectObject(c.Context(), tx, f.Bucket, f.Source)
			return err
		})
	}
	if f.TargetBucket != f.Bucket {
		if err := c.fits(f); err != nil {
			return nil, err
		}
	}
	err = c.write(func(tx pgx.Tx) error {
		if _, err := selectObject(c.Context(), tx, f.Bucket, f.Source); err != nil {
			return err
		}
		tag, err := tx.Exec(c.Context(), `
			update storage.objects set bucket_id = $3, name = $4, owner = coalesce($5, owner), owner_id = coalesce($6, owner_id)
			where bucket_id = $1 and name = $2`, f.Bucket, f.Source, f.TargetBucket, f.Target, c.ownerUUID(), c.owner())
		if err == nil && tag.RowsAffected() == 0 {
			return errPolicy // it can be seen and not be changed
		}
		return err
	})
	return done, err
}

// fits refuses objects that the target's bucket would not have taken as an upload.
func (c *call) fits(f *relocation) error {
	to, err := c.findBucket(c.Context(), f.TargetBucket)
	if err != nil {
		return err
	}
	return c.read(func(tx pgx.Tx) error {
		o, err := selectObject(c.Context(), tx, f.Bucket, f.Source)
		if err != nil {
			return err
		}
		return c.h.accepts(to, f.Target, &o.Metadata)
	})
}

// accepts holds known bytes to a bucket's limits.
func (h *Handler) accepts(to *bucket, key string, m *metadata) error {
	if m.Size > h.limitOf(to, key) {
		return errTooLarge
	}
	if !isEmptyFolder(key) && !allowsType(to.AllowedTypes, m.Mimetype) {
		return invalidType(m.Mimetype)
	}
	return nil
}

// copy makes another object of the same bytes.
func (c *call) copy(w http.ResponseWriter) error {
	f, err := c.relocation()
	if err != nil {
		return err
	}
	var source *object
	err = c.read(func(tx pgx.Tx) (err error) {
		source, err = selectObject(c.Context(), tx, f.Bucket, f.Source)
		return err
	})
	if err != nil {
		return err
	}
	to, err := c.findBucket(c.Context(), f.TargetBucket)
	if err != nil {
		return err
	}
	known, user := source.Metadata, source.UserMetadata
	if f.CopyMetadata != nil && !*f.CopyMetadata {
		known.CacheControl, known.Mimetype, user = "no-cache", "application/octet-stream", headerMetadata(c.Header.Get("X-Metadata"))
		if f.Metadata.CacheControl != nil {
			known.CacheControl = *f.Metadata.CacheControl
		}
		if f.Metadata.Mimetype != nil {
			known.Mimetype = *f.Metadata.Mimetype
		}
		if err := cleanHeader(known.CacheControl, known.Mimetype); err != nil {
			return err
		}
	}
	if err := c.h.accepts(to, f.Target, &known); err != nil {
		return err
	}
	d := &draft{
		bucket: f.TargetBucket, key: f.Target, owner: c.owner(), version: newVersion(), upsert: c.Header.Get("X-Upsert") == "true",
		userMetadata: user,
	}
	id, err := c.copyBytes(d, source.Version, known)
	if err != nil {
		return err
	}
	var made *object
	err = c.serve(c.Context(), func(tx pgx.Tx) (err error) {
		made, err = selectObject(c.Context(), tx, d.bucket, d.key)
		return err
	})
	if err != nil {
		return err
	}
	out := made.columns()
	out["Id"], out["Key"] = id, d.bucket+"/"+d.key
	c.h.answer(w, c.Request, out)
	return nil
}

// copyBytes makes the draft's object of another version's bytes, if the policies allow.
func (c *call) copyBytes(d *draft, from string, known metadata) (id string, err error) {
	known.LastModified = timestamp{time.Now().UTC().Truncate(time.Millisecond)}
	d.metadata = known
	if err := c.mayWrite(d); err != nil {
		return "", err
	}
	if err := c.h.blobs.Copy(c.Context(), d.version, from); err != nil {
		c.h.discard(c.Context(), d.version)
		if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrKey) {
			return "", errNoObject.because(err)
		}
		return "", err
	}
	return c.commit(d)
}
