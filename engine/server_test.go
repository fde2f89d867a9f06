package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestRunLeavesNothingRunning(t *testing.T) {
	newDatabase(t) // so that what it starts does not count
	ignored := goleak.IgnoreCurrent()
	r := serve(t, nil)
	if got := r.call(http.MethodGet, readyPath, nil, nil); got.status != http.StatusOK {
		t.Errorf("/ready: %d %s", got.status, got.body)
	}
	if text, err := os.ReadFile(filepath.Join(r.cfg.DataDir, urlFile)); err != nil || string(text) != r.info.URL+"\n" {
		t.Errorf("the data directory says %q (%v), want %s", text, err, r.info.URL)
	}
	keys, err := LoadKeys(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if keys.URL != r.info.URL || keys.AnonKey != r.info.AnonKey || keys.DatabaseURL != r.cfg.DatabaseURL || keys.JWTSecret != testSecret {
		t.Errorf("keys %+v do not fit %+v", keys, r.info)
	}
	r.stop()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, ignored)
	if _, err := os.Stat(filepath.Join(r.cfg.DataDir, urlFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the URL outlives the server: %v", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(r.info.URL, "http://")); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

// A request that takes too long to wait for is told so; everything stops all the same.
func TestStopBreaksRequestsOff(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, `create function public.slow() returns void language plpgsql as $$
			begin perform pg_advisory_lock_shared(43); perform pg_sleep(60); end $$`)
	})
	answered := make(chan response, 1)
	go func() { answered <- r.call(http.MethodPost, "/rest/v1/rpc/slow", nil, nil) }()
	conn, err := pgx.Connect(t.Context(), r.cfg.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(t.Context(), conn)
	running := func() (is bool) {
		err := conn.QueryRow(t.Context(), `select exists (
			select from pg_locks where locktype = 'advisory' and objid = 43 and database = (
				select oid from pg_database where datname = current_database()))`).Scan(&is)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	r.until("the request runs", running)
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	got := <-answered
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "NEXUS503") {
		t.Errorf("%d %v %s, want 503 with Retry-After", got.status, got.header, got.body)
	}
	r.until("the function no longer runs in the database", func() bool { return !running() })
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, "create schema reports", "create table public.todos (id int)")
		cfg.Schemas = []string{"public", "reports"}
	})
	status := func() (answer healthAnswer, code int) {
		got := r.call(http.MethodGet, readyPath, nil, nil)
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
			t.Fatalf("%s: %v", got.body, err)
		}
		return answer, got.status
	}
	if answer, code := status(); code != http.StatusOK || answer != (healthAnswer{Status: statusOK}) {
		t.Errorf("at first: %d %+v", code, answer)
	}
	psql(t, r.cfg.DatabaseURL, "drop schema reports")
	r.until("the failed reload shows", func() bool {
		answer, code := status()
		return code == http.StatusOK && answer.Status == statusDegraded && answer.Reason != ""
	})
	header := map[string]string{"Authorization": "Bearer " + r.token("service_role")}
	if got := r.call(http.MethodGet, "/rest/v1/todos", header, nil); got.status == http.StatusServiceUnavailable {
		t.Errorf("it no longer serves: %d %s", got.status, got.body)
	}
	psql(t, r.cfg.DatabaseURL, "create schema reports")
	r.until("it recovers", func() bool {
		answer, code := status()
		return code == http.StatusOK && answer.Status == statusOK
	})
	if got := r.call(http.MethodHead, readyPath, nil, nil); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
	// Nobody can log in any more, and those who had are gone.
	psql(t, postgresURL, "alter database "+databaseOf(t, r.cfg.DatabaseURL)+" allow_connections false")
	psql(t, postgresURL, "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+databaseOf(t, r.cfg.DatabaseURL)+"'")
	answer, code := status()
	if code != http.StatusServiceUnavailable || answer.Status != statusUnavailable {
		t.Errorf("without a database: %d %+v", code, answer)
	}
	if strings.Contains(answer.Reason, authenticator) || strings.Contains(answer.Reason, "127.0.0.1") {
		t.Errorf("the reason tells too much: %s", answer.Reason)
	}
}

