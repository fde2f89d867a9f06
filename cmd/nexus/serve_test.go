package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Times that only a broken server needs.
const (
	startDeadline = 60 * time.Second
	stopDeadline  = 5 * time.Second
	pollDeadline  = 20 * time.Second
)

// binaryDir is where binary builds.
var binaryDir string

// binary builds nexus once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nexus-test-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "nexus")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

// process is a running nexus serve.
type process struct {
	t       *testing.T
	dir     string // working directory, with the data directory nexus-data in it
	cmd     *exec.Cmd
	stdout  *lineBuffer
	stderr  *lineBuffer
	exited  chan struct{}
	exitErr error
	stopped bool
}

// lineBuffer collects output and tells when it has grown.
type lineBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	grew chan struct{}
}

func newLineBuffer() *lineBuffer { return &lineBuffer{grew: make(chan struct{}, 1)} }

func (b *lineBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.grew <- struct{}{}:
	default:
	}
	return b.buf.Write(p)
}

func (b *lineBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func nexus(ctx context.Context, t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "NEXUS_") && !strings.HasPrefix(entry, "DATABASE_URL=") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	// The printed commands call nexus by name.
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

// output runs a command that ends by itself and returns its standard output.
func output(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := nexus(t.Context(), t, dir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("nexus %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// start runs nexus serve in dir, and returns when it says that it is ready.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := launch(t, dir, args...)
	deadline := time.After(startDeadline)
	for !strings.Contains(p.stdout.String(), "/rest/v1/\n") {
		select {
		case <-p.stdout.grew:
		case <-p.exited:
			t.Fatalf("nexus serve ended: %v\n%s", p.exitErr, p.stderr)
		case <-deadline:
			t.Fatalf("nexus serve is not ready after %v\n%s", startDeadline, p.stderr)
		}
	}
	return p
}

func launch(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, stdout: newLineBuffer(), stderr: newLineBuffer(), exited: make(chan struct{})}
	// The context of the test ends before its cleanup, and would kill the server before it could stop PostgreSQL.
	p.cmd = nexus(context.WithoutCancel(t.Context()), t, dir, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.exitErr = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("standard error of nexus serve:\n%s", p.stderr)
		}
	})
	return p
}

// stop ends the server as an operator does and checks that it does so in order.
func (p *process) stop() {
	p.t.Helper()
	if p.stopped {
		return
	}
	p.stopped = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if p.exitErr != nil {
			p.t.Errorf("nexus serve ended with %v", p.exitErr)
		}
	case <-time.After(stopDeadline):
		p.t.Errorf("nexus serve did not stop within %v", stopDeadline)
		p.kill()
	}
}

func (p *process) kill() {
	p.stopped = true
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// keys are what nexus keys --json prints.
type keys struct {
	URL            string `json:"url"`
	AnonKey        string `json:"anon_key"`
	ServiceRoleKey string `json:"service_role_key"`
	JWTSecret      string `json:"jwt_secret"`
	DBURL          string `json:"db_url"`
}

func (p *process) keys() keys {
	p.t.Helper()
	var k keys
	text := output(p.t, p.dir, "keys", "--json")
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&k); err != nil {
		p.t.Fatalf("nexus keys --json: %v\n%s", err, text)
	}
	return k
}

