package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The function has its effect, and then takes a while before its transaction ends.
const slowFunction = `
	create table public.effects (key text);
	create function functions.slow(key text) returns text language plpgsql as $$
	begin
		insert into public.effects values (key);
		perform pg_notify('begun', key), pg_sleep(0.3);
		return key;
	end $$;
	comment on function functions.slow is 'Take a while
@access service';`

// keyed calls the function with an Idempotency-Key; an error is that of a connection that broke.
func keyed(ctx context.Context, k keys, key string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.URL+"/functions/v1/slow", strings.NewReader(fmt.Sprintf(`{"key": %q}`, key)))
	if err != nil {
		return answer{}, err
	}
	r.Header = http.Header{
		"Apikey": {k.ServiceRoleKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {key},
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// effects counts those of a key.
func (p *process) effects(key string) (n int) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.keys().DBURL)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) }()
	if err := conn.QueryRow(p.t.Context(), "select count(*) from public.effects where key = $1", key).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// begun waits until the function runs.
func (p *process) begun(key string) {
	p.t.Helper()
	p.poll("the function runs", func() bool {
		conn, err := pgx.Connect(p.t.Context(), p.keys().DBURL)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) }()
		var n int
		err = conn.QueryRow(p.t.Context(), "select count(*) from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'").Scan(&n)
		return err == nil && n > 0
	})
}

// Whatever dies during a call, the call says so or breaks, the server recovers by itself, and the call repeated under its key
// has one effect in all.
func TestKillsDuringCalls(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	p.psql(slowFunction)
	p.poll("the function is served", func() bool {
		got, err := p.call("GET", "/functions/v1/slow", "", "")
		return err == nil && got.status == http.StatusMethodNotAllowed
	})
	type outcome struct {
		answer
		err error
	}
	call := func(key string) <-chan outcome {
		out := make(chan outcome, 1)
		k := p.keys()
		go func() {
			got, err := keyed(context.WithoutCancel(t.Context()), k, key)
			out <- outcome{got, err}
		}()
		p.begun(key)
		return out
	}
	repeat := func(key string) {
		t.Helper()
		p.poll("the call repeated is answered", func() bool {
			got, err := keyed(t.Context(), p.keys(), key)
			return err == nil && got.status == http.StatusOK && strings.Contains(got.body, key)
		})
		if n := p.effects(key); n != 1 {
			t.Errorf("%s: %d effects", key, n)
		}
	}

	pending := call("postgres")
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The postmaster's death ends its processes, too, but they may come to the end of what they were doing.
	if got := <-pending; got.err != nil || (got.status != http.StatusServiceUnavailable && got.status != http.StatusOK) {
		t.Errorf("PostgreSQL was killed: %+v", got)
	}
	p.poll("the database is back", func() bool {
		got, err := p.call("GET", "/ready", "", "")
		return err == nil && got.status == http.StatusOK
	})
	repeat("postgres")

	pending = call("nexus")
	p.kill()
	if got := <-pending; got.err == nil {
		t.Errorf("nexus was killed: %+v", got)
	}
	p = start(t, dir)
	repeat("nexus")
}

// The routing table has the functions of all kinds.
func TestFunctionsList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "functions", "hello"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "functions", "hello", "index.ts"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir)
	p.psql("create function functions.tidy() returns void language sql as 'select'", `comment on function functions.tidy is 'Tidy up
@access admin, agent:admin
@tier bulk'`)
	table := strings.Join(strings.Fields(output(t, dir, "functions", "list", "--functions", "functions")), " ")
	for _, row := range []string{
		"POST agent-auth go public agent-auth Agents Exchange an agent's API key for a token",
		"GET agent-usage go any member; agent: read standard Agents",
		"any hello typescript any key or token standard",
		"POST tidy sql admin; agent: admin bulk Tidy up",
	} {
		if !strings.Contains(table, row) {
			t.Errorf("%q is missing in\n%s", row, table)
		}
	}
}

// A function's process that is killed is a clear answer to those it served, and the next call finds another one.
func TestKillOfDeno(t *testing.T) {
	t.Parallel()
	deno, err := filepath.Abs("../../testdata/clients/deno/node_modules/@deno/linux-x64-glibc/deno")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(deno); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("run npm ci in testdata/clients/deno")
		}
		t.Skip("SKIPPED: run npm ci in testdata/clients/deno")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "functions", "f"), 0o755); err != nil {
		t.Fatal(err)
	}
	const source = `Deno.serve(async (req) => {
		if (req.method === "POST") { console.log("begun"); await new Promise(() => {}); }
		return new Response(String(Deno.pid));
	});`
	if err := os.WriteFile(filepath.Join(dir, "functions", "f", "index.ts"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "--functions", "functions", "--deno", deno)
	pid := func() int {
		t.Helper()
		got, err := p.call("GET", "/functions/v1/f", "", "")
		n, _ := strconv.Atoi(got.body)
		if err != nil || got.status != http.StatusOK || n == 0 {
			t.Fatalf("%+v %v", got, err)
		}
		return n
	}
	first := pid()
	k := p.keys()
	pending := make(chan answer, 1)
	go func() {
		got, _ := send(context.WithoutCancel(t.Context()), http.MethodPost, k.URL+"/functions/v1/f", k.AnonKey, "", "{}")
		pending <- got
	}()
	p.poll("the function runs", func() bool { return strings.Contains(p.stderr.String(), "line=begun") })
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := <-pending; got.status != http.StatusInternalServerError || !strings.Contains(got.body, "WORKER_ERROR") {
		t.Errorf("%+v", got)
	}
	second := pid()
	if second == first {
		t.Error("the process that was killed answers")
	}
	p.kill()
	p.poll("the function's process is gone, too", func() bool {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(second) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ") // nobody may reap it
	})
}
