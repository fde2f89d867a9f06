package migrations_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/pressly/goose/v3"

	"nexus/migrations"
)

func TestUpOnEmptyDatabase(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)

	conn := connect(t, url)
	wantRows(t, conn, `
		select rolname || ':' || rolcanlogin || ':' || rolinherit || ':' || rolbypassrls || ':' || rolsuper
		from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by 1`,
		"anon:false:false:false:false", "authenticated:false:false:false:false",
		"authenticator:true:false:false:false", "service_role:false:false:true:false")
	wantRows(t, conn, `
		select m.roleid::regrole::text from pg_auth_members m where m.member = 'authenticator'::regrole
		  and m.roleid::regrole::text in ('anon', 'authenticated', 'service_role') order by 1`,
		"anon", "authenticated", "service_role")
	wantRows(t, conn, `
		select p.oid::regprocedure || ' ' || p.prorettype::regtype || ' ' || p.provolatile::text
		from pg_proc p where p.pronamespace = 'auth'::regnamespace order by 1`,
		"auth.email() text s", "auth.jwt() jsonb s", "auth.role() text s", "auth.uid() uuid s")
}

func TestUpTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	if applied := up(t, url); applied == 0 {
		t.Fatal("the first run applied nothing")
	}
	if applied := up(t, url); applied != 0 {
		t.Errorf("the second run applied %d migrations, want none", applied)
	}
}

func TestUpFromSeveralProcesses(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	applied := 0
	for range 4 {
		wg.Go(func() {
			n, err := tryUp(t.Context(), url)
			mu.Lock()
			defer mu.Unlock()
			applied += n
			if err != nil {
				t.Errorf("up: %v", err)
			}
		})
	}
	wg.Wait()
	if want := count(t, url); applied != want {
		t.Errorf("applied %d migrations in all, want each of the %d once", applied, want)
	}
}

// A Supabase dump brings auth functions that belong to a role of its own; a hand-made PostgREST setup has an authenticator
// that inherits. Both stay as they are.
func TestUpLeavesWhatIsThere(t *testing.T) {
	alone(t)
	url := newDatabase(t)
	conn := connect(t, url)
	for _, statement := range []string{
		`create role supabase_auth_admin nologin`,
		`create role authenticator login inherit connection limit 7`,
		`comment on role authenticator is 'theirs'`,
		`create role anon nologin`,
		`alter default privileges in schema public grant select on tables to anon`,
		`create schema auth authorization supabase_auth_admin`,
		`create function auth.uid() returns uuid language sql stable as $$ select '00000000-0000-0000-0000-000000000001'::uuid $$`,
		`alter function auth.uid() owner to supabase_auth_admin`,
		`comment on function auth.uid() is 'theirs'`,
	} {
		exec(t, conn, statement)
	}
	up(t, url)

	const roles = `select rolname || ' ' || rolinherit || ' ' || rolconnlimit || coalesce(' ' || shobj_description(oid, 'pg_authid'), '')
		from pg_roles where rolname in ('authenticator', 'anon') order by 1`
	wantRows(t, conn, roles, "anon true -1", "authenticator true 7 theirs")
	wantRows(t, conn, `select roleid::regrole::text from pg_auth_members where member = 'authenticator'::regrole order by 1`,
		"anon", "authenticated", "service_role")
	const theirs = `select p.proowner::regrole || ' ' || obj_description(p.oid) || ' ' || auth.uid()
		from pg_proc p where p.oid = 'auth.uid()'::regprocedure`
	wantRows(t, conn, theirs, "supabase_auth_admin theirs 00000000-0000-0000-0000-000000000001")
	wantRows(t, conn, `select auth.role()`, "<null>")

	downTo(t, url, 0)
	wantRows(t, conn, theirs, "supabase_auth_admin theirs 00000000-0000-0000-0000-000000000001")
	wantRows(t, conn, `select proname::text from pg_proc where pronamespace = 'auth'::regnamespace`, "uid")
	wantRows(t, conn, roles, "anon true -1", "authenticator true 7 theirs")
	wantRows(t, conn, `select from pg_auth_members where member = 'authenticator'::regrole`)
	wantRows(t, conn, `select defaclacl::text from pg_default_acl where defaclnamespace = 'public'::regnamespace`,
		"{anon=r/postgres}")
	wantRows(t, conn, `select rolname::text from pg_roles where rolname in ('authenticated', 'service_role')`)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	tests := []struct {
		name     string
		settings map[string]string
		want     string // uid, role, email, jwt
	}{
		{"no request", nil, "<null>|<null>|<null>|<null>"},
		{"no token", map[string]string{"request.jwt.claims": ""}, "<null>|<null>|<null>|<null>"},
		{
			"claims",
			map[string]string{"request.jwt.claims": `{"sub":"7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30","role":"authenticated","email":"a@example.org"}`},
			`7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30|authenticated|a@example.org|` +
				`{"sub": "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30", "role": "authenticated", "email": "a@example.org"}`,
		},
		{"anonymous claims", map[string]string{"request.jwt.claims": `{"role":"anon"}`}, `<null>|anon|<null>|{"role": "anon"}`},
		{
			"a setting per claim",
			map[string]string{
				"request.jwt.claim.sub": "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30", "request.jwt.claim.role": "authenticated",
				"request.jwt.claim.email": "a@example.org", "request.jwt.claim": `{"a":1}`,
			},
			`7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30|authenticated|a@example.org|{"a": 1}`,
		},
	}
	for _, role := range []string{"anon", "authenticated", "service_role"} {
		for _, tt := range tests {
			t.Run(role+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				conn := connect(t, url)
				exec(t, conn, "set role "+role)
				// A caller's own operators and functions must not get in.
				exec(t, conn, "set search_path = 'pg_temp'")
				for name, value := range tt.settings {
					exec(t, conn, "select set_config($1, $2, false)", name, value)
				}
				wantRows(t, conn, `select concat_ws('|', coalesce(auth.uid()::text, '<null>'), coalesce(auth.role(), '<null>'),
					coalesce(auth.email(), '<null>'), coalesce(auth.jwt()::text, '<null>'))`, tt.want)
			})
		}
	}
}

