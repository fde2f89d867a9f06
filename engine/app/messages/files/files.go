// Package files keeps files in a directory, by keys.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a directory with files whose keys are relative paths. It is safe for concurrent use.
type Dir struct{ path string }

// New makes a Dir; the directory is created with the first file.
func New(path string) *Dir { return &Dir{path} }

// Put keeps a file, whole or not at all; it replaces one with the same key.
func (d *Dir) Put(_ context.Context, key string, body []byte) (err error) {
	target, err := d.at(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(body); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// Get returns a file; the error is fs.ErrNotExist if there is none.
func (d *Dir) Get(_ context.Context, key string) ([]byte, error) {
	source, err := d.at(key)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(source)
}

// at is where a file is. Keys lead to no place outside.
func (d *Dir) at(key string) (string, error) {
	if !filepath.IsLocal(key) || filepath.Clean(key) == "." {
		return "", fmt.Errorf("files: %w: %q", fs.ErrInvalid, key)
	}
	return filepath.Join(d.path, key), nil
}
