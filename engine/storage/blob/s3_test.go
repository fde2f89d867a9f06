package blob_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"nexus/engine/storage/blob"
	"nexus/engine/storage/blob/blobtest"
)

// TestS3 runs against a real server: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0.
func TestS3(t *testing.T) {
	t.Parallel()
	address := startGateway(t)
	admin, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("access", "secretsecret", "")})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err = admin.ListBuckets(t.Context()); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	open := func(t *testing.T) blob.Backend {
		bucket := "b" + uuid.NewString()
		if err := admin.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		store, err := blob.OpenS3(blob.S3Config{
			URL: "http://" + address, Region: "us-east-1", Bucket: bucket, Prefix: "nexus/", AccessKey: "access", SecretKey: "secretsecret",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		return store
	}
	t.Run("conformance", func(t *testing.T) { blobtest.Run(t, open) })
	missing, err := blob.OpenS3(blob.S3Config{URL: "http://" + address, Bucket: "missing", AccessKey: "access", SecretKey: "secretsecret"})
	if err != nil {
		t.Fatal(err)
	}
	if missing.Ready(t.Context()) == nil {
		t.Error("a bucket that does not exist is ready")
	}
}

func TestS3Config(t *testing.T) {
	t.Parallel()
	for _, cfg := range []blob.S3Config{{}, {URL: "localhost:9000", Bucket: "b"}, {URL: "ftp://h", Bucket: "b"}, {URL: "http://h"}} {
		if _, err := blob.OpenS3(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func startGateway(t *testing.T) (address string) {
	t.Helper()
	path, err := exec.LookPath("versitygw")
	if err != nil {
		home, _ := os.UserHomeDir()
		path, err = exec.LookPath(filepath.Join(home, "go", "bin", "versitygw"))
	}
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("versitygw is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	cmd := exec.CommandContext(t.Context(), path, "--port", address, "--access", "access", "--secret", "secretsecret",
		"--region", "us-east-1", "posix", "--sidecar", t.TempDir(), t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return address
}
