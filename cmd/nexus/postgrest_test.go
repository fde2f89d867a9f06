package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nexus/schema/pgtest"
)

const postgrestFixture = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'drop_in') then
		create role drop_in login noinherit; create role drop_in_anon nologin; grant drop_in_anon to drop_in;
	end if;
end $$;
create table things (id int primary key);
insert into things values (1);
grant select on things to drop_in_anon;
create function slow() returns text language plpgsql volatile as $$ begin
	perform pg_advisory_lock_shared(42); perform pg_sleep(0.5); return 'done'; end $$;
`

// dropIn runs nexus postgrest with arguments until it exits.
func dropIn(t *testing.T, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"postgrest"}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &problems, environ
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

func testPort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestPostgrestFlags(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgrestFixture)
	environ := []string{"PGRST_DB_URI=" + database.URLAs("drop_in"), "PGRST_DB_ANON_ROLE=drop_in_anon"}
	away := []string{"PGRST_DB_URI=postgresql://x@127.0.0.1:" + strconv.Itoa(testPort(t)) + "/x"}
	dir := t.TempDir()
	file := filepath.Join(dir, "api.conf")
	if err := os.WriteFile(file, []byte("db-max-rows = 17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.conf")
	if err := os.WriteFile(bad, []byte("db-max-rows = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		stdout  string
		stderr  string
	}{
		"configuration":               {environ, []string{"--dump-config", file}, 0, "db-max-rows = 17\n", ""},
		"configuration, no database":  {away, []string{"--dump-config"}, 0, "db-anon-role = \"\"\n", "in-database configuration"},
		"schema":                      {environ, []string{"--dump-schema"}, 0, `"things"`, ""},
		"schema, no database":         {away, []string{"--dump-schema"}, 1, "", "in-database configuration"},
		"example":                     {nil, []string{"--example"}, 0, "db-uri = ", ""},
		"example, short":              {nil, []string{"-e"}, 0, "db-uri = ", ""},
		"version":                     {nil, []string{"--version"}, 0, "PostgREST 14.0, served by nexus", ""},
		"version, short":              {nil, []string{"-v"}, 0, "PostgREST 14.0, served by nexus", ""},
		"help":                        {nil, []string{"--help"}, 0, "SIGUSR2", ""},
		"no such file":                {environ, []string{filepath.Join(dir, "none.conf")}, 1, "", "no such file"},
		"a file that is none":         {environ, []string{bad}, 1, "", bad + ":2: expected a string in quotes, a number, true or false"},
		"an invalid value":            {append([]string{"PGRST_LOG_LEVEL=never"}, environ...), nil, 1, "", "Invalid logging level. Check your configuration."},
		"two files":                   {environ, []string{file, file}, 1, "", "accepts at most 1 arg"},
		"ready, no admin server":      {environ, []string{"--ready"}, 1, "", "ERROR: Admin server is not running. Please check admin-server-port config."},
		"ready, any address":          {append([]string{"PGRST_ADMIN_SERVER_PORT=3001"}, environ...), []string{"--ready"}, 1, "", "ERROR: The `--ready` flag cannot be used when server-host is configured as \"!4\"."},
		"ready, nobody there":         {append([]string{"PGRST_ADMIN_SERVER_PORT=1", "PGRST_SERVER_HOST=127.0.0.1"}, environ...), []string{"--ready"}, 1, "", "ERROR: connection refused to http://127.0.0.1:1/ready"},
		"ready, not a port":           {append([]string{"PGRST_ADMIN_SERVER_PORT=-1", "PGRST_SERVER_HOST=localhost"}, environ...), []string{"--ready"}, 1, "", "ERROR: invalid url - http://localhost:-1/ready"},
		"an address that is not ours": {append([]string{"PGRST_SERVER_HOST=192.0.2.1"}, environ...), nil, 1, "", "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := dropIn(t, c.environ, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d\n%.500s\n%.500s", code, c.code, stdout, stderr)
			}
			if name == "schema" && !json.Valid([]byte(stdout)) {
				t.Error("it is no JSON")
			}
		})
	}
}

// TestPostgrestSignals reloads by SIGUSR1 and SIGUSR2, and ends in order by SIGTERM.
func TestPostgrestSignals(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgrestFixture)
	port, admin := testPort(t), testPort(t)
	file := filepath.Join(t.TempDir(), "api.conf")
	config := func(rows int) {
		text := fmt.Sprintf("db-uri = %q\ndb-anon-role = \"drop_in_anon\"\nserver-host = \"127.0.0.1\"\nserver-port = %d\n"+
			"admin-server-port = %d\ndb-channel-enabled = false\ndb-max-rows = %d\n", database.URLAs("drop_in"), port, admin, rows)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config(7)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "postgrest", file)
	var stderr lineBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	base := "http://127.0.0.1:" + strconv.Itoa(port)
	status := func(url string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		deadline := time.Now().Add(pollDeadline)
		for !ok() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not in time\n%s", what, stderr.String())
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	until("it is ready", func() bool {
		_, _, code := dropIn(t, nil, "--ready", file)
		return code == 0
	})
	database.Exec(t, "create table later (id int); grant select on later to drop_in_anon")
	if code, body := status(base + "/later"); code != http.StatusNotFound {
		t.Errorf("before the reload: %d %s", code, body)
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGUSR1)
	until("the new table is served", func() bool { code, _ := status(base + "/later"); return code == http.StatusOK })
	config(8)
	signal(syscall.SIGUSR2)
	until("the new configuration is in force", func() bool {
		_, body := status("http://127.0.0.1:" + strconv.Itoa(admin) + "/config")
		return strings.Contains(body, "db-max-rows = 8\n")
	})
	answer := make(chan string, 1)
	go func() { code, body := status(base + "/rpc/slow"); answer <- fmt.Sprint(code, body) }()
	until("the slow request runs", func() bool {
		return database.QueryString(t, "select count(*)::text from pg_locks where locktype = 'advisory' and objid = 42 and database = (select oid from pg_database where datname = current_database())") == "1"
	})
	signal(syscall.SIGTERM)
	if got := <-answer; got != `200"done"` {
		t.Errorf("the request in flight: %s", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the end: %v", err)
		}
	case <-time.After(stopDeadline):
		t.Error("it does not end")
	}
}
