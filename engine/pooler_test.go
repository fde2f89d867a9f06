package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nexus/rls"
)

// startPooler runs PgBouncer in front of the database with two server connections and returns the way through it.
func startPooler(t *testing.T, databaseURL string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, no PgBouncer: ", err)
	}
	target, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	probe, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(probe.Addr().String())
	_ = probe.Close()
	dir := t.TempDir()
	password, _ := target.User.Password()
	users := fmt.Sprintf("%q %q\n%q %q\n", target.User.Username(), password, authenticator, testConfig(t).AuthenticatorPassword)
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\n"+
		"auth_type = scram-sha-256\nauth_file = %s/users.txt\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100\n",
		target.Hostname(), target.Port(), port, dir)
	for name, text := range map[string]string{"users.txt": users, "pgbouncer.ini": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{filepath.Join(dir, "pgbouncer.ini")}
	if os.Geteuid() == 0 { // it does not run as root
		for _, path := range []string{dir, filepath.Dir(dir)} {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		args = append([]string{"-u", "nobody"}, args...)
	}
	pooler := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	if err := pooler.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pooler.Process.Kill()
		_ = pooler.Wait()
	})
	through := *target
	through.Host = net.JoinHostPort("127.0.0.1", port)
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", through.Host)
		if err == nil {
			_ = conn.Close()
			return through.String()
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestTransactionPooler sends requests of many users through two server connections; each sees its own claims alone.
func TestTransactionPooler(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, "create table public.notes (id int primary key, owner text default auth.jwt() ->> 'sub', body text)",
			"alter table public.notes enable row level security",
			"create policy own on public.notes using (owner = (select auth.jwt() ->> 'sub'))",
			"grant all on public.notes to authenticated",
			"create view public.many with (security_invoker) as select n from generate_series(1, 50000) n",
			"grant select on public.many to authenticated")
		cfg.DirectURL = cfg.DatabaseURL
		cfg.DatabaseURL = startPooler(t, cfg.DatabaseURL)
		cfg.Prepared, cfg.PoolSize = false, 8
	})
	const users, requests = 8, 20
	var work sync.WaitGroup
	for user := range users {
		work.Go(func() {
			sub := fmt.Sprintf("user-%d", user)
			token, err := rls.Issue([]byte(testSecret), "authenticated", map[string]any{"sub": sub}, time.Now(), time.Hour)
			if err != nil {
				t.Error(err)
				return
			}
			header := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json", "Prefer": "return=representation"}
			for i := range requests {
				id := user*1000 + i
				made := r.call(http.MethodPost, "/rest/v1/notes?select=owner", header, strings.NewReader(fmt.Sprintf(`{"id":%d}`, id)))
				if made.status != http.StatusCreated || made.body != `[{"owner":"`+sub+`"}]` {
					t.Errorf("insert: %d %s", made.status, made.body)
				}
				if got := r.call(http.MethodGet, "/rest/v1/notes?select=owner&limit=1&order=id.desc", header, nil); got.body != `[{"owner":"`+sub+`"}]` {
					t.Errorf("read: %d %s", got.status, got.body)
				}
			}
			if got := r.call(http.MethodGet, "/rest/v1/notes?select=id", map[string]string{"Authorization": "Bearer " + token, "Prefer": "count=exact"}, nil); got.header.Get("Content-Range") != "0-19/20" {
				t.Errorf("count: %d %s", got.status, got.header.Get("Content-Range"))
			}
			if got := r.call(http.MethodGet, "/rest/v1/many?n=gt.49999", header, nil); got.body != `[{"n":50000}]` {
				t.Errorf("many: %d %s", got.status, got.body)
			}
		})
	}
	work.Wait()
	// The way past the pooler brings news of the schema.
	psql(t, r.cfg.DirectURL, "create table public.later (id int)", "grant select on public.later to anon")
	r.until("the new table is served", func() bool {
		return r.call(http.MethodGet, "/rest/v1/later", nil, io.MultiReader()).status == http.StatusOK
	})
}
