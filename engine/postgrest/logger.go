package postgrest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logTime is how PostgREST begins its lines.
const logTime = "02/Jan/2006:15:04:05 -0700: "

// NewLogHandler writes log records as PostgREST writes its own: a line each, with the time before it
// (https://docs.postgrest.org/en/v14/references/observability.html#logs). What a record has besides its message follows as
// name=value.
func NewLogHandler(w io.Writer) slog.Handler { return &logHandler{lines: &lines{w: w}} }

// lines writes one line at a time.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

type logHandler struct {
	lines *lines
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString(r.Time.Format(logTime))
	line.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		text := a.Value.String()
		if strings.ContainsAny(text, " \"\n") {
			text = fmt.Sprintf("%q", text)
		}
		line.WriteString(" " + a.Key + "=" + text)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	line.WriteByte('\n')
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	_, err := io.WriteString(h.lines.w, line.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{lines: h.lines, attrs: append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

// WithGroup implements slog.Handler; names are not grouped.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

// levelled passes records on unless the log level is crit, at which nothing of requests is logged.
type levelled struct {
	slog.Handler
	level func() LogLevel
}

// Enabled implements slog.Handler.
func (h levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return h.level() != LogCrit && h.Handler.Enabled(ctx, level)
}

// milliseconds writes a duration as PostgREST does.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f milliseconds", float64(d)/float64(time.Millisecond))
}
