package seal

import (
	"bytes"
	"errors"
	"testing"
)

func TestBox(t *testing.T) {
	t.Parallel()
	box, err := New([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := New([]byte("another secret"))
	sealed := box.Seal([]byte("api key"), "tenant bosta")
	if bytes.Contains(sealed, []byte("api key")) || bytes.Equal(sealed, box.Seal([]byte("api key"), "tenant bosta")) {
		t.Error("the text shows, or two seals are the same")
	}
	if text, err := box.Open(sealed, "tenant bosta"); err != nil || string(text) != "api key" {
		t.Errorf("%q %v", text, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another place":   func() ([]byte, error) { return box.Open(sealed, "tenant other") },
		"another key":     func() ([]byte, error) { return other.Open(sealed, "tenant bosta") },
		"changed":         func() ([]byte, error) { return box.Open(changed, "tenant bosta") },
		"another version": func() ([]byte, error) { return box.Open(append([]byte{2}, sealed[1:]...), "tenant bosta") },
		"short":           func() ([]byte, error) { return box.Open(sealed[:5], "tenant bosta") },
		"empty":           func() ([]byte, error) { return box.Open(nil, "tenant bosta") },
	} {
		if text, err := open(); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	if _, err := New(nil); err == nil {
		t.Error("a box without a secret")
	}
	if one, two := Token(), Token(); len(one) != 43 || one == two {
		t.Error(one, two)
	}
}
