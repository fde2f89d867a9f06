package main

import "github.com/spf13/pflag"

// bindStorage adds the options of storage/v1.
func (o *configOptions) bindStorage(f *pflag.FlagSet) {
	s := &o.Storage
	f.StringVar(&s.Dir, "storage-dir", s.Dir, "directory of the bytes of objects (default storage in --data-dir)")
	f.Int64Var(&s.MaxObject, "storage-max-object", s.MaxObject, "largest object in bytes")
	f.StringVar(&s.AccessKey, "storage-access-key", s.AccessKey, "access key for tools of the S3 protocol (default: see nexus keys)")
	f.StringVar(&s.SecretKey, "storage-secret-key", s.SecretKey, "secret key for tools of the S3 protocol (default: see nexus keys)")
	f.StringVar(&s.S3.URL, "storage-s3-url", s.S3.URL, "S3-compatible store to keep the bytes in, such as https://s3.eu-central-1.amazonaws.com")
	f.StringVar(&s.S3.Bucket, "storage-s3-bucket", s.S3.Bucket, "bucket of that store")
	f.StringVar(&s.S3.Region, "storage-s3-region", s.S3.Region, "region of that store (default: ask it)")
	f.StringVar(&s.S3.Prefix, "storage-s3-prefix", s.S3.Prefix, "what names in that bucket begin with")
	f.StringVar(&s.S3.AccessKey, "storage-s3-access-key", s.S3.AccessKey, "access key of that store")
	f.StringVar(&s.S3.SecretKey, "storage-s3-secret-key", s.S3.SecretKey, "secret key of that store")
}
