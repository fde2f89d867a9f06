package engine

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"nexus/engine/db"
	"nexus/engine/storage"
	"nexus/engine/storage/blob"
	"nexus/rls"
)

// storagePath is where storage/v1 is mounted.
const storagePath = "/storage/v1"

// storageConnections are those of storage/v1 for what takes more than one round trip. No bytes are moved while one is held.
const storageConnections = 8

// sweepPeriod is how often the bytes of all objects are looked through.
const sweepPeriod = time.Hour

// StorageConfig is what can be set about storage/v1.
type StorageConfig struct {
	// Dir holds the bytes of objects; empty is the directory storage in the data directory.
	Dir string
	// MaxObject is the largest object in bytes.
	MaxObject int64
	// S3 is an S3-compatible store to keep the bytes in instead.
	S3 StorageS3
	// AccessKey and SecretKey let tools of the S3 protocol in as the service role; empty for ones that are derived from the
	// secret.
	AccessKey, SecretKey string
}

// StorageS3 says where an S3-compatible store is.
type StorageS3 struct {
	URL, Region, Bucket, Prefix string
	AccessKey, SecretKey        string
}

// openStorage makes the handler of storage/v1, if the database has its tables.
func (s *Server) openStorage(ctx context.Context, b *backend, to logins, verifier *rls.Verifier, secret string) error {
	var ready bool
	sessions, err := db.OpenSessions(ctx, db.Config{
		URL: to.requests, MaxConns: storageConnections, Prepared: s.cfg.Prepared, ApplicationName: "nexus storage", Logger: s.log,
		Settings: s.sessionSettings(),
	})
	if err != nil {
		return err
	}
	b.onClose(func(context.Context) error { sessions.Close(); return nil })
	err = sessions.Pool().QueryRow(ctx, `
		select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
				where n.nspname = 'storage' and c.relname = 'objects')
			and exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
				where n.nspname = 'nexus' and p.proname = 'storage_list_entries')`).Scan(&ready)
	if err != nil {
		return fmt.Errorf("open the database for storage/v1: %w", err)
	}
	if !ready {
		s.log.Info("storage/v1 is off: the database has no tables for it")
		return nil
	}
	blobs, err := s.openBlobs()
	if err != nil {
		return fmt.Errorf("storage/v1: %w", err)
	}
	cfg := storage.Config{
		MaxObject: s.cfg.Storage.MaxObject, Timeout: s.cfg.RequestTimeout, SearchPath: slices.Concat(s.cfg.Schemas[:1], s.cfg.ExtraSearchPath),
		ServiceRole: serviceRole, MountPath: storagePath, Secret: []byte(secret),
	}
	if s.cfg.PublicURL != "" {
		cfg.BaseURL = b.info.URL + storagePath
	}
	cfg.S3.AccessKey, cfg.S3.SecretKey = s.cfg.Storage.keys(secret)
	if s.cfg.Auth.Flows.RefuseBrowserAdmins {
		cfg.ServerRoles = s.cfg.Auth.Flows.AdminRoles
	}
	handler, err := storage.New(storage.Options{
		Config: cfg, Blobs: blobs, Verifier: func() *rls.Verifier { return verifier }, Sessions: sessions, Database: b.pool,
		Logger: s.log, Authenticated: setRole,
	})
	if err != nil {
		return err
	}
	b.storage = http.StripPrefix(storagePath, handler)
	var swept time.Time
	s.keepUp(ctx, b, "bytes that nothing refers to were not removed", func(ctx context.Context) error {
		if time.Since(swept) < sweepPeriod {
			return nil
		}
		swept = time.Now()
		return handler.Sweep(ctx)
	})
	return nil
}

func (s *Server) openBlobs() (blob.Backend, error) {
	cfg := &s.cfg.Storage
	if cfg.S3.URL == "" {
		return blob.OpenDisk(cmp.Or(cfg.Dir, filepath.Join(s.cfg.DataDir, "storage")))
	}
	return blob.OpenS3(blob.S3Config{
		URL: cfg.S3.URL, Region: cfg.S3.Region, Bucket: cfg.S3.Bucket, Prefix: cfg.S3.Prefix,
		AccessKey: cfg.S3.AccessKey, SecretKey: cfg.S3.SecretKey,
	})
}

// ownSecret is one that nobody outside knows: a JWK may be a public one.
func ownSecret(keys *Keys, kept *secrets) string {
	if isJWK(keys.JWTSecret) {
		return kept.JWTSecret
	}
	return keys.JWTSecret
}

// keys are the credentials of the S3 protocol. Those that are not set are derived from the secret, so that all servers of a
// project have the same ones.
func (c *StorageConfig) keys(secret string) (access, private string) {
	if c.AccessKey != "" {
		return c.AccessKey, c.SecretKey
	}
	derive := func(info string, size int) string {
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, size)
		if err != nil {
			return "" // only of sizes far beyond these
		}
		return hex.EncodeToString(key)
	}
	return derive("nexus storage s3 access key", 16), derive("nexus storage s3 secret key", 32)
}

// serveStorage passes a request to storage/v1.
func (s *Server) serveStorage(w http.ResponseWriter, r *http.Request) {
	b := s.backend.Load()
	switch {
	case b == nil:
		fail(w, r, errStarting)
	case b.storage == nil:
		notFound(w, r)
	default:
		b.storage.ServeHTTP(w, r)
	}
}
