package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"nexus/engine/app/seal"
)

func newBox(t *testing.T) *seal.Box {
	t.Helper()
	b, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for _, plain := range [][]byte{[]byte("a token"), {}, bytes.Repeat([]byte("x"), 1<<16)} {
		sealed, again := b.Seal(plain, "row 1"), b.Seal(plain, "row 1")
		if bytes.Equal(sealed, again) {
			t.Error("the same text is sealed in the same way twice")
		}
		if len(plain) > 0 && bytes.Contains(sealed, plain) {
			t.Error("the text can be read")
		}
		got, err := b.Open(sealed, "row 1")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("opened %q, %v", got, err)
		}
		if _, err := b.Open(sealed, "row 2"); !errors.Is(err, seal.ErrForged) {
			t.Errorf("for another purpose: %v", err)
		}
		if _, err := newBox(t).Open(sealed, "row 1"); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("with another key: %v", err)
		}
	}
}

func TestForged(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	sealed := b.Seal([]byte("a token"), "row")
	for i := range sealed {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, err := b.Open(changed, "row"); !errors.Is(err, seal.ErrForged) && !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := b.Open(sealed[:i], "row"); !errors.Is(err, seal.ErrForged) {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "x", base64.StdEncoding.EncodeToString(make([]byte, 16)), base64.StdEncoding.EncodeToString(make([]byte, 33))} {
		if _, err := seal.New(key); !errors.Is(err, seal.ErrKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := seal.New(seal.NewKey() + "\n"); err != nil {
		t.Errorf("a key from a file: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	key := seal.NewKey()
	b, err := seal.New(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, "")
	f.Add([]byte{1, 2, 3}, "row")
	f.Fuzz(func(t *testing.T, sealed []byte, purpose string) {
		if plain, err := b.Open(sealed, purpose); err == nil {
			t.Errorf("opened %q", plain)
		}
	})
}