func databaseOf(t *testing.T, connString string) string {
	t.Helper()
	_, rest, _ := strings.Cut(strings.TrimPrefix(connString, "postgresql://"), "/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

func TestKeyRolesAndLog(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, "create function public.me(secret text) returns text language sql return current_user")
	})
	anon, service := r.info.AnonKey, r.token("service_role")
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   string
	}{
		{"nobody", nil, `"anon"`},
		{"anon key", map[string]string{"apikey": anon}, `"anon"`},
		{"service key alone", map[string]string{"apikey": service}, `"service_role"`},
		{"anon key and a token", map[string]string{"apikey": anon, "Authorization": "Bearer " + r.token("authenticated")}, `"authenticated"`},
	} {
		got := r.call(http.MethodGet, "/rest/v1/rpc/me?secret=hush", tt.header, nil)
		if got.body != tt.want {
			t.Errorf("%s: %d %s, want %s", tt.name, got.status, got.body, tt.want)
		}
		if role := strings.Trim(tt.want, `"`); !strings.Contains(r.log.String(), "role="+role) {
			t.Errorf("%s: the log does not name the role", tt.name)
		}
	}
	for _, secret := range []string{anon, service, "hush", testSecret, "shared by"} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the log tells a secret")
		}
	}
}

// A key of servers in a page has leaked.
func TestBrowsersMayBeRefusedServerKeys(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		cfg.Auth.Flows.RefuseBrowserAdmins = true
		psql(t, cfg.DatabaseURL, "create table public.things (id int)")
	})
	keys, err := LoadKeys(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, origin string
		status      int
	}{
		{keys.ServiceRoleKey, "https://app.example.com", http.StatusForbidden},
		{keys.ServiceRoleKey, "", http.StatusOK},
		{keys.AnonKey, "https://app.example.com", http.StatusOK},
	} {
		header := map[string]string{"Apikey": c.key}
		if c.origin != "" {
			header["Origin"] = c.origin
		}
		if got := r.call(http.MethodGet, "/rest/v1/things", header, nil); got.status != c.status {
			t.Errorf("Origin %q: %d %s", c.origin, got.status, got.body)
		}
	}
}

// What a function does to its session ends with the request.
func TestFunctionsKeepTheirSessionToThemselves(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		cfg.PoolSize = 1
		psql(t, cfg.DatabaseURL,
			`create function public.pretend(id text) returns void language sql as $$
				select set_config('request.jwt.claim.sub', id, false) $$`,
			`create function public.prepare() returns void language sql as $$ create temporary table work (id int) $$`)
	})
	const somebody = "11111111-1111-1111-1111-111111111111"
	psql(t, r.cfg.DatabaseURL, "create view public.me as select auth.uid() as id", "notify pgrst, 'reload schema'")
	r.until("the view is served", func() bool {
		return r.call(http.MethodGet, "/rest/v1/me", nil, nil).status == http.StatusOK
	})
	for _, path := range []string{"/rest/v1/rpc/pretend?id=" + somebody, "/rest/v1/rpc/prepare", "/rest/v1/rpc/prepare"} {
		method := http.MethodPost
		if strings.Contains(path, "?") {
			method = http.MethodGet
		}
		if got := r.call(method, path, nil, nil); got.status >= http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got := r.call(http.MethodGet, "/rest/v1/me", nil, nil); got.body != `[{"id":null}]` {
			t.Errorf("after %s the next request is %d %s", path, got.status, got.body)
		}
	}
}

