package blob_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"nexus/engine/storage/blob"
	"nexus/engine/storage/blob/blobtest"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Backend {
		disk, err := blob.OpenDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := disk.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		return disk
	})
}

// TestDiskLeavesNothing fails in the middle of a body: there must be no file of it, whole or in part.
func TestDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	disk, err := blob.OpenDisk(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Put(t.Context(), uuid.NewString(), failingReader{}); err == nil {
		t.Fatal("stored")
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type failingReader struct{}

func (failingReader) Read(p []byte) (int, error) {
	p[0] = 'x'
	return 1, os.ErrDeadlineExceeded
}

// A process that is killed while it writes leaves a part of a file, which never counts as a blob.
func TestDiskRemovesPartialFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	disk, err := blob.OpenDisk(root)
	if err != nil {
		t.Fatal(err)
	}
	key := uuid.NewString()
	old, fresh := filepath.Join(root, "partial", key+".1"), filepath.Join(root, "partial", key+".2")
	for path, age := range map[string]time.Duration{old: 2 * time.Hour, fresh: 0} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for info, err := range disk.List(t.Context()) {
		t.Errorf("listed %v, %v", info, err)
	}
	limit := time.Now().Add(-time.Hour)
	if err := disk.RemovePartial(func(info blob.Info) bool { return info.Modified.Before(limit) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the old one is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("the fresh one is gone")
	}
}
