// Package blobtest holds every blob.Backend to what the interface promises.
package blobtest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what backends are to return
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"nexus/engine/storage/blob"
)

// errBroken is what a body ends with.
var errBroken = errors.New("the client went away")

// Run tests a backend that open makes, which must be empty.
func Run(t *testing.T, open func(t *testing.T) blob.Backend) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, blob.Backend){
		"sizes": testSizes, "seek": testSeek, "broken body": testBroken, "cancelled": testCancelled, "missing": testMissing,
		"copy": testCopy, "concat": testConcat, "delete": testDelete, "list": testList, "keys": testKeys, "parallel": testParallel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func content(size int) []byte {
	source := rand.NewChaCha8([32]byte{byte(size)})
	out := make([]byte, size)
	_, _ = source.Read(out) // never fails
	return out
}

func put(t *testing.T, b blob.Backend, data []byte) string {
	t.Helper()
	key := uuid.NewString()
	sum, err := b.Put(t.Context(), key, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := (blob.Sum{Size: int64(len(data)), MD5: md5.Sum(data)}); sum != want { //nolint:gosec // see the import
		t.Errorf("%d bytes: sum %v, want %v", len(data), sum, want)
	}
	return key
}

func wantContent(t *testing.T, b blob.Backend, key string, want []byte) {
	t.Helper()
	got, err := b.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(got)
	if err := errors.Join(err, got.Close()); err != nil {
		t.Fatal(err)
	}
	if got.Size != int64(len(want)) || !bytes.Equal(data, want) {
		t.Errorf("%d bytes of %d are not the %d stored", len(data), got.Size, len(want))
	}
	if age := time.Since(got.Modified); age > time.Hour || age < -time.Hour {
		t.Errorf("modified %v ago", age)
	}
}

func wantMissing(t *testing.T, b blob.Backend, key string) {
	t.Helper()
	if got, err := b.Open(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("got %v, %v; want ErrNotFound", got, err)
	}
}

func testSizes(t *testing.T, b blob.Backend) {
	for _, size := range []int{0, 1, 4096, 256<<10 + 1, 9 << 20} {
		data := content(size)
		wantContent(t, b, put(t, b, data), data)
	}
}

func testSeek(t *testing.T, b blob.Backend) {
	data := content(100_000)
	got, err := b.Open(t.Context(), put(t, b, data))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	for _, place := range []int64{99_990, 0, 50_000} {
		if _, err := got.Seek(place, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		piece := make([]byte, 10)
		if _, err := io.ReadFull(got, piece); err != nil || !bytes.Equal(piece, data[place:place+10]) {
			t.Errorf("at %d: %x, %v", place, piece, err)
		}
	}
	if end, err := got.Seek(0, io.SeekEnd); end != 100_000 || err != nil {
		t.Errorf("the end is at %d, %v", end, err)
	}
}

func testBroken(t *testing.T, b blob.Backend) {
	for _, size := range []int{0, 1000, 9 << 20} {
		key := uuid.NewString()
		body := io.MultiReader(bytes.NewReader(content(size)), failing{})
		if _, err := b.Put(t.Context(), key, body); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: %v, want %v", size, err, errBroken)
		}
		wantMissing(t, b, key)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

func testCancelled(t *testing.T, b blob.Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	key := uuid.NewString()
	body := io.MultiReader(bytes.NewReader(content(1000)), readFunc(func([]byte) (int, error) {
		cancel()
		return 0, ctx.Err()
	}))
	if _, err := b.Put(ctx, key, body); err == nil {
		t.Error("stored after its context had ended")
	}
	wantMissing(t, b, key)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func testMissing(t *testing.T, b blob.Backend) {
	wantMissing(t, b, uuid.NewString())
	if err := b.Copy(t.Context(), uuid.NewString(), uuid.NewString()); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("copy: %v", err)
	}
	if _, err := blob.Concat(t.Context(), b, uuid.NewString(), []string{uuid.NewString()}); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("concat: %v", err)
	}
}

func testCopy(t *testing.T, b blob.Backend) {
	data := content(10_000)
	from, to := put(t, b, data), uuid.NewString()
	if err := b.Copy(t.Context(), to, from); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	wantContent(t, b, to, data)
}

func testConcat(t *testing.T, b blob.Backend) {
	first, second := content(70_000), content(30)
	to := uuid.NewString()
	sum, err := blob.Concat(t.Context(), b, to, []string{put(t, b, first), put(t, b, nil), put(t, b, second)})
	if err != nil {
		t.Fatal(err)
	}
	whole := slices.Concat(first, second)
	if sum.Size != int64(len(whole)) || sum.MD5 != md5.Sum(whole) { //nolint:gosec // see the import
		t.Errorf("sum %v", sum)
	}
	wantContent(t, b, to, whole)
}

func testDelete(t *testing.T, b blob.Backend) {
	one, two, kept := put(t, b, content(1)), put(t, b, content(2)), put(t, b, content(3))
	if err := b.Delete(t.Context(), one, uuid.NewString(), two); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), one); err != nil {
		t.Errorf("again: %v", err)
	}
	wantMissing(t, b, one)
	wantMissing(t, b, two)
	wantContent(t, b, kept, content(3))
}

func testList(t *testing.T, b blob.Backend) {
	var want []string
	for size := range 20 {
		want = append(want, put(t, b, content(size)))
	}
	var got []string
	for info, err := range b.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
		if i := slices.Index(want, info.Key); int64(i) != info.Size || time.Since(info.Modified).Abs() > time.Hour {
			t.Errorf("%+v", info)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %d of %d", len(got), len(want))
	}
	for _, err := range b.List(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		break // must not go on
	}
}

func testKeys(t *testing.T, b blob.Backend) {
	for _, key := range []string{
		"", ".", "..", "../../etc/passwd", "a/b", "A", "ä", "a\x00", "a b", strings.Repeat("a", 65), "%2e%2e", `..\..`, "a.",
	} {
		_, put := b.Put(t.Context(), key, strings.NewReader("x"))
		_, open := b.Open(t.Context(), key)
		for what, err := range map[string]error{
			"put": put, "open": open, "delete": b.Delete(t.Context(), key), "delete many": b.Delete(t.Context(), uuid.NewString(), key),
			"copy": b.Copy(t.Context(), key, uuid.NewString()), "copy from": b.Copy(t.Context(), uuid.NewString(), key),
		} {
			if err == nil || (what != "copy" && !errors.Is(err, blob.ErrKey)) {
				t.Errorf("%s of %q: %v, want ErrKey", what, key, err)
			}
		}
	}
}

func testParallel(t *testing.T, b blob.Backend) {
	var wg sync.WaitGroup
	for size := range 16 {
		wg.Go(func() {
			data := content(10_000 + size)
			key := uuid.NewString()
			if _, err := b.Put(t.Context(), key, bytes.NewReader(data)); err != nil {
				t.Error(err)
				return
			}
			got, err := b.Open(t.Context(), key)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = got.Close() }()
			if read, err := io.ReadAll(got); err != nil || !bytes.Equal(read, data) {
				t.Errorf("%d bytes: %v", len(read), err)
			}
		})
	}
	wg.Wait()
}
