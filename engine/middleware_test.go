package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// logBuffer is a logger of the server's kind and what it wrote, line by line.
func logBuffer() (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	return slog.New(requestLog{slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})}), &out
}

func logLines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	log, out := logBuffer()
	h := access(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRole(r.Context(), "authenticated")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "12345")
	}), log, 0)
	r := httptest.NewRequest(http.MethodPost, "/rest/v1/todos?secret=eq.hush", strings.NewReader(`{"body":"hush"}`))
	r.Header.Set("Authorization", "Bearer hush")
	r.Header.Set("Apikey", "hush")
	r.Header.Set(requestIDHeader, "abc-1")
	h.ServeHTTP(httptest.NewRecorder(), r)

	if strings.Contains(out.String(), "hush") {
		t.Errorf("the log tells secrets: %s", out)
	}
	lines := logLines(t, out)
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1: %s", len(lines), out)
	}
	for name, want := range map[string]any{
		"level": "INFO", "method": "POST", "path": "/rest/v1/todos", "status": 201.0, "bytes": 5.0,
		"role": "authenticated", "request_id": "abc-1",
	} {
		if got := lines[0][name]; got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if _, ok := lines[0]["duration"].(float64); !ok {
		t.Errorf("duration is %v", lines[0]["duration"])
	}
}

func TestAccessLogLevels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/rest/v1/todos", 200, "INFO"},
		{"/rest/v1/todos", 404, "INFO"},
		{"/rest/v1/todos", 503, "ERROR"},
		{healthPath, 200, "DEBUG"},
		{readyPath, 200, "DEBUG"},
		{readyPath, 503, "WARN"},
	} {
		log, out := logBuffer()
		h := access(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) }), log, 0)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, tt.path, nil))
		if got := logLines(t, out)[0]["level"]; got != tt.want {
			t.Errorf("%s with %d: level %v, want %s", tt.path, tt.status, got, tt.want)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		sent string
		kept bool
	}{
		{"none", "", false},
		{"uuid", "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30", true},
		{"trace", "Root=1-67891233-abcdef012345678912345678", true},
		{"longest", strings.Repeat("a", maxRequestID), true},
		{"too long", strings.Repeat("a", maxRequestID+1), false},
		{"space", "a b", false},
		{"quote", `a"b`, false},
		{"control", "a\x1bb", false},
		{"not ASCII", "é", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var seen string
			h := access(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = r.Header.Get(requestIDHeader)
			}), slog.New(slog.DiscardHandler), 0)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tt.sent != "" {
				r.Header[requestIDHeader] = []string{tt.sent}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header().Get(requestIDHeader)
			if got == "" || got != seen {
				t.Errorf("answered id %q, the handler saw %q", got, seen)
			}
			if kept := got == tt.sent; kept != tt.kept {
				t.Errorf("sent %q, got %q", tt.sent, got)
			}
		})
	}
	if a, b := newRequestID(), newRequestID(); a == b {
		t.Error("two ids are the same")
	}
}

func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, time.Hour} {
		h := access(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			deadline, ok := r.Context().Deadline()
			if ok != (timeout > 0) || (ok && time.Until(deadline) > timeout) {
				t.Errorf("with timeout %v: deadline %v, %v", timeout, deadline, ok)
			}
		}), slog.New(slog.DiscardHandler), timeout)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
}

func TestGatewayKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header map[string]string
		want   string
	}{
		{"nothing", nil, ""},
		{"key alone", map[string]string{"apikey": "k"}, "Bearer k"},
		{"token alone", map[string]string{"Authorization": "Bearer t"}, "Bearer t"},
		{"both", map[string]string{"apikey": "k", "Authorization": "Bearer t"}, "Bearer t"},
		{"key and something else", map[string]string{"apikey": "k", "Authorization": "Basic x"}, "Basic x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			var got string
			gatewayKey(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("Authorization %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLimitBody(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]int{9: http.StatusOK, 10: http.StatusOK, 11: http.StatusRequestEntityTooLarge} {
		h := limitBody(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), 10)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", length))))
		if w.Code != want {
			t.Errorf("%d bytes: status %d, want %d", length, w.Code, want)
		}
	}
}

func TestPanicBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	log, out := logBuffer()
	h := access(survive(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "0-1/2")
		panic("inner detail")
	}), log), log, 0)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "inner") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	if w.Header().Get("Content-Range") != "" || w.Header().Get(requestIDHeader) == "" {
		t.Errorf("headers %v: want none of the failed answer, but the request id", w.Header())
	}
	if !strings.Contains(out.String(), "inner detail") || !strings.Contains(out.String(), "middleware_test.go") {
		t.Errorf("the log has no trace of the panic: %s", out)
	}
}

func TestPanicWithinTheAnswer(t *testing.T) {
	t.Parallel()
	log, out := logBuffer()
	server := httptest.NewServer(access(survive(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		panic("inner detail")
	}), log), log, 0))
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes %q for a whole answer", body)
	}
	_ = resp.Body.Close()
	server.Close()
	if !strings.Contains(out.String(), "inner detail") {
		t.Errorf("the log has no trace of the panic: %s", out)
	}
}

func TestLogWithoutRequest(t *testing.T) {
	t.Parallel()
	log, out := logBuffer()
	log.With("a", 1).WithGroup("g").InfoContext(context.Background(), "hello", "b", 2)
	if strings.Contains(out.String(), "request_id") {
		t.Errorf("a line of no request has an id: %s", out)
	}
}

func newRecorder(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}
