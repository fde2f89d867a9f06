package password_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nexus/engine/password"
)

// The SHA-1 of "password" is 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
const (
	hashPrefix = "5BAA6"
	hashSuffix = "1E4C9B93F3F0682250B6CF8331B7EE68FD8"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func TestHIBPAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		leaked bool
		fails  bool
	}{
		"known":                 {http.StatusOK, "003D68EB55068C33ACE09247EE4C639306B:3\r\n" + hashSuffix + ":9\r\n", true, false},
		"the last, without end": {http.StatusOK, "003D68EB55068C33ACE09247EE4C639306B:3\r\n" + hashSuffix + ":1", true, false},
		"unknown":               {http.StatusOK, "003D68EB55068C33ACE09247EE4C639306B:3\r\n", false, false},
		"padding":               {http.StatusOK, hashSuffix + ":0\r\n", false, false},
		"part of a suffix":      {http.StatusOK, hashSuffix[1:] + ":9\r\n", false, false},
		"nothing":               {http.StatusOK, "", false, false},
		"an error":              {http.StatusTooManyRequests, hashSuffix + ":9\r\n", false, true},
		"a page without end":    {http.StatusOK, strings.Repeat("x", 1<<20), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/"+hashPrefix || r.Header.Get("Add-Padding") != "true" || r.URL.RawQuery != "" {
					t.Errorf("%s, with %q", r.URL, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			if leaked, err := (&password.HIBP{URL: url, FailClosed: true}).Breached(t.Context(), "password"); leaked != c.leaked || (err != nil) != c.fails {
				t.Errorf("closed: %v, %v", leaked, err)
			}
			if leaked, err := (&password.HIBP{URL: url}).Breached(t.Context(), "password"); leaked != c.leaked || err != nil {
				t.Errorf("open: %v, %v", leaked, err)
			}
		})
	}
}

// Neither errors nor logs tell anything of a password, not even the part of its hash that the service gets.
func TestHIBPTellsNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // refuses connections from now on
	for _, url := range []string{server.URL + "/", "http://[malformed/"} {
		_, err := (&password.HIBP{URL: url, FailClosed: true}).Breached(t.Context(), "password")
		if err == nil || strings.Contains(err.Error(), hashPrefix) {
			t.Errorf("%s: the error is %v", url, err)
		}
		var log bytes.Buffer
		h := &password.HIBP{URL: url, Log: slog.New(slog.NewTextHandler(&log, nil))}
		if leaked, err := h.Breached(t.Context(), "password"); leaked || err != nil {
			t.Errorf("%s: %v, %v", url, leaked, err)
		}
		if text := log.String(); !strings.Contains(text, "level=WARN") || strings.Contains(text, hashPrefix) {
			t.Errorf("%s: the log is %q", url, text)
		}
	}
}

// Who has gone does not get a password accepted by going.
func TestHIBPCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if leaked, err := (&password.HIBP{URL: url}).Breached(ctx, "password"); leaked || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", leaked, err)
	}
}
