package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"nexus/engine/app/messages/files"
)

func TestDir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "media")
	d := files.New(dir)
	if _, err := d.Get(t.Context(), "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"first", "second"} {
		if err := d.Put(t.Context(), "a/b", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(t.Context(), "a/b"); err != nil || string(got) != text {
			t.Errorf("%q %v", got, err)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "a"))
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, "a", "b"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	for _, key := range []string{"", ".", "../x", "/etc/passwd", "a/../../x"} {
		if err := d.Put(t.Context(), key, nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := d.Get(t.Context(), key); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("get %q: %v", key, err)
		}
	}
}
