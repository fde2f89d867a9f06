package openapi

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzWriterText(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\\n\r\t\x00\x1f\x7f", "é\u2028😀", "\xff\xc3x", "\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var w writer
		w.text("<", s)
		var got string
		if err := json.Unmarshal(w.buf, &got); err != nil {
			t.Fatalf("%q became %s: %v", s, w.buf, err)
		}
		// Decoding replaces bytes that are not UTF-8 one by one, as the writer does.
		if want := "<" + string([]rune(s)); got != want {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestWriterPlacesCommas(t *testing.T) {
	t.Parallel()
	var w writer
	w.array(func() {
		w.object(func() {
			w.member("a", "[")
			w.member("b", "{", ":")
			w.optional("c", "")
			w.flag("d", true)
			w.number("e", 12)
			w.list("f")
			w.list("g", "x", "y")
		})
		w.array(func() {})
		w.raw([]byte("null"))
		w.text("z")
	})
	want := `[{"a":"[","b":"{:","d":true,"e":12,"f":[],"g":["x","y"]},[],null,"z"]`
	if got := string(w.buf); got != want || strings.Contains(got, ",,") {
		t.Errorf("got %s, want %s", got, want)
	}
}
