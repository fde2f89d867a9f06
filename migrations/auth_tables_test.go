package migrations_test

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// authFacts describes the schema auth, one fact a line.
const authFacts = `
	select 'table ' || c.oid::regclass as fact
	from pg_class c where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r'
	union all
	select 'column ' || c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		|| case when a.attnotnull then ' not null' else '' end
		|| case when a.attgenerated = 's' then ' generated ' when d.value is not null then ' default ' else '' end
		|| coalesce(regexp_replace(d.value, '::(character varying|text)', '', 'g'), '')
	from pg_class c
	join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	left join lateral (
		select nullif(pg_get_expr(d.adbin, d.adrelid), 'NULL::character varying') as value
		from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum
	) d on true
	where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r'
	union all
	select 'constraint ' || k.conrelid::regclass || ' ' || k.conname
		|| case when k.contype = 'c' then ' check' else ' ' || pg_get_constraintdef(k.oid) end
	from pg_constraint k where k.connamespace = 'auth'::regnamespace and k.contype in ('p', 'u', 'f', 'c')
	union all
	select pg_get_indexdef(i.indexrelid)
	from pg_index i join pg_class c on c.oid = i.indrelid
	where c.relnamespace = 'auth'::regnamespace and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
	union all
	select 'type ' || e.enumtypid::regtype || ' ' || string_agg(e.enumlabel, ',' order by e.enumsortorder)
	from pg_enum e group by e.enumtypid
	order by 1`

// testdata/auth_tables.txt is what authFacts tells of a database in which all migrations of supabase/auth (August 2026) have
// run. Of our own there may be indexes that speed something up; all else would keep its dumps out.
func TestAuthTablesAreThoseOfGoTrue(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	file, err := os.ReadFile("testdata/auth_tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(file)), "\n")
	got := query(t, connect(t, url), authFacts)
	for _, fact := range want {
		if !slices.Contains(got, fact) {
			t.Errorf("missing: %s", fact)
		}
	}
	for _, fact := range got {
		if !slices.Contains(want, fact) && !strings.HasPrefix(fact, "CREATE INDEX ") {
			t.Errorf("not GoTrue's: %s", fact)
		}
	}
}

func TestAuthTablesAreDescribedAndIndexed(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	wantRows(t, conn, `
		select c.oid::regclass || coalesce('.' || a.attname, '')
		from pg_class c
		left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r'
		  and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)`)
	wantRows(t, conn, `
		select t.oid::regtype::text from pg_type t
		where t.typnamespace = 'auth'::regnamespace and t.typtype = 'e' and obj_description(t.oid, 'pg_type') is null`)
	wantRows(t, conn, `select oid::regclass::text from pg_class
		where relnamespace = 'auth'::regnamespace and relkind = 'r' and not relrowsecurity`)
	wantRows(t, conn, "select polname::text from pg_policy")
	// A foreign key of one column needs an index that begins with it, and is not partial.
	wantRows(t, conn, `
		select k.conname::text from pg_constraint k
		where k.connamespace = 'auth'::regnamespace and k.contype = 'f'
		  and not exists (
			select from pg_index i
			where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1] and cardinality(k.conkey) = 1 and i.indpred is null
		  )`)
}

// Not even default privileges for all schemas open the tables.
func TestOnlyAuthAdminReachesAuthTables(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	conn := connect(t, url)
	exec(t, conn, "alter default privileges grant all on tables to public")
	exec(t, conn, "alter default privileges grant all on sequences to public")
	up(t, url)
	tables := query(t, conn, `select oid::regclass::text from pg_class
		where relnamespace = 'auth'::regnamespace and relkind = 'r' order by 1`)
	if len(tables) != 23 {
		t.Fatalf("%d tables, want 23: %v", len(tables), tables)
	}
	for _, role := range []string{"anon", "authenticated", "service_role", "authenticator"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, url)
			exec(t, conn, "set role "+role)
			for _, table := range tables {
				for _, statement := range []string{
					"select from " + table, "insert into " + table + " default values", "delete from " + table, "truncate " + table,
				} {
					wantSQLState(t, conn, "42501", statement)
				}
			}
			wantSQLState(t, conn, "42501", "update auth.users set email = ''")
			wantSQLState(t, conn, "42501", "select nextval('auth.refresh_tokens_id_seq')")
			exec(t, conn, "reset role")
			wantRows(t, conn, `
				select c.oid::regclass || ' ' || p.privilege
				from pg_class c, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p (privilege)
				where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r'
				  and has_table_privilege('`+role+`', c.oid, p.privilege)`)
			wantRows(t, conn, `
				select c.oid::regclass || ' ' || p.privilege
				from pg_class c, unnest(array['usage', 'select', 'update']) p (privilege)
				where c.relnamespace = 'auth'::regnamespace and c.relkind = 'S'
				  and has_sequence_privilege('`+role+`', c.oid, p.privilege)`)
		})
	}
}

