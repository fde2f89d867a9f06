package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// Names below a Disk's directory.
const (
	blobsDir = "blobs"
	// partialDir has files that are being written. It is on the same file system, so that renaming is atomic.
	partialDir = "partial"
)

const (
	dirMode = 0o700
	// copyBuffer is how much of a body is held at a time.
	copyBuffer = 256 << 10
)

// Disk keeps blobs as files of a local directory.
type Disk struct {
	root    string
	buffers sync.Pool
}

// OpenDisk makes the directory if it is not there.
func OpenDisk(root string) (*Disk, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{blobsDir, partialDir} {
		if err := os.MkdirAll(filepath.Join(root, dir), dirMode); err != nil {
			return nil, fmt.Errorf("storage directory: %w", err)
		}
	}
	return &Disk{root: root, buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }}}, nil
}

// path spreads files over directories by the end of the key, which is random whatever the key begins with.
func (d *Disk) path(key string) (dir, path string, err error) {
	if err := checkKey(key); err != nil {
		return "", "", err
	}
	end := key[max(0, len(key)-2):]
	dir = filepath.Join(d.root, blobsDir, end)
	return dir, filepath.Join(dir, key), nil
}

// Put implements Backend. The file is synced before it gets its name, and its directory before Put returns.
func (d *Disk) Put(ctx context.Context, key string, r io.Reader) (Sum, error) {
	source := newSumming(r)
	err := d.write(ctx, key, func(file *os.File) error {
		buffer := d.buffers.Get().(*[copyBuffer]byte)
		defer d.buffers.Put(buffer)
		// A file's own ReadFrom would only go around the buffer.
		_, err := io.CopyBuffer(struct{ io.Writer }{file}, contextReader{ctx, source}, buffer[:])
		return err
	})
	return source.sum(), err
}

// Copy implements Backend. The kernel does it where it can.
func (d *Disk) Copy(ctx context.Context, to, from string) error {
	source, err := d.Open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	return d.write(ctx, to, func(file *os.File) error {
		_, err := io.Copy(file, source.ReadSeekCloser)
		return err
	})
}

// write makes a file of what fill writes.
func (d *Disk) write(ctx context.Context, key string, fill func(*os.File) error) (err error) {
	dir, path, err := d.path(key)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Join(d.root, partialDir), key+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	if err := errors.Join(fillAndSync(file, fill), file.Close()); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func fillAndSync(file *os.File, fill func(*os.File) error) error {
	if err := fill(file); err != nil {
		return err
	}
	return file.Sync()
}

// makeDir makes a directory that is still there after a crash.
func makeDir(dir string) error {
	err := os.Mkdir(dir, dirMode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Open implements Backend. The blob's reader is an *os.File, which the kernel can send by itself.
func (d *Disk) Open(_ context.Context, key string) (*Blob, error) {
	_, path, err := d.path(key)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Blob{ReadSeekCloser: file, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete implements Backend.
func (d *Disk) Delete(_ context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		_, path, err := d.path(key)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// List implements Backend. Files that were left half written count as blobs of their keys.
func (d *Disk) List(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		err := filepath.WalkDir(filepath.Join(d.root, blobsDir), func(_ string, entry fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || entry.IsDir() || checkKey(entry.Name()) != nil {
				return err
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went in between
			}
			if err == nil && !yield(Info{Key: entry.Name(), Size: info.Size(), Modified: info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// RemovePartial removes files of uploads that ended before a time without becoming blobs, because the process was killed.
func (d *Disk) RemovePartial(olderThan func(Info) bool) error {
	entries, err := os.ReadDir(filepath.Join(d.root, partialDir))
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !olderThan(Info{Key: entry.Name(), Size: info.Size(), Modified: info.ModTime()}) {
			continue
		}
		if err := os.Remove(filepath.Join(d.root, partialDir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Ready implements Backend.
func (d *Disk) Ready(context.Context) error {
	_, err := os.Stat(filepath.Join(d.root, blobsDir))
	return err
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
