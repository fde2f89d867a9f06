package postgrest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// accessLog writes a line for each request in Apache's combined format, with the database role as the user
// (https://docs.postgrest.org/en/v14/references/observability.html#logs).
type accessLog struct {
	write func(line string)
	level func() LogLevel
}

type roleKey struct{}

// noteRole records the role of a request for its log line.
func noteRole(ctx context.Context, role string) {
	if noted, ok := ctx.Value(roleKey{}).(*string); ok {
		*noted = role
	}
}

// wants reports whether a status is logged at a level: server errors from error on, client errors from warn on, the rest
// from info on.
func (l LogLevel) wants(status int) bool {
	switch l {
	case LogCrit:
		return false
	case LogError:
		return status >= http.StatusInternalServerError
	case LogWarn:
		return status >= http.StatusBadRequest
	default:
		return true
	}
}

// counter counts what is written, and remembers the status.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *counter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (a *accessLog) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.level() == LogCrit {
			next.ServeHTTP(w, r)
			return
		}
		role := ""
		counted := &counter{ResponseWriter: w}
		next.ServeHTTP(counted, r.WithContext(context.WithValue(r.Context(), roleKey{}, &role)))
		if a.level().wants(counted.status) {
			a.write(logLine(r, role, counted, time.Now()))
		}
	})
}

func logLine(r *http.Request, role string, answer *counter, now time.Time) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = "-"
	}
	if role == "" {
		role = "-"
	}
	size := "-"
	if answer.bytes > 0 {
		size = fmt.Sprint(answer.bytes)
	}
	return fmt.Sprintf(`%s - %s [%s] "%s %s %s" %d %s "%s" "%s"`, host, role, now.Format("02/Jan/2006:15:04:05 -0700"),
		clean(r.Method), clean(r.URL.RequestURI()), r.Proto, answer.status, size, clean(r.Referer()), clean(r.UserAgent()))
}

// clean keeps a client from writing lines of its own into the log.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == '"' || c == 0x7f {
			return '?'
		}
		return c
	}, text)
}
