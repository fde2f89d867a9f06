package engine

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the smallest body that is compressed, in bytes: a smaller one fits into a packet as it is.
const minCompressed = 1400

// newCompression makes what encodes bodies with zstd or gzip for clients that accept it (RFC 9110, section 12.5.3), at the
// levels that cost the least.
func newCompression() (func(http.Handler) http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(1))
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		encoded := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(rangeHider{w}, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Accept-Encoding"] == nil {
				w.Header()["Vary"] = varyByEncoding
				next.ServeHTTP(w, r)
				return
			}
			encoded.ServeHTTP(rangeShower{w}, r)
		})
	}, nil
}

// varyByEncoding is what the library adds to every answer. Nobody appends to it in place, because it has no room.
var varyByEncoding = []string{"Accept-Encoding"}

// hiddenRange is where Content-Range is while the library looks at the headers: it takes all ranges for ranges of bytes,
// which would not survive an encoding. PostgREST's are ranges of rows.
const hiddenRange = "Nexus-Content-Range"

type rangeHider struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w rangeHider) WriteHeader(status int) {
	moveHeader(w.Header(), "Content-Range", hiddenRange)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w rangeHider) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type rangeShower struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w rangeShower) WriteHeader(status int) {
	moveHeader(w.Header(), hiddenRange, "Content-Range")
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w rangeShower) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func moveHeader(header http.Header, from, to string) {
	if values, ok := header[from]; ok {
		delete(header, from)
		header[to] = values
	}
}
