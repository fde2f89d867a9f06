package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config says where an S3 store is.
type S3Config struct {
	// URL is the endpoint, such as https://s3.eu-central-1.amazonaws.com.
	URL    string
	Region string
	Bucket string
	// Prefix comes before each key, such as "nexus/".
	Prefix    string
	AccessKey string
	SecretKey string
	// Transport is for tests; nil for that of minio-go.
	Transport http.RoundTripper
}

// partSize is how much of a blob is held in memory until it is sent; a blob can have ten thousand parts.
const partSize = 8 << 20

// maxCopy is the largest object that S3 copies in one request.
const maxCopy = 5 << 30

// S3 keeps blobs as objects of a bucket in an S3-compatible store.
type S3 struct {
	client *minio.Client
	bucket string
	prefix string
}

// OpenS3 makes a client; it does not connect.
func OpenS3(cfg S3Config) (*S3, error) {
	endpoint, err := url.Parse(cfg.URL)
	if err != nil || endpoint.Host == "" || (endpoint.Scheme != "http" && endpoint.Scheme != "https") {
		return nil, errors.New("the URL of the S3 store must be an http or https URL")
	}
	if cfg.Bucket == "" {
		return nil, errors.New("the bucket of the S3 store must be named")
	}
	options := &minio.Options{
		Creds:  credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure: endpoint.Scheme == "https", Region: cfg.Region, Transport: cfg.Transport,
	}
	client, err := minio.New(endpoint.Host, options)
	if err != nil {
		return nil, fmt.Errorf("S3 store: %w", err)
	}
	return &S3{client: client, bucket: cfg.Bucket, prefix: cfg.Prefix}, nil
}

// Put implements Backend. The store verifies a checksum of each part.
func (s *S3) Put(ctx context.Context, key string, r io.Reader) (Sum, error) {
	if err := checkKey(key); err != nil {
		return Sum{}, err
	}
	source := newSumming(r)
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, source, -1, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1, SendContentMd5: true,
	})
	return source.sum(), err
}

// Open implements Backend.
func (s *S3) Open(ctx context.Context, key string) (*Blob, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, notFound(err, key)
	}
	info, err := object.Stat()
	if err != nil {
		return nil, errors.Join(notFound(err, key), object.Close())
	}
	return &Blob{ReadSeekCloser: object, Size: info.Size, Modified: info.LastModified}, nil
}

// Copy implements Backend. The store does it.
func (s *S3) Copy(ctx context.Context, to, from string) error {
	if err := errors.Join(checkKey(to), checkKey(from)); err != nil {
		return err
	}
	source := minio.CopySrcOptions{Bucket: s.bucket, Object: s.prefix + from}
	target := minio.CopyDestOptions{Bucket: s.bucket, Object: s.prefix + to}
	info, err := s.client.StatObject(ctx, s.bucket, source.Object, minio.StatObjectOptions{})
	if err != nil {
		return notFound(err, from)
	}
	if info.Size < maxCopy {
		_, err = s.client.CopyObject(ctx, target, source)
	} else {
		_, err = s.client.ComposeObject(ctx, target, source)
	}
	return err
}

// Delete implements Backend.
func (s *S3) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 1 {
		if err := checkKey(keys[0]); err != nil {
			return err
		}
		return s.client.RemoveObject(ctx, s.bucket, s.prefix+keys[0], minio.RemoveObjectOptions{})
	}
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	objects := make(chan minio.ObjectInfo)
	go func() {
		defer close(objects)
		for _, key := range keys {
			select {
			case objects <- minio.ObjectInfo{Key: s.prefix + key}:
			case <-ctx.Done():
				return
			}
		}
	}()
	var errs []error
	for failed := range s.client.RemoveObjects(ctx, s.bucket, objects, minio.RemoveObjectsOptions{}) {
		errs = append(errs, failed.Err)
	}
	return errors.Join(errs...)
}

// List implements Backend.
func (s *S3) List(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for object := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true}) {
			if object.Err != nil {
				yield(Info{}, object.Err)
				return
			}
			key := strings.TrimPrefix(object.Key, s.prefix)
			if checkKey(key) != nil {
				continue
			}
			if !yield(Info{Key: key, Size: object.Size, Modified: object.LastModified}, nil) {
				return
			}
		}
	}
}

// Ready implements Backend.
func (s *S3) Ready(ctx context.Context) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !exists {
		err = fmt.Errorf("the S3 store has no bucket %q", s.bucket)
	}
	return err
}

// notFound tells a missing blob from what else may go wrong.
func notFound(err error, key string) error {
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return err
}