func TestAuthAdminKeepsUsers(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	up(t, url)
	owner, admin := connect(t, url), connect(t, url)
	wantRows(t, owner, `select concat_ws(' ', rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication)
		from pg_roles where rolname = 'supabase_auth_admin'`, "t f f f f f f")
	wantRows(t, owner, `select roleid::regrole::text from pg_auth_members where member = 'supabase_auth_admin'::regrole`)
	// What applications add to users.
	for _, statement := range []string{
		"create table public.profiles (id uuid primary key references auth.users (id) on delete cascade, email text)",
		`create function public.add_profile() returns trigger language plpgsql security definer set search_path = '' as $$
			begin insert into public.profiles (id, email) values (new.id, new.email); return new; end $$`,
		"create trigger add_profile after insert on auth.users for each row execute function public.add_profile()",
	} {
		exec(t, owner, statement)
	}

	exec(t, admin, "set role supabase_auth_admin")
	const id = "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30"
	exec(t, admin, "insert into auth.users (id, email, email_confirmed_at) values ($1, 'a@example.org', '2026-01-02Z')", id)
	exec(t, admin, `insert into auth.identities (provider_id, user_id, identity_data, provider)
		values ($1, $1::text::uuid, '{"email":"A@example.org"}', 'email')`, id)
	exec(t, admin, "insert into auth.sessions (id, user_id, aal) values ($1, $1, 'aal1')", id)
	exec(t, admin, "insert into auth.refresh_tokens (token, user_id, session_id) values ('t', $1::text, $1::text::uuid)", id)
	wantRows(t, admin, `select u.id || ' ' || (u.confirmed_at = u.email_confirmed_at) || ' ' || i.email || ' ' || r.id
		from auth.users u join auth.identities i on i.user_id = u.id join auth.refresh_tokens r on r.session_id = u.id`,
		id+" true a@example.org 1")
	wantRows(t, owner, "select id || ' ' || email from public.profiles", id+" a@example.org")

	const another = "insert into auth.users (id, email, is_sso_user) values (gen_random_uuid(), 'a@example.org', "
	wantSQLState(t, admin, "23505", another+"false)")
	exec(t, admin, another+"true)")
	exec(t, admin, another+"true)")
	wantSQLState(t, admin, "23505", "insert into auth.identities (provider_id, user_id, identity_data, provider) values ('"+
		id+"', '"+id+"', '{}', 'email')")
	exec(t, admin, "delete from auth.users where id = $1", id)
	wantRows(t, admin, `select id::text from auth.identities union all select id::text from auth.sessions
		union all select id::text from auth.refresh_tokens`)
	wantRows(t, owner, "select id::text from public.profiles where id = '"+id+"'")

	wantSQLState(t, admin, "42501", "create table auth.mine (id int)")
	wantSQLState(t, admin, "42501", "select from public.profiles")
	wantSQLState(t, admin, "42501", "select from nexus.core_objects")
}

// The tables of an owner's own making stay, but auth/v1 can work on them.
func TestAuthTablesInOtherHands(t *testing.T) {
	alone(t)
	url := newDatabase(t)
	conn := connect(t, url)
	const id = "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30"
	for _, statement := range []string{
		"create schema auth",
		"create table auth.users (id uuid primary key, email text, nickname text)",
		"insert into auth.users values ('" + id + "', 'a@example.org', 'a')",
		"alter table auth.users enable row level security",
		"comment on column auth.users.email is 'theirs'",
		`create table auth.flow_state (id uuid primary key, provider_type text not null, authentication_method text not null,
			code_challenge text not null)`,
		"create table auth.audit_log_entries (id uuid primary key)",
	} {
		exec(t, conn, statement)
	}
	before := authState(t, conn)
	up(t, url)

	columns := func(url string) []string {
		return query(t, connect(t, url), `select a.attrelid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
			from pg_attribute a join pg_class c on c.oid = a.attrelid
			where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and a.attnum > 0 order by 1`)
	}
	fresh := newDatabase(t)
	up(t, fresh)
	got := columns(url)
	unused := []string{"invite_token", "oauth_client_state_id", "email_optional", "phone_change", "is_super_admin", "users.email "}
	for _, column := range columns(fresh) {
		if !slices.Contains(got, column) && !slices.ContainsFunc(unused, func(s string) bool { return strings.Contains(column, s) }) {
			t.Errorf("missing: %s", column)
		}
	}
	wantRows(t, conn, "select relowner::regrole::text from pg_class where oid = 'auth.users'::regclass", "postgres")
	wantRows(t, conn, "select col_description('auth.users'::regclass, 2)", "theirs")
	admin := connect(t, url)
	exec(t, admin, "set role supabase_auth_admin")
	wantRows(t, admin, "select id || ' ' || nickname || ' ' || is_anonymous from auth.users", id+" a false")
	exec(t, admin, "insert into auth.users (id) values (gen_random_uuid())")
	exec(t, admin, "insert into auth.sessions (id, user_id) values ($1, $1)", id)
	exec(t, admin, "insert into auth.flow_state (id, provider_type, authentication_method) values ($1, 'x', 'oauth')", id)
	exec(t, admin, "delete from auth.users where nickname is null")
	exec(t, admin, "delete from auth.flow_state")

	downTo(t, fresh, 0) // which keeps the roles otherwise
	downTo(t, url, 0)
	if got := authState(t, conn); got != before {
		t.Errorf("after down:\n%s\nwant\n%s", got, before)
	}
	wantRows(t, conn, "select concat_ws(' ', id, email, nickname) from auth.users", id+" a@example.org a")
}