// Policies call the functions for every row, so PostgreSQL must be able to inline them.
func TestClaimFunctionsAreInlined(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	exec(t, conn, "create table public.t (owner uuid)")
	rows := query(t, conn, "explain (verbose, costs off) select from public.t where owner = auth.uid()")
	if plan := strings.Join(rows, "\n"); strings.Contains(plan, "auth.uid") || !strings.Contains(plan, "current_setting") {
		t.Errorf("auth.uid() was not inlined:\n%s", plan)
	}
}

func TestNewTableIsReachableAndGuarded(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	conn := connect(t, url)
	exec(t, conn, "create table public.before (id int)")
	up(t, url)
	for _, statement := range []string{
		"create table public.todos (id int generated by default as identity primary key, owner uuid not null)",
		"alter table public.todos enable row level security",
		"create function public.hello() returns text language sql return 'hello'",
		"create sequence public.numbers",
		`insert into public.todos (owner) values
			('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002')`,
	} {
		exec(t, conn, statement)
	}

	as := func(role string) *pgx.Conn {
		c := connect(t, url)
		exec(t, c, "set role "+role)
		exec(t, c, `set request.jwt.claims = '{"sub":"00000000-0000-0000-0000-000000000001"}'`)
		return c
	}
	anon, user, service := as("anon"), as("authenticated"), as("service_role")
	wantRows(t, anon, "select id::text from public.todos")
	wantRows(t, user, "select id::text from public.todos")
	wantRows(t, service, "select id::text from public.todos order by id", "1", "2")
	wantSQLState(t, user, "42501", "insert into public.todos (owner) values ('00000000-0000-0000-0000-000000000001')")

	exec(t, conn, `create policy own on public.todos to authenticated using (owner = (select auth.uid()))`)
	wantRows(t, anon, "select id::text from public.todos")
	wantRows(t, user, "select id::text from public.todos", "1")
	wantRows(t, user, "insert into public.todos (owner) values ('00000000-0000-0000-0000-000000000001') returning owner::text",
		"00000000-0000-0000-0000-000000000001")
	wantSQLState(t, user, "42501", "insert into public.todos (owner) values ('00000000-0000-0000-0000-000000000002')")
	for _, c := range []*pgx.Conn{anon, user, service} {
		wantRows(t, c, "select public.hello()", "hello")
		wantSQLState(t, c, "42501", "select from public.before")
		wantSQLState(t, c, "42501", "select from nexus.core_objects")
	}
	wantRows(t, anon, "select nextval('public.numbers')::text", "1")
	wantSQLState(t, anon, "42501", "truncate public.todos")
	wantSQLState(t, user, "42501", "truncate public.todos")
	exec(t, service, "truncate public.todos")
}