// psql runs statements as the owner of the database.
func (p *process) psql(statements ...string) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.keys().DBURL)
	if err != nil {
		p.t.Fatalf("connect to db_url: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) }()
	for _, statement := range statements {
		if _, err := conn.Exec(p.t.Context(), statement); err != nil {
			p.t.Fatalf("%s: %v", statement, err)
		}
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a request below the base URL as an app does: with the anon key, and a user's token if there is one.
func (p *process) call(method, path, token, body string) (answer, error) {
	k := p.keys()
	return send(p.t.Context(), method, k.URL+path, k.AnonKey, token, body)
}

func send(ctx context.Context, method, url, apikey, token, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("apikey", apikey)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

func (p *process) want(method, path, token, body string, status int, text string) {
	p.t.Helper()
	got, err := p.call(method, path, token, body)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	if got.status != status || !strings.Contains(got.body, text) {
		p.t.Errorf("%s %s: %d %s, want %d and %s", method, path, got.status, got.body, status, text)
	}
}

// poll asks until the answer is as wanted; what happens meanwhile happens in other processes.
func (p *process) poll(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(pollDeadline)
	for !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not after %v\n%s", what, pollDeadline, p.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const (
	alice = "00000000-0000-0000-0000-00000000000a"
	bob   = "00000000-0000-0000-0000-00000000000b"
)

// What a newcomer does in the first five minutes.
func TestServe(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	k := p.keys()

	t.Run("the printed curl line works", func(t *testing.T) {
		if _, err := exec.LookPath("curl"); err != nil {
			t.Skip("there is no curl here")
		}
		line := regexp.MustCompile(`(?m)curl .*$`).FindString(p.stdout.String())
		out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, "curl", "curl -sS --fail", 1)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		var root struct{ Swagger string }
		if err := json.Unmarshal(out, &root); err != nil || root.Swagger != "2.0" {
			t.Errorf("%s answered %s (%v), want the API's description", line, out, err)
		}
	})
	t.Run("what is printed is true", func(t *testing.T) {
		out := p.stdout.String()
		for _, want := range []string{k.URL, k.AnonKey, filepath.Join(p.dir, "nexus-data"), "keys service_role_key", `psql "$(`} {
			if !strings.Contains(out, want) {
				t.Errorf("standard output does not mention %q:\n%s", want, out)
			}
		}
		for _, secret := range []string{k.ServiceRoleKey, k.JWTSecret} {
			if strings.Contains(out, secret) || strings.Contains(p.stderr.String(), secret) {
				t.Error("a secret is printed")
			}
		}
		if got := output(t, p.dir, "keys", "service_role_key"); got != k.ServiceRoleKey+"\n" {
			t.Errorf("keys service_role_key prints %q", got)
		}
	})
	t.Run("secrets are the owner's alone", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(p.dir, "nexus-data", "secrets.json"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("secrets.json has mode %v", info.Mode())
		}
	})
	t.Run("probes", func(t *testing.T) {
		p.want(http.MethodGet, "/health", "", "", http.StatusOK, `"ok"`)
		p.want(http.MethodGet, "/ready", "", "", http.StatusOK, `"ok"`)
		p.want(http.MethodGet, "/nothing", "", "", http.StatusNotFound, `"NEXUS404"`)
		p.want(http.MethodPost, "/health", "", "", http.StatusMethodNotAllowed, `"NEXUS405"`)
	})
	t.Run("a table with a policy", func(t *testing.T) { testPolicies(t, p, k) })
	t.Run("a second server on the data directory", func(t *testing.T) {
		cmd := nexus(t.Context(), t, p.dir, "serve", "--listen", "127.0.0.1:0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil {
			t.Fatal("it started")
		}
		if text := stderr.String(); !strings.Contains(text, "nexus-data") || !strings.Contains(text, "another") {
			t.Errorf("it says %q, want it to name the directory and the other server", text)
		}
		p.want(http.MethodGet, "/ready", "", "", http.StatusOK, `"ok"`)
	})
	t.Run("migrate works beside it", func(t *testing.T) {
		if out := output(t, p.dir, "migrate", "status"); !strings.Contains(out, "00001_roles.sql") || strings.Contains(out, "pending") {
			t.Errorf("migrate status prints\n%s", out)
		}
	})
	t.Run("too large a body", func(t *testing.T) {
		small := start(t, t.TempDir(), "--max-body-bytes", "100")
		small.want(http.MethodPost, "/rest/v1/rpc/f", "", strings.Repeat(" ", 101), http.StatusRequestEntityTooLarge, "NEXUS413")
	})
}

func testPolicies(t *testing.T, p *process, k keys) {
	// Two statements in one go: a reload between them would not see the policy.
	p.psql(`create table public.todos (
		id int generated by default as identity primary key, owner uuid not null default auth.uid(), task text not null)`,
		`alter table public.todos enable row level security`,
		`create policy own on public.todos to authenticated using (owner = (select auth.uid()))`)
	aliceToken := strings.TrimSpace(output(t, p.dir, "token", "--sub", alice))
	bobToken := strings.TrimSpace(output(t, p.dir, "token", "--sub", bob, "--claim", `app_metadata={"org":"acme"}`))
	p.poll("the new table is served", func() bool {
		got, err := p.call(http.MethodGet, "/rest/v1/todos", aliceToken, "")
		return err == nil && got.status == http.StatusOK
	})
	p.want(http.MethodPost, "/rest/v1/todos", aliceToken, `{"task":"of alice"}`, http.StatusCreated, "")
	p.want(http.MethodPost, "/rest/v1/todos", bobToken, `{"task":"of bob"}`, http.StatusCreated, "")
	p.want(http.MethodPost, "/rest/v1/todos", aliceToken, `{"task":"x","owner":"`+bob+`"}`, http.StatusForbidden, `"42501"`)
	p.want(http.MethodGet, "/rest/v1/todos?select=task", aliceToken, "", http.StatusOK, `[{"task":"of alice"}]`)
	p.want(http.MethodGet, "/rest/v1/todos?select=task", bobToken, "", http.StatusOK, `[{"task":"of bob"}]`)
	p.want(http.MethodGet, "/rest/v1/todos?select=task", "", "", http.StatusOK, `[]`)
	p.want(http.MethodGet, "/rest/v1/todos?select=task", k.ServiceRoleKey, "", http.StatusOK, `of bob`)
	p.want(http.MethodGet, "/rest/v1/todos", "no.such.token", "", http.StatusUnauthorized, "PGRST301")
}

// In-flight requests are answered, then everything stops, and what was stored is there at the next start.
func TestStopAndStartAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	k := p.keys()
	p.psql(`create table public.kept (id int)`, `insert into public.kept values (1)`,
		// The lock tells when the request has reached the database.
		`create function public.slow() returns text language plpgsql volatile as $$
			begin perform pg_advisory_lock_shared(42); perform pg_sleep(0.5); return 'done'; end $$`)
	p.poll("the function is served", func() bool {
		got, err := p.call(http.MethodGet, "/rest/v1/kept", k.ServiceRoleKey, "")
		return err == nil && got.status == http.StatusOK
	})
	type result struct {
		answer
		err error
	}
	slow := make(chan result, 1)
	go func() {
		got, err := send(context.WithoutCancel(t.Context()), http.MethodPost, k.URL+"/rest/v1/rpc/slow", k.AnonKey, "", "{}")
		slow <- result{got, err}
	}()
	conn, err := pgx.Connect(t.Context(), k.DBURL)
	if err != nil {
		t.Fatal(err)
	}
	p.poll("the slow request runs", func() bool {
		var running bool
		err := conn.QueryRow(t.Context(), `select exists (select from pg_locks where locktype = 'advisory' and objid = 42)`).Scan(&running)
		return err == nil && running
	})
	_ = conn.Close(t.Context())
	p.stop()
	if got := <-slow; got.err != nil || got.status != http.StatusOK || got.body != `"done"` {
		t.Errorf("the request in flight got %d %s %v, want its answer", got.status, got.body, got.err)
	}
	if _, err := pgx.Connect(t.Context(), k.DBURL); err == nil {
		t.Error("PostgreSQL still runs")
	}

	again := start(t, dir)
	after := again.keys()
	if after.AnonKey != k.AnonKey || after.ServiceRoleKey != k.ServiceRoleKey || after.JWTSecret != k.JWTSecret {
		t.Error("the keys changed with the restart")
	}
	again.want(http.MethodGet, "/rest/v1/kept", k.ServiceRoleKey, "", http.StatusOK, `[{"id":1}]`)
}

func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := launch(t, dir)
	p.poll("it makes the database", func() bool { return strings.Contains(p.stderr.String(), "new database cluster") })
	p.stop()
	if out := p.stdout.String(); out != "" {
		t.Errorf("it printed %q, but never was ready", out)
	}
	start(t, dir).want(http.MethodGet, "/ready", "", "", http.StatusOK, `"ok"`)
}

func TestStartAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir).kill()
	start(t, dir).want(http.MethodGet, "/ready", "", "", http.StatusOK, `"ok"`)
}

// PostgreSQL dies and comes back; meanwhile clients are told to come again.
func TestPostgresDies(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	k := p.keys()
	p.psql(`create table public.t (id int)`)
	served := func() bool {
		got, err := send(t.Context(), http.MethodGet, k.URL+"/rest/v1/t", k.AnonKey, k.ServiceRoleKey, "")
		return err == nil && got.status == http.StatusOK
	}
	p.poll("the table is served", served)
	pid := postmaster(t, p.dir)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	seen := false
	p.poll("the table is served again", func() bool {
		got, err := send(t.Context(), http.MethodGet, k.URL+"/rest/v1/t", k.AnonKey, k.ServiceRoleKey, "")
		if err != nil {
			t.Errorf("no answer: %v", err)
		}
		switch got.status {
		case http.StatusServiceUnavailable:
			seen = true
			if got.header.Get("Retry-After") == "" {
				t.Errorf("503 without Retry-After: %s", got.body)
			}
		case http.StatusOK:
		default:
			t.Errorf("answer %d %s, want 503 or 200", got.status, got.body)
		}
		return got.status == http.StatusOK && postmasterOr(p.dir, pid) != pid
	})
	if !seen {
		t.Error("no request was told to come again")
	}
}

// postmaster finds the process id of the embedded PostgreSQL.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	pid := postmasterOr(dir, 0)
	if pid == 0 {
		t.Fatal("there is no postmaster.pid")
	}
	return pid
}

func postmasterOr(dir string, otherwise int) int {
	found := otherwise
	_ = filepath.WalkDir(filepath.Join(dir, "nexus-data"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Name() == "postmaster.pid" {
			if text, err := os.ReadFile(path); err == nil {
				_, _ = fmt.Sscanf(string(text), "%d", &found)
			}
		}
		return nil
	})
	return found
}

func TestKeysWithoutServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"keys"}, {"token"}} {
		cmd := nexus(t.Context(), t, dir, args...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(string(out), "nexus serve") {
			t.Errorf("nexus %s: %v, %s; want a hint at nexus serve", args[0], err, out)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("nexus %s left %v behind", args[0], entries)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if out := output(t, t.TempDir(), "version"); !regexp.MustCompile(`^nexus \S+.* go1\.\d+\S*\n$`).MatchString(out) {
		t.Errorf("nexus version prints %q", out)
	}
}
