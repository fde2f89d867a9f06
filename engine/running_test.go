package engine

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"nexus/rls"
)

const testSecret = "a secret of at least thirty-two bytes"

// running is a server in this process on a database of its own.
type running struct {
	t      testing.TB
	info   Info
	cfg    Config
	cancel context.CancelFunc
	done   chan error
	log    *safeBuffer
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func testConfig(t testing.TB) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen, cfg.DataDir, cfg.JWTSecret = "127.0.0.1:0", t.TempDir(), testSecret
	cfg.AuthenticatorPassword = "shared by the servers of these tests"
	return cfg
}

// serve runs a server until the test ends, and returns when it is ready.
func serve(t testing.TB, change func(*Config)) *running {
	t.Helper()
	cfg := testConfig(t)
	cfg.DatabaseURL = newDatabase(t)
	// Only one of the databases can have made the role; the password is the server's all the same.
	if _, err := migrate(t.Context(), cfg.DatabaseURL, AppNone, MigrateUp, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	openLogins(t, &cfg)
	if change != nil {
		change(&cfg)
	}
	r := launch(t, cfg)
	t.Cleanup(func() { r.stop() })
	return r
}

// openLogins gives the roles that the server logs in as the passwords of the configuration.
func openLogins(t testing.TB, cfg *Config) {
	t.Helper()
	for _, role := range []string{authenticator, authAdmin} {
		l := login{Role: role, OwnerURL: cfg.DatabaseURL, Password: cfg.AuthenticatorPassword, Ours: true}
		if _, err := l.open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func launch(t testing.TB, cfg Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{t: t, cfg: cfg, cancel: cancel, done: make(chan error, 1), log: new(safeBuffer)}
	server, err := New(cfg, slog.New(slog.NewTextHandler(r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan Info, 1)
	go func() { r.done <- server.Run(ctx, func(info Info) { ready <- info }) }()
	select {
	case r.info = <-ready:
	case err := <-r.done:
		t.Fatalf("Run: %v\n%s", err, r.log)
	}
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run: %v", err)
	}
	r.done <- nil
}

func (r *running) token(role string) string {
	r.t.Helper()
	token, err := rls.Issue([]byte(testSecret), role, nil, time.Now(), time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

type response struct {
	status int
	header http.Header
	body   string
}

func (r *running) call(method, path string, header map[string]string, body io.Reader) response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.info.URL+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(text)}
}

// until polls: the schema is reloaded by a notification, which arrives when it does.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not in time\n%s", what, r.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