func TestSchemaChangesNotify(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn, listener := connect(t, url), connect(t, url)
	exec(t, listener, "listen pgrst")
	exec(t, listener, "listen done")
	tests := []struct {
		statement string
		want      bool
	}{
		{"create table public.a (id int primary key, v text)", true},
		{"comment on table public.a is 'things'", true},
		{"alter table public.a add column w int", true},
		{"alter table public.a drop column w", true},
		{"create view public.b as select * from public.a", true},
		{"create function public.f(a public.a) returns text language sql stable return 'x'", true},
		{"grant select on public.a to anon", true},
		{"create schema s", true},
		{"create domain public.d as text", true},
		{"drop function public.f(public.a)", true},
		{"drop view public.b", true},
		{"drop domain public.d", true},
		{"drop schema s", true},
		{"drop table public.a", true},
		{"create temporary table a (id int)", false},
		{"drop table pg_temp.a", false},
		{"select 1", false},
		{"create sequence public.s", false},
		{"drop sequence public.s", false},
		{"create table public.c (id int); alter table public.c add v text; drop table public.c", true},
	}
	for _, tt := range tests {
		// The simple protocol runs several statements as one transaction.
		if _, err := conn.PgConn().Exec(t.Context(), tt.statement).ReadAll(); err != nil {
			t.Fatalf("%s: %v", tt.statement, err)
		}
		// Notifications arrive in the order of commits, so what came before this one belongs to the statement.
		exec(t, conn, "notify done")
		var got []string
		for {
			n, err := listener.WaitForNotification(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n.Channel == "done" {
				break
			}
			got = append(got, n.Payload)
		}
		want := ""
		if tt.want {
			want = "reload schema"
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: notified %q, want %q", tt.statement, got, want)
		}
	}
}

func TestDownAndUpAgain(t *testing.T) {
	alone(t)
	url := newDatabase(t)
	conn := connect(t, url)
	before := catalog(t, conn)
	up(t, url)
	after := catalog(t, conn)
	for range count(t, url) {
		provider := open(t, url)
		if _, err := provider.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := catalog(t, conn); got != before {
		t.Errorf("after down:\n%s\nwant\n%s", got, before)
	}
	up(t, url)
	if got := catalog(t, conn); got != after {
		t.Errorf("after up again:\n%s\nwant\n%s", got, after)
	}
}

func TestDownKeepsWhatIsInUse(t *testing.T) {
	alone(t)
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	exec(t, conn, "create table public.todos (owner uuid)")
	exec(t, conn, "alter table public.todos enable row level security")
	exec(t, conn, "create policy own on public.todos to authenticated using (owner = auth.uid())")
	downTo(t, url, 0)
	wantRows(t, conn, "select polname::text from pg_policy", "own")
	wantRows(t, conn, "select proname::text from pg_proc where pronamespace = 'auth'::regnamespace", "uid")
	wantRows(t, conn, "select rolname::text from pg_roles where rolname in ('authenticated', 'authenticator') order by 1",
		"authenticated", "authenticator")
	exec(t, conn, "drop table public.todos")
	up(t, url)
	downTo(t, url, 0)
	wantRows(t, conn, "select nspname::text from pg_namespace where nspname = 'auth'")
	wantRows(t, conn, "select rolname::text from pg_roles where rolname in ('anon', 'authenticated', 'authenticator')")
	wantRows(t, conn, "select relname::text from pg_class where relnamespace = 'nexus'::regnamespace and relkind = 'r'", "core_migrations")
}

// A role that another database of the server uses stays, and with it the one that logs in there.
func TestDownKeepsRolesOfOtherDatabases(t *testing.T) {
	alone(t)
	first, second := newDatabase(t), newDatabase(t)
	up(t, first)
	up(t, second)
	downTo(t, first, 0)
	conn := connect(t, second)
	const roles = `select rolname::text from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by 1`
	wantRows(t, conn, roles, "anon", "authenticated", "authenticator", "service_role")
	wantRows(t, conn, "select count(*)::text from pg_auth_members where member = 'authenticator'::regrole", "3")
	downTo(t, second, 0)
	up(t, first)
	downTo(t, first, 0)
	wantRows(t, conn, roles)
}

// catalog describes what the migrations may touch, but for the bookkeeping.
func catalog(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return strings.Join(query(t, conn, `
		select 'schema ' || nspname || coalesce(' ' || nspacl::text, '') from pg_namespace
		where nspname !~ '^pg_' and nspname not in ('information_schema', 'nexus')
		union all
		select 'function ' || oid::regprocedure || coalesce(' ' || proacl::text, '') from pg_proc
		where pronamespace::regnamespace::text in ('auth', 'nexus')
		union all
		select 'default ' || defaclrole::regrole || ' ' || defaclobjtype::text || ' ' || defaclacl::text from pg_default_acl
		union all
		select 'event trigger ' || evtname from pg_event_trigger
		union all
		select 'role ' || rolname from pg_roles where rolname !~ '^pg_'
		order by 1`), "\n")
}

func open(t *testing.T, url string) *goose.Provider {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	provider, err := migrations.Core(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func tryUp(ctx context.Context, url string) (applied int, err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := migrations.Core(db, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	results, err := provider.Up(ctx)
	return len(results), err
}

func up(t *testing.T, url string) int {
	t.Helper()
	applied, err := tryUp(t.Context(), url)
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	return applied
}

func downTo(t *testing.T, url string, version int64) {
	t.Helper()
	if _, err := open(t, url).DownTo(t.Context(), version); err != nil {
		t.Fatalf("down: %v", err)
	}
}

func count(t *testing.T, url string) int {
	t.Helper()
	return len(open(t, url).ListSources())
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// query returns the first column of all rows, NULL as <null>.
func query(t *testing.T, conn *pgx.Conn, statement string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var value *string
		if err := row.Scan(&value); err != nil || value == nil {
			return "<null>", err
		}
		return *value, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return got
}

func wantRows(t *testing.T, conn *pgx.Conn, statement string, want ...string) {
	t.Helper()
	if got := query(t, conn, statement); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s\n got %q\nwant %q", statement, got, want)
	}
}

func wantSQLState(t *testing.T, conn *pgx.Conn, want, statement string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != want {
		t.Errorf("%s: %v, want SQLSTATE %s", statement, err, want)
	}
}
