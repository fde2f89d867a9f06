package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
	S3AccessKey    string `json:"s3_access_key"`
	S3SecretKey    string `json:"s3_secret_key"`
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
