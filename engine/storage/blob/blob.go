// Package blob keeps the bytes of objects. A blob has a key that the server makes up, never a name that a client chose: no name can
// lead anywhere in the file system or the object store. Blobs do not change. Which blob is the bytes of which object is the
// database's business.
package blob

import (
	"context"
	"crypto/md5" //nolint:gosec // ETags of S3 are MD5 sums; nothing is trusted for them
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Errors of all backends.
var (
	// ErrNotFound means that there is no blob of the key.
	ErrNotFound = errors.New("blob: not found")
	// ErrKey means that the key is not made of 1 to 64 lower-case letters, digits and hyphens.
	ErrKey = errors.New("blob: not a key")
)

// Backend is where blobs are. It is safe for concurrent use.
type Backend interface {
	// Put stores what r has to give until io.EOF. When it returns without an error, the blob is durable and whole; with one, there
	// is none. The key must be new.
	Put(ctx context.Context, key string, r io.Reader) (Sum, error)
	// Open returns the blob, or ErrNotFound. The caller closes it.
	Open(ctx context.Context, key string) (*Blob, error)
	// Copy makes a blob of another one's bytes, under the conditions of Put.
	Copy(ctx context.Context, to, from string) error
	// Delete removes blobs. One that is not there is no error.
	Delete(ctx context.Context, keys ...string) error
	// List goes through all blobs in no particular order. It ends with an error.
	List(ctx context.Context) iter.Seq2[Info, error]
	// Ready tells why nothing can be stored, or nil.
	Ready(ctx context.Context) error
}

// Blob is an open blob.
type Blob struct {
	io.ReadSeekCloser
	// Size is in bytes.
	Size     int64
	Modified time.Time
}

// Info is what List tells of a blob.
type Info struct {
	Key string
	// Size is in bytes.
	Size     int64
	Modified time.Time
}

// Sum is what came of the bytes that were stored.
type Sum struct {
	// Size is in bytes.
	Size int64
	MD5  [md5.Size]byte
}

// maxKey is the length of the longest key.
const maxKey = 64

// checkKey keeps everything out that could mean something to a file system.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%w: %d bytes", ErrKey, len(key))
	}
	for i := range len(key) {
		if c := key[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
	}
	return nil
}

// summing counts and hashes what is read of it.
type summing struct {
	r    io.Reader
	size int64
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func newSumming(r io.Reader) *summing {
	return &summing{r: r, hash: md5.New()} //nolint:gosec // see the import
}

// Read implements io.Reader.
func (s *summing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.size += int64(n)
	_, _ = s.hash.Write(p[:n]) // never fails
	return n, err
}

func (s *summing) sum() Sum {
	out := Sum{Size: s.size}
	s.hash.Sum(out.MD5[:0])
	return out
}

// Concat stores the bytes of several blobs, one after the other, as one.
func Concat(ctx context.Context, b Backend, to string, from []string) (Sum, error) {
	parts := &chain{ctx: ctx, backend: b, left: from}
	sum, err := b.Put(ctx, to, parts)
	return sum, errors.Join(err, parts.Close())
}

// chain reads blobs one after the other and has one open at a time.
type chain struct {
	ctx     context.Context
	backend Backend
	left    []string
	open    *Blob
}

// Read implements io.Reader.
func (c *chain) Read(p []byte) (int, error) {
	for {
		if c.open == nil {
			if len(c.left) == 0 {
				return 0, io.EOF
			}
			var err error
			if c.open, err = c.backend.Open(c.ctx, c.left[0]); err != nil {
				return 0, fmt.Errorf("part %s: %w", c.left[0], err)
			}
			c.left = c.left[1:]
		}
		n, err := c.open.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := c.Close(); err != nil || n > 0 {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (c *chain) Close() error {
	if c.open == nil {
		return nil
	}
	open := c.open
	c.open = nil
	return open.Close()
}
