package engine

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestCompression compares encoded answers, whole and streamed, with plain ones.
func TestCompression(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		cfg.StreamAbove = 64 << 10
		psql(t, cfg.DatabaseURL, "create view public.numbers as select n, 'number ' || n as name from generate_series(1, 20000) n",
			"create view public.broken as select n, 1 / (19000 - n) as q from generate_series(1, 20000) n",
			"grant select on public.numbers, public.broken to anon")
	})
	read := func(path, encoding string) (body string, header http.Header, err error) {
		t.Helper()
		got := r.call(http.MethodGet, path, map[string]string{"Accept-Encoding": encoding}, nil)
		switch got.header.Get("Content-Encoding") {
		case "zstd":
			decoder, err := zstd.NewReader(strings.NewReader(got.body))
			if err != nil {
				t.Fatal(err)
			}
			defer decoder.Close()
			text, err := io.ReadAll(decoder)
			return string(text), got.header, err
		case "gzip":
			decoder, err := gzip.NewReader(strings.NewReader(got.body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(decoder)
			return string(text), got.header, err
		}
		return got.body, got.header, nil
	}
	for _, path := range []string{"/rest/v1/numbers?limit=100", "/rest/v1/numbers", "/rest/v1/numbers?limit=1"} {
		want, plain, err := read(path, "identity")
		if err != nil || plain.Get("Content-Encoding") != "" || plain.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%s: %v, headers %v", path, err, plain)
		}
		for accepted, chosen := range map[string]string{"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "br": ""} {
			if strings.HasSuffix(path, "limit=1") {
				chosen = "" // it fits into a packet
			}
			got, header, err := read(path, accepted)
			if err != nil || got != want {
				t.Errorf("%s in %s: error %v, %d bytes, want %d", path, accepted, err, len(got), len(want))
			}
			if e := header.Get("Content-Encoding"); e != chosen {
				t.Errorf("%s: encoding %q, want %q", path, e, chosen)
			}
			if header.Get("Content-Range") != plain.Get("Content-Range") || header.Get(hiddenRange) != "" {
				t.Errorf("%s: range %q, want %q", path, header.Get("Content-Range"), plain.Get("Content-Range"))
			}
			if header.Get("Etag") != plain.Get("Etag") {
				t.Errorf("%s: ETag %s, want %s", path, header.Get("Etag"), plain.Get("Etag"))
			}
		}
	}
	// Compressed or not, an answer that breaks off must not look whole.
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.info.URL+"/rest/v1/broken", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: the answer ended as if it were whole", encoding)
		}
		_ = resp.Body.Close()
	}
}

// TestVaryWithoutEncodings checks that caches learn what the answer depends on from one who accepts no encoding, too.
func TestVaryWithoutEncodings(t *testing.T) {
	t.Parallel()
	compress, err := newCompression()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("long enough to be compressed ", 100)
	h := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Vary", "Origin")
		_, _ = io.WriteString(w, text)
	}))
	for range 2 { // what one answer adds must not show in the next
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := w.Header()["Vary"]; !slices.Equal(got, []string{"Accept-Encoding", "Origin"}) {
			t.Errorf("Vary is %q", got)
		}
		if w.Header().Get("Content-Encoding") != "" || w.Body.String() != text {
			t.Errorf("the answer is encoded: %v", w.Header())
		}
	}
}
