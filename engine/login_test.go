package engine

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// dropRoles gives a test a PostgreSQL server where nobody has installed anything. Such a test is not parallel to others.
func dropRoles(t *testing.T) {
	t.Helper()
	if postgresURL == "" {
		return
	}
	drop := func() { psql(t, postgresURL, "drop role if exists anon, authenticated, service_role, authenticator") }
	drop()
	t.Cleanup(drop)
}

func migrated(t *testing.T) (ownerURL string) {
	t.Helper()
	ownerURL = newDatabase(t)
	if _, err := migrate(t.Context(), ownerURL, AppNone, MigrateUp, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return ownerURL
}

func TestLoginOfOurOwnRole(t *testing.T) {
	dropRoles(t)
	ownerURL := migrated(t)
	first := login{OwnerURL: ownerURL, Password: "the first password"}
	for range 2 {
		target, err := first.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		var user string
		if err := conn.QueryRow(t.Context(), "select session_user").Scan(&user); err != nil || user != authenticator {
			t.Errorf("logged in as %q (%v), want %s", user, err, authenticator)
		}
		closeConn(t.Context(), conn)
	}
	// Another server with secrets of its own must not lock the first one out.
	second := login{OwnerURL: ownerURL, Password: "the second password"}
	if _, err := second.open(t.Context()); err == nil || !strings.Contains(err.Error(), "authenticator-password") {
		t.Errorf("another password: %v, want a refusal that names the option", err)
	}
	if _, err := first.open(t.Context()); err != nil {
		t.Errorf("the first password no longer works: %v", err)
	}
	// The embedded PostgreSQL is the server's own.
	second.Ours = true
	if _, err := second.open(t.Context()); err != nil {
		t.Errorf("another password where all is ours: %v", err)
	}
}

func TestLoginOfTheirRole(t *testing.T) {
	dropRoles(t)
	if postgresURL != "" {
		psql(t, postgresURL, "create role authenticator login noinherit password 'theirs'")
	}
	ownerURL := migrated(t)
	if _, err := (login{OwnerURL: ownerURL, Password: "ours"}).open(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "authenticator-password") {
		t.Errorf("a role that was here before: %v, want a refusal that names the option", err)
	}
	if _, err := (login{OwnerURL: ownerURL, Password: "theirs"}).open(t.Context()); err != nil {
		t.Errorf("with their password: %v", err)
	}
}

func TestWithUser(t *testing.T) {
	t.Parallel()
	const user, password = "authenticator", `p@ss w/o'rd\`
	tests := []struct{ name, in string }{
		{"url", "postgres://owner:secret@db.example.org:6432/shop?sslmode=disable"},
		{"url with the user in the query", "postgresql://db.example.org:6432/shop?user=owner&password=secret&sslmode=disable"},
		{"url without a user", "postgres://db.example.org:6432/shop?sslmode=disable"},
		{"keywords", "host=db.example.org port=6432 dbname=shop user=owner password=secret sslmode=disable"},
		{"keywords without a user", "host=db.example.org port=6432 dbname=shop sslmode=disable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := withUser(tt.in, user, password)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := pgx.ParseConfig(out)
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if cfg.User != user || cfg.Password != password {
				t.Errorf("%s: user %q, password %q", out, cfg.User, cfg.Password)
			}
			if cfg.Host != "db.example.org" || cfg.Port != 6432 || cfg.Database != "shop" || cfg.TLSConfig != nil {
				t.Errorf("%s: %s:%d/%s, TLS %v", out, cfg.Host, cfg.Port, cfg.Database, cfg.TLSConfig != nil)
			}
		})
	}
	if _, err := withUser("postgres://owner:secret@%zz/", user, password); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("not a URL: %v, want an error without the password", err)
	}
}

func TestMigrateStates(t *testing.T) {
	dropRoles(t)
	cfg := DefaultConfig()
	cfg.DatabaseURL = newDatabase(t)
	log := slog.New(slog.DiscardHandler)
	applied := func(what Migration) (n int) {
		t.Helper()
		states, err := Migrate(t.Context(), cfg, what, log)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range states {
			if (i > 0 && s.Version <= states[i-1].Version) || s.Set != "core" || !strings.HasSuffix(s.Name, ".sql") || s.Applied == s.AppliedAt.IsZero() {
				t.Errorf("state %d: %+v", i, s)
			}
			if s.Applied {
				n++
			}
		}
		return n
	}
	if n := applied(MigrateStatus); n != 0 {
		t.Errorf("at first %d are applied", n)
	}
	all := applied(MigrateUp)
	if all == 0 || applied(MigrateStatus) != all {
		t.Errorf("up applied %d, status says otherwise", all)
	}
	if n := applied(MigrateDown); n != all-1 {
		t.Errorf("down leaves %d of %d", n, all)
	}
	for range 2 {
		if n := applied(MigrateDownAll); n != 0 {
			t.Errorf("down --all leaves %d", n)
		}
	}
	if n := applied(MigrateDown); n != 0 {
		t.Errorf("down with nothing left: %d", n)
	}
}

// A managed PostgreSQL gives no superuser: somebody who is one migrates, and the server gets by with less.
func TestLoginWithoutTheRightToSetPasswords(t *testing.T) {
	dropRoles(t)
	ownerURL := newDatabase(t)
	psql(t, ownerURL, "create role engine_plain login password 'plain'")
	t.Cleanup(func() { psql(t, postgresURL, "drop role engine_plain") })
	plainURL, err := withUser(ownerURL, "engine_plain", "plain")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(t.Context(), plainURL, AppNone, MigrateUp, slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), "--migrate=false") {
		t.Errorf("migrate: %v, want advice", err)
	}
	psql(t, ownerURL, "create role authenticator login noinherit password 'known'")
	if _, err := (login{OwnerURL: plainURL, Password: "unknown"}).open(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "authenticator-password") {
		t.Errorf("an unknown password: %v, want a refusal that names the option", err)
	}
	if _, err := (login{OwnerURL: plainURL, Password: "known"}).open(t.Context()); err != nil {
		t.Errorf("a known password: %v", err)
	}
}
