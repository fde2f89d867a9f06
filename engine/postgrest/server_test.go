package postgrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexus/rls"
	"nexus/schema/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSecret = "a secret of thirty-two bytes, or more"

const fixture = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'standin_login') then
		create role standin_login login noinherit;
		create role standin_anon nologin;
		create role standin_user nologin;
		grant standin_anon, standin_user to standin_login;
	end if;
end $$;
create table things (id int primary key, name text);
insert into things values (1, 'one'), (2, 'two'), (3, 'three');
create schema other;
create table other.elsewhere (id int);
create function whoami() returns text language sql as 'select current_user::text';
create function application() returns text language sql as $$ select current_setting('application_name') $$;
create function patience() returns text language sql as $$ select current_setting('statement_timeout') $$;
create function configure() returns void language plpgsql as $$ begin
	perform set_config('pgrst.db_max_rows', '2', true), set_config('pgrst.db_schemas', 'public,other', true);
end $$;
create function fail() returns void language plpgsql as $$ begin raise exception 'on purpose' using errcode = '57014'; end $$;
grant usage on schema other to standin_anon;
grant all on all tables in schema public, other to standin_anon, standin_user;
`

// buffer is a log that is read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// standin is a Server that runs for a test.
type standin struct {
	t        *testing.T
	database *pgtest.DB
	server   *Server
	client   *http.Client
	base     string
	admin    string
	log      *buffer
	requests *buffer
	done     chan error
	stop     context.CancelFunc
}

// prepare reads a configuration for a fresh database. Settings are lines of the file.
func prepare(t *testing.T, settings ...string) *standin {
	t.Helper()
	s := &standin{t: t, database: pgtest.New(t, fixture), log: &buffer{}, requests: &buffer{}, done: make(chan error, 1)}
	s.load(s.database.URLAs("standin_login"), settings)
	return s
}

func (s *standin) load(uri string, settings []string) {
	s.t.Helper()
	socket := filepath.Join(s.t.TempDir(), "api.sock")
	adminPort := freePort(s.t)
	lines := append([]string{
		fmt.Sprintf("db-uri = %q", uri), `db-anon-role = "standin_anon"`, fmt.Sprintf("jwt-secret = %q", testSecret),
		fmt.Sprintf("server-unix-socket = %q", socket), `admin-server-host = "127.0.0.1"`, "admin-server-port = " + strconv.Itoa(adminPort),
		`log-level = "info"`,
	}, settings...)
	source := Source{Path: write(s.t, "standin.conf", strings.Join(lines, "\n"))}
	server, err := New(source, slog.New(NewLogHandler(s.log)), func(line string) { _, _ = fmt.Fprintln(s.requests, line) })
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.server, s.client, s.base, s.admin = server, &http.Client{Transport: transport}, "http://standin", "http://127.0.0.1:"+strconv.Itoa(adminPort)
}

func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run serves until the test ends.
func (s *standin) run() *standin {
	s.t.Helper()
	select {
	case <-s.begin():
	case err := <-s.done:
		s.done <- err
		s.t.Fatal(err)
	}
	return s
}

// begin runs the server; the channel is closed when it listens, if it comes to that.
func (s *standin) begin() <-chan struct{} {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	s.stop = stop
	listening := make(chan struct{})
	go func() { s.done <- s.server.Run(ctx, func(net.Addr) { close(listening) }) }()
	s.t.Cleanup(func() { _ = s.end() })
	return listening
}

// end stops the server and returns what Run returned.
func (s *standin) end() error {
	s.stop()
	err := <-s.done
	s.done <- err
	http.DefaultClient.CloseIdleConnections()
	return err
}

// start makes and runs a server and waits until it is ready.
func start(t *testing.T, settings ...string) *standin {
	t.Helper()
	s := prepare(t, settings...).run()
	s.until("it is ready", func() bool { return s.adminStatus("/ready") == http.StatusOK })
	return s
}

func (s *standin) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not in time; the log:\n%s", what, s.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *standin) ask(client *http.Client, target string, header map[string]string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, text := range header {
		r.Header.Set(name, text)
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (s *standin) get(path string, header map[string]string) answer {
	s.t.Helper()
	return s.ask(s.client, s.base+path, header)
}

func (s *standin) adminStatus(path string) int {
	s.t.Helper()
	return s.ask(http.DefaultClient, s.admin+path, nil).status
}

func bearer(t *testing.T, secret, role string) map[string]string {
	t.Helper()
	token, err := rls.Issue([]byte(secret), role, nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Authorization": "Bearer " + token}
}

func TestServes(t *testing.T) {
	t.Parallel()
	s := start(t, "server-unix-socket-mode = \"640\"")
	got := s.get("/things?select=name&id=eq.1", nil)
	if got.status != http.StatusOK || got.body != `[{"name":"one"}]` || got.header.Get("Content-Location") != "/things?id=eq.1&select=name" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	if server := got.header.Get("Server"); server != "postgrest/14.0" {
		t.Errorf("Server: %s", server)
	}
	if got := s.get("/rpc/whoami", bearer(t, testSecret, "standin_user")); got.body != `"standin_user"` {
		t.Errorf("as a user: %d %s", got.status, got.body)
	}
	if got := s.get("/rpc/application", nil); got.body != `"PostgREST 14.0"` {
		t.Errorf("the application's name is %s", got.body)
	}
	info, err := os.Stat(s.server.first.ServerUnixSocket)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the socket: %v, error %v", info, err)
	}
	if err := s.end(); err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	s := start(t)
	if got := s.ask(http.DefaultClient, s.admin+"/config", nil).body; strings.Contains(got, testSecret) || strings.Contains(got, "pgtest") ||
		!strings.Contains(got, "jwt-secret = \"(hidden)\"\n") {
		t.Errorf("the configuration tells its secrets:\n%s", got)
	}
	for path, want := range map[string]struct {
		contentType string
		text        string
	}{
		"/live":         {"", ""},
		"/ready":        {"", ""},
		"/config":       {"text/plain; charset=utf-8", "db-anon-role = \"standin_anon\"\n"},
		"/schema_cache": {"application/json; charset=utf-8", `"things"`},
		"/metrics":      {"text/plain; charset=utf-8", "pgrst_schema_cache_loads_total{status=\"SUCCESS\"} 1\n"},
	} {
		got := s.ask(http.DefaultClient, s.admin+path, nil)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != want.contentType || !strings.Contains(got.body, want.text) {
			t.Errorf("%s: %d %s\n%.2000s", path, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := s.adminStatus("/nothing"); got != http.StatusNotFound {
		t.Errorf("/nothing: %d", got)
	}
	for _, name := range []string{
		"pgrst_schema_cache_query_time_seconds", "pgrst_db_pool_available", "pgrst_db_pool_waiting", "pgrst_db_pool_max 10", "pgrst_db_pool_timeouts_total",
	} {
		if got := s.ask(http.DefaultClient, s.admin+"/metrics", nil); !strings.Contains(got.body, name) {
			t.Errorf("no metric %s", name)
		}
	}
	var cache map[string]any
	if err := json.Unmarshal([]byte(s.ask(http.DefaultClient, s.admin+"/schema_cache", nil).body), &cache); err != nil {
		t.Error(err)
	}
}

// TestInDatabaseConfiguration sets options on the login role, for all databases and for this one, which wins.
func TestInDatabaseConfiguration(t *testing.T) {
	t.Parallel()
	s := prepare(t, "db-max-rows = 3")
	name, err := url.Parse(s.database.URL)
	if err != nil {
		t.Fatal(err)
	}
	here := "alter role standin_login in database " + strings.TrimPrefix(name.Path, "/")
	s.database.Exec(t, here+" set pgrst.db_max_rows = '1'")
	s.database.Exec(t, here+" set pgrst.db_schemas = 'other, public'")
	s.database.Exec(t, here+" set pgrst.server_port = '1'") // not an option of the database
	s.run()
	s.until("it is ready", func() bool { return s.adminStatus("/ready") == http.StatusOK })
	if got := s.get("/elsewhere", nil); got.status != http.StatusOK {
		t.Errorf("the first schema of the database: %d %s", got.status, got.body)
	}
	if got := s.get("/things", map[string]string{"Accept-Profile": "public"}); got.header.Get("Content-Range") != "0-0/*" {
		t.Errorf("%d %s %s", got.status, got.header.Get("Content-Range"), got.body)
	}
	s.database.Exec(t, here+" set pgrst.db_max_rows = '2'")
	s.database.Exec(t, "notify pgrst, 'reload config'")
	s.until("the new limit applies", func() bool {
		return s.get("/things", map[string]string{"Accept-Profile": "public"}).header.Get("Content-Range") == "0-1/*"
	})
	s.database.Exec(t, here+" set pgrst.openapi_mode = 'nonsense'")
	s.database.Exec(t, "notify pgrst, 'reload config'")
	s.until("the invalid configuration is refused", func() bool {
		return strings.Contains(s.log.String(), "Failed reloading config: Error in config Invalid openapi-mode.")
	})
	if got := s.get("/things", map[string]string{"Accept-Profile": "public"}); got.header.Get("Content-Range") != "0-1/*" {
		t.Errorf("the old configuration is gone: %s", got.header.Get("Content-Range"))
	}
	if !strings.Contains(s.log.String(), `Received a config reload message on the "pgrst" channel`) {
		t.Error("the log does not tell of the message")
	}
}

func TestPreConfig(t *testing.T) {
	t.Parallel()
	s := start(t, `db-pre-config = "public.configure"`)
	if got := s.get("/things", nil); got.header.Get("Content-Range") != "0-1/*" {
		t.Errorf("%d %s", got.status, got.header.Get("Content-Range"))
	}
	if got := s.get("/elsewhere", map[string]string{"Accept-Profile": "other"}); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestDatabaseIsNotAsked turns db-config off, so that what the database says does not count.
func TestDatabaseIsNotAsked(t *testing.T) {
	t.Parallel()
	s := start(t, "db-config = false", `db-pre-config = "public.configure"`)
	if got := s.get("/things", nil); got.header.Get("Content-Range") != "0-2/*" {
		t.Errorf("%d %s", got.status, got.header.Get("Content-Range"))
	}
}

// TestReloads changes the secret's file and the schema.
func TestReloads(t *testing.T) {
	t.Parallel()
	const next = "another secret of thirty-two bytes or more"
	file := write(t, "secret", testSecret)
	s := start(t, fmt.Sprintf("jwt-secret = %q", "@"+file), "db-config = false")
	if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	s.server.ReloadSchema()
	s.until("the schema was read again", func() bool { return strings.Count(s.log.String(), "Schema cache loaded") == 2 })
	if got := s.get("/rpc/whoami", bearer(t, testSecret, "standin_user")); got.status != http.StatusOK {
		t.Errorf("reading the schema changed the secret: %d", got.status)
	}
	if err := s.server.ReloadConfig(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/rpc/whoami", bearer(t, testSecret, "standin_user")); got.status != http.StatusUnauthorized {
		t.Errorf("the old secret, remembered: %d %s", got.status, got.body)
	}
	if got := s.get("/rpc/whoami", bearer(t, next, "standin_user")); got.status != http.StatusOK {
		t.Errorf("the new secret: %d %s", got.status, got.body)
	}
	s.database.Exec(t, "create table later (id int); grant select on later to standin_anon; notify pgrst, 'reload schema'")
	s.until("the new table is served", func() bool { return s.get("/later", nil).status == http.StatusOK })
	s.database.Exec(t, "notify pgrst, 'something else'")
	if err := os.WriteFile(file, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.server.ReloadConfig(t.Context()); err == nil {
		t.Error("a secret that is too short was taken")
	}
	if got := s.get("/rpc/whoami", bearer(t, next, "standin_user")); got.status != http.StatusOK {
		t.Errorf("the secret that is in force: %d %s", got.status, got.body)
	}
}

// TestLoginRoleSettings changes a setting of the login role, which connections have from their beginning.
func TestLoginRoleSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	name, err := url.Parse(s.database.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.get("/rpc/patience", nil); got.body != `"0"` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.database.Exec(t, "alter role standin_login in database "+strings.TrimPrefix(name.Path, "/")+" set statement_timeout = '7s'")
	s.server.ReloadSchema()
	s.until("new connections have the setting", func() bool { return s.get("/rpc/patience", nil).body == `"7s"` })
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	for level, want := range map[string][]int{"crit": nil, "error": {500}, "warn": {500, 404}, "info": {500, 404, 200}} {
		s := start(t, fmt.Sprintf("log-level = %q", level))
		for _, path := range []string{"/rpc/fail", "/unknown", "/things?select=id"} {
			s.get(path, map[string]string{"User-Agent": "test\"er", "Referer": "from\there"})
		}
		log := s.requests.String()
		if lines := strings.Count(log, "\n"); lines != len(want) {
			t.Errorf("%s: %d lines, want %d:\n%s", level, lines, len(want), log)
		}
		for _, status := range want {
			line := regexp.MustCompile(`(?m)^- - standin_anon \[.+\] "GET /\S+ HTTP/1.1" ` + strconv.Itoa(status) + ` \d+ "from\?here" "test\?er"$`)
			if !line.MatchString(log) {
				t.Errorf("%s: no line for %d in\n%s", level, status, log)
			}
		}
		if failures := strings.Contains(s.log.String(), "on purpose"); failures != (level != "crit") {
			t.Errorf("%s: the failure is in the log: %v\n%s", level, failures, s.log)
		}
	}
}

func TestStartupLog(t *testing.T) {
	t.Parallel()
	s := start(t, "log-query = true")
	for _, want := range []string{
		"Starting PostgREST 14.0...", "Admin server listening on 127.0.0.1:", "API server listening on ", "Schema cache queried in ",
		"Schema cache loaded 1 Relations, 0 Relationships, 5 Functions", "log-query has no effect",
	} {
		if !regexp.MustCompile(`(?m)^\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}: ` + regexp.QuoteMeta(want)).MatchString(s.log.String()) {
			t.Errorf("no line %q in\n%s", want, s.log)
		}
	}
}

// TestUnreachable starts without a database: the API answers 503, and the admin server says so, until the end.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := &standin{t: t, log: &buffer{}, requests: &buffer{}, done: make(chan error, 1)}
	s.load("postgresql://nobody@127.0.0.1:"+strconv.Itoa(freePort(t))+"/nothing", nil)
	s.run()
	if got := s.get("/things", nil); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "PGRST002") || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	if live, ready := s.adminStatus("/live"), s.adminStatus("/ready"); live != http.StatusOK || ready != http.StatusServiceUnavailable {
		t.Errorf("/live %d, /ready %d", live, ready)
	}
	s.until("the log tells why", func() bool {
		return strings.Contains(s.log.String(), "Failed to load the schema cache using db-schemas=public and db-extra-search-path=public. ")
	})
	s.until("the metrics count it", func() bool {
		return strings.Contains(s.ask(http.DefaultClient, s.admin+"/metrics", nil).body, `pgrst_schema_cache_loads_total{status="FAIL"}`)
	})
}

// TestFatal expects the server to end where trying again is of no use.
func TestFatal(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, fixture)
	wrong, err := url.Parse(database.URLAs("standin_login"))
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("standin_login", "wrong")
	for name, c := range map[string]struct {
		uri      string
		settings []string
		want     string
	}{
		"wrong password":        {wrong.String(), nil, "Failed to establish a connection."},
		"no automatic recovery": {"postgresql://nobody@127.0.0.1:" + strconv.Itoa(freePort(t)) + "/x", []string{"db-pool-automatic-recovery = false"}, ErrUnreachable.Error()},
	} {
		s := &standin{t: t, log: &buffer{}, requests: &buffer{}, done: make(chan error, 1)}
		s.load(c.uri, c.settings)
		s.begin()
		select {
		case err := <-s.done:
			s.done <- err
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %s", name, err, c.want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: it goes on", name)
		}
	}
}

func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.database.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'standin_login'")
	s.until("it serves again", func() bool { return s.get("/things", nil).status == http.StatusOK })
	s.until("it listens again", func() bool { return s.adminStatus("/ready") == http.StatusOK })
	if !strings.Contains(s.log.String(), `Failed listening for database notifications on the "pgrst" channel. `) {
		t.Errorf("the log:\n%s", s.log)
	}
	s.database.Exec(t, "create table later (id int); grant select on later to standin_anon; notify pgrst")
	s.until("the new table is served", func() bool { return s.get("/later", nil).status == http.StatusOK })
}

func TestListenHost(t *testing.T) {
	t.Parallel()
	for host, special := range map[string]bool{"*": true, "*4": true, "!4": true, "*6": true, "!6": true, "127.0.0.1": false, "localhost": false} {
		if IsSpecialHost(host) != special {
			t.Errorf("%s is special: %v", host, !special)
		}
		l, err := listenHost(t.Context(), host, 0)
		if err != nil {
			if !strings.Contains(host, "6") { // a machine without IPv6 can do without it
				t.Errorf("%s: %v", host, err)
			}
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := listenHost(t.Context(), "no such host", 0); err == nil {
		t.Error("listened on no such host")
	}
}

// TestStaleSocket takes the place of a socket that nobody serves any more, and of nothing else.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "api.sock")
	cfg := &Config{ServerUnixSocket: path, ServerUnixSocketMode: 0o660}
	for range 2 {
		l, err := listen(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	file := write(t, "precious", "text")
	if _, err := listen(t.Context(), &Config{ServerUnixSocket: file}); err == nil {
		t.Error("a file was taken for a socket")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("the file: %q, error %v", text, err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := New(Source{Path: write(t, "bad.conf", `db-tx-end = "never"`)}, slog.New(slog.DiscardHandler), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "Invalid transaction termination") {
		t.Errorf("error %v", err)
	}
	var databaseError *DatabaseError
	s, err := New(Source{Path: write(t, "away.conf", fmt.Sprintf("db-uri = %q", "postgresql://x@127.0.0.1:1/x"))}, slog.New(slog.DiscardHandler), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReloadConfig(t.Context()); !errors.As(err, &databaseError) {
		t.Errorf("error %v, want a *DatabaseError", err)
	}
	if _, err := s.DescribeSchema(t.Context()); err == nil {
		t.Error("a schema without a database")
	}
}