// A table that means something else is no reason not to serve.
func TestUpBesidesOtherUsers(t *testing.T) {
	t.Parallel()
	for _, table := range []string{
		"create table auth.users (id serial primary key, name text)",
		"create table auth.users (id uuid, name text)",
		"create view auth.users as select gen_random_uuid() as id",
	} {
		url := newDatabase(t)
		conn := connect(t, url)
		exec(t, conn, "create schema auth")
		exec(t, conn, table)
		before := query(t, conn, authFacts)
		up(t, url)
		if after := query(t, conn, authFacts); !slices.Equal(after, before) {
			t.Errorf("%s: got\n%s\nwant\n%s", table, strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
		wantRows(t, conn, "select has_table_privilege('supabase_auth_admin', 'auth.users', 'select')::text", "false")
	}
}

// The migrating role need be no superuser: an owner of the database that may create roles will do.
func TestAuthTablesOfOrdinaryOwner(t *testing.T) {
	alone(t)
	t.Cleanup(func() { execDetached(t, "drop role if exists builder") })
	target := newDatabase(t)
	conn := connect(t, target)
	exec(t, conn, "create role builder login createrole password 'builder'")
	exec(t, conn, "alter database "+conn.Config().Database+" owner to builder")
	// Only a superuser may make a role that bypasses row level security.
	exec(t, conn, "create role service_role nologin noinherit bypassrls")
	exec(t, conn, "grant service_role to builder with admin option")
	before := authState(t, conn)

	target = withUser(t, target, "builder", "builder")
	up(t, target)
	wantRows(t, conn, "select distinct relowner::regrole::text from pg_class where relnamespace = 'auth'::regnamespace",
		"supabase_auth_admin")
	wantRows(t, conn, "select distinct typowner::regrole::text from pg_type where typnamespace = 'auth'::regnamespace and typtype = 'e'",
		"supabase_auth_admin")
	wantRows(t, conn, "select has_schema_privilege('supabase_auth_admin', 'auth', 'create')::text", "false")
	builder := connect(t, target)
	exec(t, builder, "create function public.f() returns trigger language plpgsql as 'begin return new; end'")
	exec(t, builder, "create trigger f after insert on auth.users for each row execute function public.f()")
	exec(t, builder, "create table public.profiles (id uuid references auth.users (id))")
	exec(t, builder, "drop table public.profiles")
	exec(t, builder, "drop function public.f cascade")

	downTo(t, target, 0)
	if got := authState(t, conn); got != before {
		t.Errorf("after down:\n%s\nwant\n%s", got, before)
	}
}

// Who cannot give the tables away, because somebody else made the role, keeps them; auth/v1 works all the same.
func TestAuthTablesThatStayWithTheirMaker(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { execDetached(t, "drop role if exists maker") })
	up(t, newDatabase(t)) // makes the role
	target := newDatabase(t)
	if _, err := open(t, target).UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, target)
	for _, statement := range []string{
		"create role maker login password 'maker'",
		"grant usage, create on schema auth to maker with grant option",
		"grant usage, create on schema nexus to maker",
		"grant all on all tables in schema nexus to maker",
		"alter table nexus.core_objects owner to maker",
	} {
		exec(t, conn, statement)
	}
	up(t, withUser(t, target, "maker", "maker"))
	wantRows(t, conn, "select distinct relowner::regrole::text from pg_class where relnamespace = 'auth'::regnamespace", "maker")
	wantRows(t, conn, "select has_schema_privilege('supabase_auth_admin', 'auth', 'create')::text", "false")

	admin := connect(t, target)
	exec(t, admin, "set role supabase_auth_admin")
	const id = "7b2d1d9e-2b0a-4b7c-9a55-3f1c0d1e2f30"
	exec(t, admin, "insert into auth.users (id, email) values ($1, 'a@example.org')", id)
	exec(t, admin, "insert into auth.sessions (id, user_id) values ($1, $1)", id)
	exec(t, admin, "insert into auth.refresh_tokens (token) values ('t')")
	wantRows(t, admin, "select email::text from auth.users", "a@example.org")

	downTo(t, withUser(t, target, "maker", "maker"), 4)
	wantRows(t, conn, "select relname::text from pg_class where relnamespace = 'auth'::regnamespace")
	wantRows(t, conn, "select has_schema_privilege('supabase_auth_admin', 'auth', 'usage')::text", "false")
}

