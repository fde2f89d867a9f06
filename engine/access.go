package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// requestIDHeader carries the id of a request both ways.
const requestIDHeader = "X-Request-Id"

// maxRequestID is the longest id that is taken over from a client, in bytes.
const maxRequestID = 128

// record is what is known of one request beside the request itself. It is the request's context and holds the writer of its
// answer, so that both cost one allocation.
type record struct {
	context.Context
	writer countingWriter
	id     [1]string // the value of a header as it is
	role   string
}

// Value implements context.Context.
func (r *record) Value(key any) any {
	if key == (recordKey{}) {
		return r
	}
	return r.Context.Value(key)
}

type recordKey struct{}

// recordOf returns the record of the request that ctx belongs to, or nil.
func recordOf(ctx context.Context) *record {
	r, _ := ctx.Value(recordKey{}).(*record)
	return r
}

// setRole notes as whom the request runs.
func setRole(ctx context.Context, role string) {
	if r := recordOf(ctx); r != nil {
		r.role = role
	}
}

// access gives every request its id and its time, and logs how it ended. The log names no query, token or body: any of them
// may hold secrets.
func access(next http.Handler, log *slog.Logger, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &record{Context: r.Context(), writer: countingWriter{ResponseWriter: w}}
		// Functions and files have limits of their own, for some of them stream.
		if timeout > 0 && !strings.HasPrefix(r.URL.Path, functionsPath+"/") && !strings.HasPrefix(r.URL.Path, storagePath+"/") {
			var cancel context.CancelFunc
			rec.Context, cancel = context.WithTimeout(rec.Context, timeout)
			defer cancel()
		}
		if rec.id[0] = r.Header.Get(requestIDHeader); !saneRequestID(rec.id[0]) {
			rec.id[0] = newRequestID()
			// The database sees the id among the request's headers.
			r.Header[requestIDHeader] = rec.id[:]
		}
		w.Header()[requestIDHeader] = rec.id[:]
		defer func() {
			status := rec.writer.status
			level := levelOf(r, status)
			if !log.Enabled(rec, level) {
				return
			}
			log.LogAttrs(rec, level, "request",
				slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
				slog.String("role", rec.role), slog.Int64("bytes", rec.writer.bytes), slog.Duration("duration", time.Since(start)))
		}()
		next.ServeHTTP(&rec.writer, r.WithContext(rec))
	})
}

// levelOf keeps probes out of the log and lets failures of the server stand out.
func levelOf(r *http.Request, status int) slog.Level {
	probe := r.URL.Path == healthPath || r.URL.Path == readyPath
	failed := status >= http.StatusInternalServerError
	switch {
	case probe && failed:
		return slog.LevelWarn
	case probe:
		return slog.LevelDebug
	case failed:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// saneRequestID reports whether a client's id can be repeated in headers and logs.
func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=', c == '@':
		default:
			return false
		}
	}
	return true
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// countingWriter remembers the status and counts the body's bytes.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *countingWriter) WriteHeader(status int) {
	// Informational answers come before the one that counts.
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom, so that the kernel can send files.
func (w *countingWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	to, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	n, err := to.ReadFrom(r)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// requestLog adds the request's id to every line that is logged with its context.
type requestLog struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestLog) Handle(ctx context.Context, line slog.Record) error {
	if r := recordOf(ctx); r != nil {
		line.AddAttrs(slog.String("request_id", r.id[0]))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h requestLog) WithGroup(name string) slog.Handler { return requestLog{h.Handler.WithGroup(name)} }
