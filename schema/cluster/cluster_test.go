package cluster_test

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"nexus/schema/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func start(t *testing.T, dir string) *cluster.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Config{Dir: dir, Database: "app", Fetch: noDownload})
	var missing *cluster.BinariesError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func noDownload(context.Context, string, func(string)) (string, error) {
	return "", errors.New("tests do not download")
}

func stop(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, target, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var value string
	if err := conn.QueryRow(ctx, sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestLife takes one cluster through first start, use, a second start on the same directory, a killed server, a stop and
// a start with the data still there.
func TestLife(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := start(t, dir)

	t.Run("answers over TCP and the private socket, with a password", func(t *testing.T) {
		for _, target := range []string{c.URL(), c.SocketURL()} {
			if got := query(t, target, "select current_database() || ' ' || current_user"); got != "app postgres" {
				t.Errorf("connected to %q", got)
			}
			u, _ := url.Parse(target)
			u.User = url.UserPassword("postgres", "wrong")
			if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
				conn.Close(t.Context())
				t.Error("a wrong password was accepted")
			}
		}
	})
	t.Run("has the settings it needs", func(t *testing.T) {
		const sql = `select string_agg(current_setting(s), ' ' order by n) from unnest(array['random_page_cost', 'jit', 'fsync',
			'full_page_writes', 'TimeZone', 'listen_addresses', 'server_encoding', 'data_checksums', 'password_encryption'])
			with ordinality as x (s, n)`
		if got := query(t, c.URL(), sql); got != "1.1 off on on UTC 127.0.0.1 UTF8 on scram-sha-256" {
			t.Error(got)
		}
	})
	t.Run("keeps its secrets to itself", func(t *testing.T) {
		for _, name := range []string{"superuser.password", "lock", "port"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	})
	t.Run("does not run as root", func(t *testing.T) {
		info, err := os.Stat("/proc/" + strconv.Itoa(postmaster(t, dir)))
		if err != nil {
			t.Skip("no /proc")
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
			t.Error("PostgreSQL runs as root")
		}
	})
	t.Run("refuses a second process", func(t *testing.T) {
		if _, err := cluster.Start(t.Context(), cluster.Config{Dir: dir}); !errors.Is(err, cluster.ErrInUse) ||
			!strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
			t.Errorf("error %v, want ErrInUse and who uses it", err)
		}
	})
	execute(t, c.URL(), "create table kept as select 42 as n")
	t.Run("reads changed settings again", func(t *testing.T) {
		execute(t, c.URL(), "alter system set work_mem = '11MB'")
		query(t, c.URL(), "select pg_reload_conf()::text")
		waitFor(t, func() bool { return query(t, c.URL(), "select current_setting('work_mem')") == "11MB" })
	})
	t.Run("comes back after its server was killed", func(t *testing.T) {
		if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return c.Restarts() > 0 && c.Up() })
		if got := query(t, c.URL(), "select n::text from kept"); got != "42" {
			t.Errorf("kept %s", got)
		}
	})
	before := c.URL()
	stop(t, c)
	again := start(t, dir)
	if again.URL() != before {
		t.Errorf("the URL changed from %s to %s", before, again.URL())
	}
	if got := query(t, again.URL(), "select n::text from kept"); got != "42" {
		t.Errorf("kept %s", got)
	}
}

// execute runs a statement that returns nothing, durably.
func execute(t *testing.T, target, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about in time")
		}
	}
}

// TestUnreachableParent starts below a directory that nobody but its owner can enter, as /root is.
// Letters of all languages have upper and lower case, which ilike and full text search depend on, and text is ordered as its
// bytes are, wherever the server runs.
func TestText(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir())
	for _, tt := range []struct{ sql, want string }{
		{`select upper('straße, é, ж')`, "STRAßE, É, Ж"},
		{`select ('ÉCOLE' ilike 'éc%')::text`, "true"},
		{`select ('É' ~ '[[:alpha:]]')::text`, "true"},
		{`select string_agg(s, ' ' order by s) from unnest(array['é', 'a', 'B', 'z']) s`, "B a z é"},
		{`show default_text_search_config`, "pg_catalog.english"},
	} {
		if got := query(t, c.URL(), tt.sql); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.sql, got, tt.want)
		}
	}
}

func TestUnreachableParent(t *testing.T) {
	t.Parallel()
	parent := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	c := start(t, filepath.Join(parent, strings.Repeat("a-long-name-", 10), "data"))
	if got := query(t, c.SocketURL(), "select '1'"); got != "1" {
		t.Error(got)
	}
}

