package storage

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/storage/blob"
)

// download serves an object that the caller may read.
func (c *call) download(w http.ResponseWriter) error { return c.send(w, c.findReadable) }

// downloadPublic serves an object of a public bucket.
func (c *call) downloadPublic(w http.ResponseWriter) error { return c.send(w, c.findPublic) }

// send looks the object up and sends its bytes. When the object is replaced in between, the new one is sent.
func (c *call) send(w http.ResponseWriter, find func() (*found, error)) error {
	if err := checkKey(c.to.key); err != nil {
		return err
	}
	for range 2 {
		f, err := find()
		if err != nil {
			return err
		}
		body, err := c.h.blobs.Open(c.Context(), f.version)
		if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrKey) {
			continue
		}
		if err != nil {
			return err
		}
		err = c.sendBlob(w, f, body)
		return errors.Join(err, body.Close())
	}
	return errNoObject
}

func (c *call) sendBlob(w http.ResponseWriter, f *found, body *blob.Blob) error {
	header := w.Header()
	setObjectHeaders(header, &f.metadata)
	if match := c.Header.Get("If-None-Match"); match != "" && match != f.metadata.ETag {
		header.Set("Cache-Control", header.Get("Cache-Control")+", stale-while-revalidate=30")
	}
	if header.Get("Expires") != "" { // of a signed URL
		header.Del("Cache-Control")
	}
	if query := c.URL.Query(); query.Has("download") {
		header.Set("Content-Disposition", attachment(query.Get("download")))
	}
	if !satisfiable(c.Header.Get("Range"), body.Size) && c.Header.Get("If-Range") == "" {
		header.Set("Content-Range", "bytes */"+strconv.FormatInt(body.Size, 10))
		return errRange
	}
	modified := f.metadata.LastModified.Time
	if modified.IsZero() {
		modified = body.Modified
	}
	http.ServeContent(w, c.Request, "", modified, body.ReadSeekCloser) // the file itself, so that the kernel can send it
	return nil
}

// setObjectHeaders sets what an object's row says of it. Nothing that is stored may run on the API's origin: HTML is shown as text,
// and other documents that can hold scripts get an origin of their own.
func setObjectHeaders(header http.Header, m *metadata) {
	kind := cmp.Or(m.Mimetype, "application/octet-stream")
	bare := bareType(kind)
	switch {
	case strings.Contains(strings.ToLower(kind), "text/html"):
		kind = "text/plain"
		if _, parameters, err := mime.ParseMediaType(m.Mimetype); err == nil && parameters["charset"] != "" {
			kind += "; charset=" + parameters["charset"]
		}
	case strings.HasSuffix(bare, "xml") || strings.Contains(bare, "javascript"):
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	}
	header.Set("Content-Type", kind)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", cmp.Or(m.CacheControl, "no-cache"))
	header.Set("X-Robots-Tag", cmp.Or(m.RobotsTag, "none"))
	header.Set("Accept-Ranges", "bytes")
	if m.ETag != "" {
		header.Set("ETag", m.ETag)
	}
}

// attachment is a Content-Disposition (RFC 6266) for a name, or for none.
func attachment(name string) string {
	if name == "" {
		return "attachment;"
	}
	encoded := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	return "attachment; filename=" + encoded + "; filename*=UTF-8''" + encoded
}

// satisfiable reports whether a Range header (RFC 9110, section 14.2) that can be read asks for anything that there is. What cannot
// be read at all is ignored, as the RFC has it.
func satisfiable(header string, size int64) bool {
	ranges, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return true
	}
	for one := range strings.SplitSeq(ranges, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(one), "-")
		if !ok {
			return false
		}
		if first == "" {
			if n, err := strconv.ParseInt(last, 10, 64); err == nil && n > 0 && size > 0 {
				return true
			}
			continue
		}
		start, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return false
		}
		if end, err := strconv.ParseInt(last, 10, 64); last != "" && (err != nil || end < start) {
			return false
		}
		if start < size {
			return true
		}
	}
	return false
}

// info tells what is known of an object.
func (c *call) info() (any, error) {
	return c.describeObject(func() (*object, error) {
		var o *object
		err := c.read(func(tx pgx.Tx) (err error) {
			o, err = selectObject(c.Context(), tx, c.to.bucket, c.to.key)
			return err
		})
		if !errors.Is(err, errNoObject) {
			return o, err
		}
		if public, publicErr := c.publicObject(); publicErr == nil {
			return public, nil
		}
		return nil, err
	})
}

func (c *call) infoPublic() (any, error) { return c.describeObject(c.publicObject) }

// publicObject returns an object of a public bucket.
func (c *call) publicObject() (o *object, err error) {
	err = c.serve(c.Context(), func(tx pgx.Tx) error {
		b, err := scanBucket(tx.QueryRow(c.Context(), "select "+bucketColumns+" from storage.buckets where id = $1 and public", c.to.bucket))
		if err != nil {
			return err
		}
		o, err = selectObject(c.Context(), tx, b.ID, c.to.key)
		return err
	})
	return o, err
}

// objectInfo is what info answers.
type objectInfo struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	BucketID     string    `json:"bucket_id"`
	Size         int64     `json:"size"`
	ContentType  string    `json:"content_type"`
	CacheControl string    `json:"cache_control"`
	ETag         string    `json:"etag"`
	Metadata     any       `json:"metadata"`
	LastModified timestamp `json:"last_modified"`
	CreatedAt    timestamp `json:"created_at"`
}

func (c *call) describeObject(find func() (*object, error)) (any, error) {
	if err := checkKey(c.to.key); err != nil {
		return nil, err
	}
	o, err := find()
	if err != nil {
		return nil, err
	}
	return &objectInfo{
		ID: o.ID, Name: o.Name, Version: o.Version, BucketID: o.Bucket, Size: o.Metadata.Size, ContentType: o.Metadata.Mimetype,
		CacheControl: o.Metadata.CacheControl, ETag: o.Metadata.ETag, Metadata: o.UserMetadata,
		LastModified: timestamp{firstTime(o.Metadata.LastModified.Time, o.UpdatedAt.Time)}, CreatedAt: o.CreatedAt,
	}, nil
}

func firstTime(first, second time.Time) time.Time {
	if first.IsZero() {
		return second
	}
	return first
}
