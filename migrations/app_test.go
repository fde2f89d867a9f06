package migrations_test

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"nexus/migrations"
)

// openApp makes a database with both sets.
func openApp(t *testing.T) *pgx.Conn {
	t.Helper()
	url := newDatabase(t)
	up(t, url)
	appUp(t, url)
	return connect(t, url)
}

func appUp(t *testing.T, url string) {
	t.Helper()
	db := stdlib.OpenDB(*mustParse(t, url))
	defer func() { _ = db.Close() }()
	provider, err := migrations.App(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func appDown(t *testing.T, url string) {
	t.Helper()
	db := stdlib.OpenDB(*mustParse(t, url))
	defer func() { _ = db.Close() }()
	provider, err := migrations.App(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

func mustParse(t *testing.T, url string) *pgx.ConnConfig {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAppDownAndUpAgain(t *testing.T) {
	alone(t)
	url := newDatabase(t)
	up(t, url)
	conn := connect(t, url)
	before := catalog(t, conn)
	appUp(t, url)
	full := catalog(t, conn)
	appDown(t, url)
	if after := catalog(t, conn); after != before {
		t.Errorf("down leaves\n%s\nwant\n%s", after, before)
	}
	appUp(t, url)
	if again := catalog(t, conn); again != full {
		t.Errorf("up again makes\n%s\nwant\n%s", again, full)
	}
}

// What holds for every object of the application, also for those of later migrations.
func TestAppRules(t *testing.T) {
	conn := openApp(t)
	for name, statement := range map[string]string{
		"every table is under forced row level security": `
			select c.relname from pg_class c
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)`,
		"every table has a policy for signed-in users or is closed to them": `
			select c.relname from pg_class c
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
				and has_any_column_privilege('authenticated', c.oid, 'select')
				and not exists (select from pg_policy p where p.polrelid = c.oid and 'authenticated'::regrole = any (p.polroles))`,
		"nobody who is not signed in has a right but on the price list": `
			select c.relname from pg_class c, unnest(array['insert', 'update', 'references'] || case when c.relname <> 'plans' then array['select'] else '{}' end) right_
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and has_any_column_privilege('anon', c.oid, right_)`,
		"no API role truncates or reads past the policies": `
			select c.relname || ' ' || r from pg_class c, unnest(array['anon', 'authenticated']) r, unnest(array['truncate', 'references', 'trigger']) right_
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and has_table_privilege(r, c.oid, right_)`,
		"views run as their caller": `
			select c.relname from pg_class c
			where c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and not coalesce('security_invoker=true' = any (c.reloptions), false)`,
		"tables, views and columns have comments": `
			select c.relname || '.' || coalesce(a.attname, '') from pg_class c
			left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
				and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)`,
		"types have comments": `
			select t.typname from pg_type t
			where t.typnamespace = 'public'::regnamespace and t.typtype in ('e', 'd') and obj_description(t.oid, 'pg_type') is null`,
		"functions have comments": `
			select p.proname from pg_proc p
			where p.pronamespace in ('public'::regnamespace, 'nexus_app'::regnamespace, to_regnamespace('functions')) and obj_description(p.oid, 'pg_proc') is null
				and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`,
		"functions are not for everybody": `
			select p.proname from pg_proc p
			where p.pronamespace = 'nexus_app'::regnamespace and has_function_privilege('public', p.oid, 'execute')`,
		"definer functions belong to nexus_app and pin their search_path": `
			select p.proname from pg_proc p
			where p.pronamespace in ('public'::regnamespace, 'nexus_app'::regnamespace) and p.prosecdef
				and (p.proowner <> 'nexus_app'::regrole or not coalesce(p.proconfig::text like '%search_path=%', false))`,
		"foreign keys have indexes": `
			select k.conrelid::regclass || '.' || k.conname from pg_constraint k
			where k.contype = 'f' and k.connamespace = 'public'::regnamespace and not exists (
				select from pg_index i where i.indrelid = k.conrelid and i.indpred is null
					and (select array_agg(x order by x) from unnest(k.conkey) x) =
						(select array_agg(x order by x) from unnest((i.indkey::int2[])[0:array_length(k.conkey, 1) - 1]) x))
				and not exists (
				-- an index on the telling column of (organization_id, x) will do, as one on x where x is not null
				select from pg_index i where i.indrelid = k.conrelid
					and i.indkey[0] = k.conkey[array_length(k.conkey, 1)] and array_length(k.conkey, 1) > 1)`,
		"tenants' tables have an index that begins with organization_id": `
			select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
			where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
				and not exists (select from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indpred is null)`,
		"references between tenants' rows carry the tenant": `
			select k.conrelid::regclass || '.' || k.conname from pg_constraint k
			where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.confrelid <> 'public.organizations'::regclass
				and exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attname = 'organization_id')
				and exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'organization_id')
				and not exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attname = 'organization_id' and a.attnum = any (k.conkey))`,
		"policies call the functions about the caller once a statement": `
			select p.polrelid::regclass || ' ' || p.polname from pg_policy p join pg_class c on c.oid = p.polrelid,
				lateral (select coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as text) e
			where c.relnamespace = 'public'::regnamespace and regexp_replace(e.text, 'SELECT auth\.[a-z_]+\(\)', '', 'g') like '%auth.%'`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, found := range query(t, conn, statement) {
				t.Error(found)
			}
		})
	}
}