// TestInterruptedFirstStart finds what a first start that was killed in the middle has left.
func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "pg.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join("pg.new", "PG_VERSION"), "superuser.password"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, dir)
	if got := query(t, c.URL(), "select '1'"); got != "1" {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join(dir, "pg.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pg.new is still there (%v)", err)
	}
}

// TestDataIsNeverRemoved starts on directories that are not as we left them.
func TestDataIsNeverRemoved(t *testing.T) {
	t.Parallel()
	t.Run("settings lost", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		c := start(t, dir)
		execute(t, c.URL(), "create table kept as select 42 as n")
		stop(t, c)
		if err := os.Remove(filepath.Join(dir, "pg", "nexus.conf")); err != nil {
			t.Fatal(err)
		}
		again := start(t, dir)
		if got := query(t, again.URL(), "select n || ' ' || current_setting('random_page_cost') from kept"); got != "42 1.1" {
			t.Errorf("found %q, want the data and the settings", got)
		}
	})
	t.Run("password lost", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		stop(t, start(t, dir))
		if err := os.Remove(filepath.Join(dir, "superuser.password")); err != nil {
			t.Fatal(err)
		}
		refuses(t, dir, "superuser.password is missing")
		if _, err := os.Stat(filepath.Join(dir, "pg", "PG_VERSION")); err != nil {
			t.Error(err)
		}
	})
	t.Run("something else in its place", func(t *testing.T) {
		t.Parallel()
		start(t, filepath.Join(t.TempDir(), "probe")) // skips where there is no PostgreSQL
		dir := t.TempDir()
		photos := filepath.Join(dir, "pg", "photos")
		if err := os.MkdirAll(photos, 0o700); err != nil {
			t.Fatal(err)
		}
		refuses(t, dir, "no PostgreSQL data directory")
		if _, err := os.Stat(photos); err != nil {
			t.Error(err)
		}
	})
}

// refuses expects a start to fail with a *DirError that says why.
func refuses(t *testing.T, dir, why string) {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Config{Dir: dir, Fetch: noDownload})
	if err == nil {
		stop(t, c)
	}
	var refused *cluster.DirError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), why) || refused.Remedy == "" {
		t.Errorf("error %v, want a *DirError that says %q and what to do", err, why)
	}
}

// TestBusySessionDoesNotBlockTheRestart kills the server while a session computes, which would go on without noticing and
// keep the shared memory in use until it is done, half a minute later.
func TestBusySessionDoesNotBlockTheRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := start(t, dir)
	conn, err := pgx.Connect(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	busy := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "select 'busy', count(*) from generate_series(1, 40000000) n where md5(n::text) = ''")
		busy <- err
	}()
	waitFor(t, func() bool {
		return query(t, c.URL(), "select count(*)::text from pg_stat_activity where query like 'select ''busy''%' and state = 'active'") == "1"
	})
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	waitFor(t, func() bool { return c.Restarts() > 0 && c.Up() })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to come back", took)
	}
	if err := <-busy; err == nil {
		t.Error("the session went on")
	}
}

// TestStrangerIsLeftAlone has a process that is no PostgreSQL, though it works in the data directory, under the number in a
// stale postmaster.pid.
func TestStrangerIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	stop(t, start(t, dir))
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	stranger.Dir = filepath.Join(dir, "pg")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	stale := filepath.Join(dir, "pg", "postmaster.pid")
	if err := os.WriteFile(stale, []byte(strconv.Itoa(stranger.Process.Pid)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Whether PostgreSQL takes the file for stale depends on whose process that is; ours must live either way.
	if c, err := cluster.Start(ctx, cluster.Config{Dir: dir, Fetch: noDownload}); err == nil {
		stop(t, c)
	}
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
	default:
		_ = stranger.Process.Kill()
		if err := <-ended; err == nil {
			t.Error("the stranger ended by itself")
		}
	}
}

// TestSocketDirIsRemoved looks where the socket was after the end.
func TestSocketDirIsRemoved(t *testing.T) {
	t.Parallel()
	c := start(t, filepath.Join(t.TempDir(), "data"))
	u, err := url.Parse(c.SocketURL())
	if err != nil {
		t.Fatal(err)
	}
	socketDir := u.Query().Get("host")
	info, err := os.Stat(socketDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%s: %v, %v; want it private", socketDir, info, err)
	}
	stop(t, c)
	if _, err := os.Stat(socketDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there (%v)", socketDir, err)
	}
}
