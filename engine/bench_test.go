package engine

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// emptyWriter is a ResponseWriter that allocates nothing itself.
type emptyWriter struct{ header http.Header }

func (w emptyWriter) Header() http.Header         { return w.header }
func (w emptyWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w emptyWriter) WriteHeader(int)             {}

// passage returns a function that takes one request through everything that stands before rest/v1, and back.
func passage(tb testing.TB, header http.Header) func() {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.DataDir, cfg.RequestTimeout = tb.TempDir(), time.Minute
	server, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	body := []byte(`[{"id":1}]`)
	contentType := []string{"application/json; charset=utf-8"}
	server.backend.Store(&backend{rest: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRole(r.Context(), "authenticated")
		w.Header()["Content-Type"] = contentType
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	})})
	handler := server.handler()
	r := httptest.NewRequest(http.MethodGet, restPath+"/items?id=eq.1", nil)
	r.Header = header
	traced := header[requestIDHeader] != nil
	w := emptyWriter{make(http.Header)}
	return func() {
		clear(w.header)
		if !traced {
			delete(header, requestIDHeader) // that of the last time
		}
		handler.ServeHTTP(w, r)
		if len(w.header["Content-Type"]) != 1 || len(w.header[requestIDHeader]) != 1 {
			tb.Fatalf("the request did not get through: %v", w.header)
		}
	}
}

// journey is a request by what of it the middlewares look at.
type journey struct {
	name   string
	header http.Header
}

func journeys() []journey {
	token := "Bearer " + strings.Repeat("t", 300)
	return []journey{
		{"plain", http.Header{"Authorization": {token}}},
		{"traced", http.Header{"Authorization": {token}, requestIDHeader: {"abc-1"}}},
		{"encoded", http.Header{"Authorization": {token}, "Accept-Encoding": {"gzip, zstd"}}},
		{"gateway", http.Header{"Authorization": {token}, "Apikey": {strings.Repeat("k", 300)}}},
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for _, j := range journeys() {
		b.Run(j.name, func(b *testing.B) {
			pass := passage(b, j.header)
			b.ReportAllocs()
			for b.Loop() {
				pass()
			}
		})
	}
}