func TestAuthTablesDownAndUpAgain(t *testing.T) {
	alone(t)
	target := newDatabase(t)
	conn := connect(t, target)
	before := authState(t, conn)
	up(t, target)
	after := authState(t, conn)
	// An application's foreign key keeps the table that it refers to, and what that needs.
	exec(t, conn, "create table public.profiles (id uuid references auth.users (id))")
	downTo(t, target, 4)
	wantRows(t, conn, "select oid::regclass::text from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r'",
		"auth.users")
	admin := connect(t, target)
	exec(t, admin, "set role supabase_auth_admin")
	exec(t, admin, "insert into auth.users (id) values (gen_random_uuid())")
	exec(t, conn, "drop table public.profiles")
	up(t, target)
	if got := authState(t, conn); got != after {
		t.Errorf("after up again:\n%s\nwant\n%s", got, after)
	}
	downTo(t, target, 0)
	if got := authState(t, conn); got != before {
		t.Errorf("after down:\n%s\nwant\n%s", got, before)
	}
}

func TestAuthTablesNotify(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	if _, err := open(t, url).UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	conn, listener := connect(t, url), connect(t, url)
	exec(t, listener, "listen pgrst")
	exec(t, listener, "listen done")
	if _, err := open(t, url).UpTo(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "notify done")
	exec(t, conn, "create function public.f() returns trigger language plpgsql as 'begin return new; end'")
	exec(t, conn, "notify done")
	exec(t, conn, "create trigger f after insert on auth.users for each row execute function public.f()")
	exec(t, conn, "notify done")
	exec(t, conn, "set role supabase_auth_admin")
	exec(t, conn, "insert into auth.instances (id) values (gen_random_uuid())")
	exec(t, conn, "notify done")
	var got []string
	for range 7 {
		n, err := listener.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n.Channel)
	}
	if want := []string{"pgrst", "done", "pgrst", "done", "pgrst", "done", "done"}; !slices.Equal(got, want) {
		t.Errorf("notified %v, want %v", got, want)
	}
}

// authState describes all that the migration of the auth tables may touch.
func authState(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return strings.Join(query(t, conn, `
		select 'schema ' || nspname || ' ' || coalesce(nspacl, acldefault('n', nspowner))::text
		from pg_namespace where nspname = 'auth'
		union all
		select 'relation ' || oid::regclass || ' ' || relkind::text || ' ' || relrowsecurity || ' '
			|| coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r' end, relowner))::text
		from pg_class where relnamespace::regnamespace::text = 'auth'
		union all
		select 'column ' || attrelid::regclass || '.' || attname || ' ' || attnotnull
		from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relnamespace::regnamespace::text = 'auth' and a.attnum > 0 and not a.attisdropped
		union all
		select 'type ' || oid::regtype || ' ' || typowner::regrole
		from pg_type where typnamespace::regnamespace::text = 'auth' and typtype = 'e'
		union all
		select 'policy ' || polname || ' ' || polrelid::regclass from pg_policy
		union all
		select 'function ' || oid::regprocedure from pg_proc where pronamespace::regnamespace::text in ('auth', 'nexus')
		union all
		select 'role ' || rolname from pg_roles where rolname !~ '^pg_'
		union all
		select 'member ' || member::regrole || ' of ' || roleid::regrole from pg_auth_members where member::regrole::text !~ '^pg_'
		order by 1`), "\n")
}

// withUser returns the connection string of another user.
func withUser(t *testing.T, target, user, password string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}