func TestRoleSettingsApply(t *testing.T) {
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, "alter role anon set statement_timeout = '7s'",
			"create function public.patience() returns text language sql return current_setting('statement_timeout')")
	})
	defer psql(t, postgresURL, "alter role anon reset statement_timeout")
	if got := r.call(http.MethodGet, "/rest/v1/rpc/patience", nil, nil); got.body != `"7s"` {
		t.Errorf("%d %s", got.status, got.body)
	}
	psql(t, r.cfg.DatabaseURL, "alter role anon set statement_timeout = '8s'", "notify pgrst, 'reload config'")
	r.until("the new setting applies", func() bool {
		return r.call(http.MethodGet, "/rest/v1/rpc/patience", nil, nil).body == `"8s"`
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		cfg.MaxBodyBytes, cfg.MaxHeaderBytes, cfg.RequestTimeout = 1000, 2048, 300*time.Millisecond
		psql(t, cfg.DatabaseURL, "create function public.slow() returns void language sql begin atomic select pg_sleep(30); end")
	})
	body := strings.Repeat("x", 1001)
	if got := r.call(http.MethodPost, "/rest/v1/t", nil, strings.NewReader(body)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d %s", got.status, got.body)
	}
	// A reader of unknown length is sent in chunks.
	if got := r.call(http.MethodPost, "/rest/v1/t", nil, io.MultiReader(strings.NewReader(body))); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body in chunks: %d %s", got.status, got.body)
	}
	if got := r.call(http.MethodGet, "/rest/v1/t", map[string]string{"X-Long": strings.Repeat("x", 20000)}, nil); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long header: %d %s", got.status, got.body)
	}
	if got := r.call(http.MethodPost, "/rest/v1/rpc/slow", nil, nil); got.status != http.StatusGatewayTimeout {
		t.Errorf("a slow function: %d %s", got.status, got.body)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, "/", http.StatusNotFound, "NEXUS404"},
		{http.MethodGet, "/rest/v2/x", http.StatusNotFound, "NEXUS404"},
		{http.MethodDelete, healthPath, http.StatusMethodNotAllowed, "NEXUS405"},
		{http.MethodGet, healthPath, http.StatusOK, `"ok"`},
		{http.MethodGet, "/rest/v1", http.StatusOK, ""},
		{http.MethodGet, "/rest/v1/", http.StatusOK, ""},
		{http.MethodGet, "/rest/v1/missing", http.StatusNotFound, "PGRST205"},
		{http.MethodOptions, "/rest/v1/missing", http.StatusNotFound, "PGRST205"},
	} {
		got := r.call(tt.method, tt.path, nil, nil)
		if got.status != tt.status || !strings.Contains(got.body, tt.body) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, got.status, got.body, tt.status, tt.body)
		}
		if got.header.Get(requestIDHeader) == "" {
			t.Errorf("%s %s: no request id", tt.method, tt.path)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	cfg := testConfig(t)
	cfg.Listen, cfg.DatabaseURL = listener.Addr().String(), "postgres://127.0.0.1:1/x"
	server, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = server.Run(t.Context(), func(Info) { t.Error("it is ready") })
	if err == nil || !strings.Contains(err.Error(), cfg.Listen+" is in use") || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v, want one that names the address and the option", err)
	}
}

// While the database is down, the server answers that it starts, and a signal ends it.
func TestWaitingForTheDatabase(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	cfg.DatabaseURL = "postgres://postgres@" + nobody + "/postgres?sslmode=disable"
	server, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	handler := server.handler()
	for path, want := range map[string]int{
		healthPath: http.StatusOK, readyPath: http.StatusServiceUnavailable, "/rest/v1/t": http.StatusServiceUnavailable,
	} {
		w := newRecorder(handler, path)
		if w.Code != want || (want == http.StatusServiceUnavailable) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := server.Run(ctx, func(Info) { t.Error("it is ready") }); err != nil {
		t.Errorf("Run: %v, want nil after a signal", err)
	}
}

func TestRefusedByTheDatabase(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	url, err := withUser(newDatabase(t), "postgres", "wrong")
	if err != nil {
		t.Fatal(err)
	}
	cfg.DatabaseURL = url
	server, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context(), func(Info) { t.Error("it is ready") }); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("Run: %v, want PostgreSQL's refusal", err)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ public, addr, want string }{
		{"", "127.0.0.1:8000", "http://127.0.0.1:8000"},
		{"", "0.0.0.0:8000", "http://127.0.0.1:8000"},
		{"", "[::]:8000", "http://127.0.0.1:8000"},
		{"", ":8000", "http://127.0.0.1:8000"},
		{"", "[::1]:8000", "http://[::1]:8000"},
		{"", "db.example.org:80", "http://db.example.org:80"},
		{"https://api.example.org/", "0.0.0.0:8000", "https://api.example.org"},
	} {
		if got := baseURL(&Config{PublicURL: tt.public}, tt.addr); got != tt.want {
			t.Errorf("baseURL(%q, %q) = %s, want %s", tt.public, tt.addr, got, tt.want)
		}
	}
}
