package migrations_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var updateMatrix = flag.Bool("update", false, "write docs/rights-matrix.md")

const matrixFile = "../docs/rights-matrix.md"

// given are values of columns that their types and constraints do not tell. A table that cannot be filled fails the test until it has
// its values here.
var given = map[string]string{
	"customers.first_name": "'Mona'", "items.name": "'Cup'", "organization_invites.email": "'ann@example.com'",
	"agent_api_keys.key_prefix": "'nxs_ak_abcdefg' || :tenant", "agent_api_keys.key_hash": "'$2a$10$' || repeat('x', 53)",
	"agent_api_keys.scopes": "'{read}'", "courier_accounts.courier_name": "'nexus'", "orders.order_number": "'ORD-000001'", "orders.currency": "'USD'",
	"order_items.unit_price": "1", "purchase_orders.po_number": "'PO-000001'", "stock_movements.movement_type": "'adjustment'", "stock_movements.reason": "'correction'", "plans.name": "'plan' || :tenant",
	"ai_tag_definitions.tag": "'vip'", "embeddings.embedding": "'{1}'", "shopify_abandoned_checkouts.currency": "'USD'", "automation_rules.actions": "'[{}]'", "integrations.external_id": "'shop' || :tenant", "internal_conversations.pair_key": "'pair'",
	"internal_messages.agent_account_id": "null", "messages.content": "'hello'", "canned_responses.shortcut": "'hello'", "plans.position": "100 + :tenant", "customers.email": "'mona@example.com'",
}

// table is one of the catalog.
type table struct {
	name    string
	columns []column
	fks     []foreignKey
	key     []string
	// rows are the rows of both tenants: by what they are found, and what they have.
	rows [2]struct{ where, json string }
}

type column struct {
	Name, Type, Check string
	Required          bool
	Generated         bool
	Enum              *string
	Insert, Update    bool
}

type foreignKey struct {
	Target  string
	Columns []string
	To      []string
}

// caller is somebody of tenant 1.
type caller struct{ name, role, claims string }

func callers(user, organization string) []caller {
	token := func(meta string) string {
		return fmt.Sprintf(`{"role": "authenticated", "sub": %q, "app_metadata": {%s}}`, user, meta)
	}
	person := func(role string) string {
		return token(fmt.Sprintf(`"organization_id": %q, "org_role": %q`, organization, role))
	}
	agent := func(scope string) string {
		return token(fmt.Sprintf(`"organization_id": %q, "org_role": "agent", "agent_scopes": [%q]`, organization, scope))
	}
	return []caller{
		{"owner", "authenticated", person("owner")},
		{"admin", "authenticated", person("admin")},
		{"member", "authenticated", person("member")},
		{"agent read", "authenticated", agent("read")},
		{"agent write", "authenticated", agent("write")},
		{"agent admin", "authenticated", agent("admin")},
		{"without organization", "authenticated", token("")},
		{"anonymous", "anon", "{}"},
	}
}

// shorthands name the usual sets of callers.
var shorthands = map[string]string{
	"": "nobody",
	"owner, admin, member, agent read, agent write, agent admin": "all",
	"owner, admin, member, agent write, agent admin":             "write",
	"owner, admin, agent admin":                                  "administer",
	"owner, admin":                                               "owner, admin",
	"owner, admin, member, agent read, agent write, agent admin, without organization, anonymous": "everybody",
	"owner, admin, member, agent read, agent write, agent admin, without organization":            "self",
}

// Every table × caller × action: what tenant 1 may do with its own rows is what docs/rights-matrix.md says, and with rows of tenant 2
// it may do nothing, nor move a row there, nor refer to one.
func TestIsolation(t *testing.T) {
	conn := openApp(t)
	i := &isolation{t: t, conn: conn}
	i.users[0], i.users[1] = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
	i.organizations[0], i.organizations[1] = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
	i.load()
	i.fill()
	matrix := i.attempt()
	if *updateMatrix {
		if err := os.WriteFile(matrixFile, []byte(matrix), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != matrix {
		t.Errorf("docs/rights-matrix.md says otherwise; if the rights are as they should be, run this test with -update\n%s", difference(string(want), matrix))
	}
}

func difference(want, got string) string {
	var out []string
	lines := strings.Split(want, "\n")
	for _, line := range strings.Split(got, "\n") {
		if !slices.Contains(lines, line) {
			out = append(out, "+ "+line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(strings.Split(got, "\n"), line) {
			out = append(out, "- "+line)
		}
	}
	return strings.Join(out, "\n")
}

type isolation struct {
	t                    *testing.T
	conn                 *pgx.Conn
	users, organizations [2]string
	tables               []*table
}

func (i *isolation) exec(sql string, args ...any) {
	i.t.Helper()
	if _, err := i.conn.Exec(i.t.Context(), sql, args...); err != nil {
		i.t.Fatalf("%s: %v", sql, err)
	}
}

// load reads the tables from the catalog, those that others refer to first.
func (i *isolation) load() {
	i.t.Helper()
	var text string
	err := i.conn.QueryRow(i.t.Context(), `
		select json_agg(json_build_object('name', c.relname,
			'columns', (select json_agg(json_build_object('Name', a.attname, 'Type', format_type(a.atttypid, null), 'Generated', a.attgenerated <> '' or a.attidentity <> '',
					'Required', a.attnotnull and not a.atthasdef,
					'Check', (select string_agg(pg_get_constraintdef(k.oid), ' ') from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and k.conkey = array[a.attnum]),
					'Enum', (select e.enumlabel from pg_enum e where e.enumtypid = a.atttypid order by e.enumsortorder limit 1),
					'Insert', has_column_privilege('authenticated', c.oid, a.attnum, 'insert'), 'Update', has_column_privilege('authenticated', c.oid, a.attnum, 'update')) order by a.attnum)
				from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
			'key', (select json_agg(a.attname order by x.n) from pg_constraint k, unnest(k.conkey) with ordinality x (num, n), pg_attribute a
				where k.conrelid = c.oid and k.contype = 'p' and a.attrelid = c.oid and a.attnum = x.num),
			'fks', coalesce((select json_agg(json_build_object('Target', k.confrelid::regclass::text,
					'Columns', (select json_agg(a.attname order by x.n) from unnest(k.conkey) with ordinality x (num, n) join pg_attribute a on a.attrelid = c.oid and a.attnum = x.num),
					'To', (select json_agg(a.attname order by x.n) from unnest(k.confkey) with ordinality x (num, n) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.num)) order by k.conname)
				from pg_constraint k where k.conrelid = c.oid and k.contype = 'f'), '[]')) order by c.relname)
		from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')`).Scan(&text)
	if err != nil {
		i.t.Fatal(err)
	}
	var all []struct {
		Name    string
		Columns []column
		Key     []string
		FKs     []foreignKey `json:"fks"`
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		i.t.Fatal(err)
	}
	done := map[string]bool{"auth.users": true}
	for len(i.tables) < len(all) {
		before := len(i.tables)
		for _, each := range all {
			waits := slices.ContainsFunc(each.FKs, func(fk foreignKey) bool {
				return fk.Target != each.Name && fk.Target != "public."+each.Name && !done[fk.Target]
			})
			if !done[each.Name] && !waits {
				done[each.Name] = true
				i.tables = append(i.tables, &table{name: each.Name, columns: each.Columns, key: each.Key, fks: each.FKs})
			}
		}
		if len(i.tables) == before {
			i.t.Fatal("the tables refer to each other in a circle")
		}
	}
}

// fill makes a row of each table for both tenants. Triggers and foreign keys are off, so that it does not matter what belongs to it.
func (i *isolation) fill() {
	i.t.Helper()
	i.exec("set session_replication_role = replica")
	for n := range 2 {
		i.exec("insert into auth.users (id, email) values ($1, $2)", i.users[n], fmt.Sprintf("user%d@example.com", n))
	}
	for _, each := range i.tables {
		for n := range 2 {
			i.row(each, n)
		}
	}
	i.exec("set session_replication_role = origin")
}

func (i *isolation) row(each *table, n int) {
	i.t.Helper()
	var names, values []string
	for _, c := range each.columns {
		if value := i.value(each, &c, n); value != "" {
			names, values = append(names, c.Name), append(values, strings.ReplaceAll(value, ":tenant", fmt.Sprint(n+1)))
		}
	}
	sql := fmt.Sprintf("insert into public.%s as t (%s) values (%s) returning to_jsonb(t)::text", each.name, strings.Join(names, ", "), strings.Join(values, ", "))
	if err := i.conn.QueryRow(i.t.Context(), sql).Scan(&each.rows[n].json); err != nil {
		i.t.Fatalf("no row for %s (add its values to given): %s: %v", each.name, sql, err)
	}
	var row map[string]any
	if err := json.Unmarshal([]byte(each.rows[n].json), &row); err != nil {
		i.t.Fatal(err)
	}
	found := make([]string, len(each.key))
	for at, name := range each.key {
		found[at] = fmt.Sprintf("%s = '%v'", name, row[name])
	}
	if each.rows[n].where = " where " + strings.Join(found, " and "); len(found) == 0 {
		i.t.Fatalf("%s has no primary key", each.name)
	}
}

// value is what a column gets, empty for its default.
func (i *isolation) value(each *table, c *column, n int) string {
	if text, ok := given[each.name+"."+c.Name]; ok {
		return text
	}
	if c.Generated {
		return ""
	}
	if each.name == "organizations" && c.Name == "id" {
		return "'" + i.organizations[n] + "'"
	}
	for _, fk := range each.fks {
		at := slices.Index(fk.Columns, c.Name)
		if at < 0 || fk.Target == each.name {
			continue
		}
		if fk.Target == "auth.users" {
			return "'" + i.users[n] + "'"
		}
		for _, target := range i.tables {
			if target.name == fk.Target && target.rows[n].json != "" {
				var row map[string]any
				if err := json.Unmarshal([]byte(target.rows[n].json), &row); err != nil {
					i.t.Fatal(err)
				}
				return fmt.Sprintf("'%v'", row[fk.To[at]])
			}
		}
	}
	if !c.Required {
		return ""
	}
	if c.Enum != nil {
		return "'" + *c.Enum + "'"
	}
	if _, rest, ok := strings.Cut(c.Check, "ARRAY['"); ok {
		first, _, _ := strings.Cut(rest, "'")
		return "'" + first + "'"
	}
	switch {
	case strings.HasSuffix(c.Type, "[]"):
		return "'{}'"
	case c.Type == "text":
		return fmt.Sprintf("'%s %d'", c.Name, n)
	case c.Type == "uuid":
		return "gen_random_uuid()"
	case c.Type == "jsonb", c.Type == "json":
		return "'{}'"
	case c.Type == "boolean":
		return "false"
	case c.Type == "bytea":
		return `'\x00'`
	case strings.HasPrefix(c.Type, "timestamp"), c.Type == "date":
		return "now()"
	default:
		return "1"
	}
}

// attempt tries every cell and returns the matrix.
func (i *isolation) attempt() string {
	var out strings.Builder
	out.WriteString(matrixHead)
	slices.SortFunc(i.tables, func(a, b *table) int { return strings.Compare(a.name, b.name) })
	for _, each := range i.tables {
		cells := make([]string, 4)
		for at, action := range []string{"select", "insert", "update", "delete"} {
			var may []string
			for _, c := range callers(i.users[0], i.organizations[0]) {
				if i.try(each, &c, action, 0) {
					may = append(may, c.name)
				}
				if each.name != "plans" && i.try(each, &c, action, 1) {
					i.t.Errorf("%s may %s a row of another tenant in %s", c.name, action, each.name)
				}
			}
			text := strings.Join(may, ", ")
			if short, ok := shorthands[text]; ok {
				text = short
			}
			cells[at] = text
		}
		fmt.Fprintf(&out, "| `%s` | %s |\n", each.name, strings.Join(cells, " | "))
		for _, c := range callers(i.users[0], i.organizations[0]) {
			i.tryToMove(each, &c)
			i.tryToRefer(each, &c)
		}
	}
	return out.String()
}

// as runs a statement as a caller, undoes it, and returns how many rows it met.
func (i *isolation) as(c *caller, before, sql string, args ...any) (int64, error) {
	i.t.Helper()
	ctx := i.t.Context()
	tx, err := i.conn.Begin(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if before != "" {
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica; "+before+"; set local session_replication_role = origin"); err != nil {
			i.t.Fatalf("%s: %v", before, err)
		}
	}
	if _, err := tx.Exec(ctx, "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", c.role, c.claims); err != nil {
		i.t.Fatal(err)
	}
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	// What is only looked at in the end.
	if _, err := tx.Exec(ctx, "set constraints all immediate"); err != nil {
		return 0, err
	}
	return tag.RowsAffected(), nil
}

// denied reports whether an error is about rights.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42501" || pg.Code == "PT403")
}

// try reports whether a caller may do something with a tenant's row. What other rules forbid is not a matter of rights.
func (i *isolation) try(each *table, c *caller, action string, n int) bool {
	i.t.Helper()
	where := each.rows[n].where
	var rows int64
	var err error
	switch action {
	case "select":
		rows, err = i.as(c, "", fmt.Sprintf("select %s from public.%s%s", i.readable(each, c), each.name, where))
	case "insert":
		rows, err = i.insert(each, c, n, nil)
		if n == 1 {
			return err == nil && rows > 0 || err != nil && !denied(err) && !refused(err)
		}
	case "update":
		column := i.changeable(each)
		if column == "" {
			return false
		}
		rows, err = i.as(c, "", fmt.Sprintf("update public.%s set %s = %s%s", each.name, column, column, where))
	case "delete":
		rows, err = i.as(c, "", "delete from public."+each.name+where)
	}
	if err != nil {
		return !denied(err)
	}
	return rows > 0
}

// refused reports whether a row was refused because something in it is of nobody whom the caller sees.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "23503" || strings.HasPrefix(pg.Code, "PT4"))
}

// readable is a column that the caller may read.
func (i *isolation) readable(each *table, c *caller) string {
	var name *string
	err := i.conn.QueryRow(i.t.Context(), `select a.attname from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
		and has_column_privilege($2, a.attrelid, a.attnum, 'select') order by a.attnum limit 1`, "public."+each.name, c.role).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "*"
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return `"` + *name + `"`
}

// changeable is a column that signed-in users may change and read.
func (i *isolation) changeable(each *table) string {
	for _, c := range each.columns {
		if c.Update && !c.Generated {
			return `"` + c.Name + `"`
		}
	}
	return ""
}

// insert tries to add a tenant's row, which is not there for the time being; change replaces some of its values.
func (i *isolation) insert(each *table, c *caller, n int, change map[string]any) (int64, error) {
	i.t.Helper()
	var names []string
	for _, column := range each.columns {
		if column.Insert && !column.Generated {
			names = append(names, `"`+column.Name+`"`)
		}
	}
	if len(names) == 0 {
		return 0, &pgconn.PgError{Code: "42501"}
	}
	text, err := json.Marshal(change)
	if err != nil {
		i.t.Fatal(err)
	}
	if change == nil {
		text = []byte("{}")
	}
	list := strings.Join(names, ", ")
	return i.as(c, fmt.Sprintf("delete from public.%s%s", each.name, each.rows[n].where),
		fmt.Sprintf("insert into public.%s (%s) select %s from jsonb_populate_record(null::public.%s, $1::jsonb || $2::jsonb)", each.name, list, list, each.name),
		each.rows[n].json, string(text))
}

func (i *isolation) tryToMove(each *table, c *caller) {
	i.t.Helper()
	for _, column := range each.columns {
		if column.Name != "organization_id" || !column.Update {
			continue
		}
		rows, err := i.as(c, "", fmt.Sprintf("update public.%s set organization_id = '%s'%s", each.name, i.organizations[1], each.rows[0].where))
		if err == nil && rows > 0 {
			i.t.Errorf("%s may move a row of %s to another tenant", c.name, each.name)
		}
	}
}

// tryToRefer has rows of tenant 1 refer to rows of tenant 2, by changing and by adding them.
func (i *isolation) tryToRefer(each *table, c *caller) {
	i.t.Helper()
	for _, fk := range each.fks {
		index := slices.IndexFunc(i.tables, func(t *table) bool { return t.name == fk.Target })
		if index < 0 || fk.Target == "plans" || fk.Target == "organizations" {
			continue
		}
		var theirs map[string]any
		if err := json.Unmarshal([]byte(i.tables[index].rows[1].json), &theirs); err != nil {
			i.t.Fatal(err)
		}
		change := map[string]any{}
		var sets []string
		allowed, insertable := true, true
		for at, name := range fk.Columns {
			if name == "organization_id" {
				continue
			}
			change[name] = theirs[fk.To[at]]
			sets = append(sets, fmt.Sprintf("%s = '%v'", name, theirs[fk.To[at]]))
			at := each.columns[slices.IndexFunc(each.columns, func(c column) bool { return c.Name == name })]
			allowed, insertable = allowed && at.Update, insertable && at.Insert
		}
		if allowed {
			rows, err := i.as(c, "", fmt.Sprintf("update public.%s set %s%s", each.name, strings.Join(sets, ", "), each.rows[0].where))
			if err == nil && rows > 0 {
				i.t.Errorf("%s may have a row of %s refer to another tenant's in %s", c.name, each.name, fk.Target)
			}
		}
		if !insertable {
			continue
		}
		if rows, err := i.insert(each, c, 0, change); err == nil && rows > 0 {
			i.t.Errorf("%s may add a row to %s that refers to another tenant's in %s", c.name, each.name, fk.Target)
		}
	}
}

const matrixHead = `# Rights matrix

Who may do what with the rows of their own organization, per table of the Nexus application. The table is made by a test that tries
every cell (TestIsolation in migrations, ` + "`-update`" + ` writes it); the same test tries all of it with the rows of another organization,
and to move rows there or to refer to some: all of that fails for everybody.

- *all*: every member, and agents of any scope. *write*: members, and agents with the scope write or admin. *administer*: owners,
  admins, and agents with the scope admin. *self*: everybody who is signed in, for their own row. *everybody*: also without a token.
- *nobody* is for clients: functions of the application may do it where their description says so. Members with the permission
  inventory may also insert adjustments into stock_movements. Some columns of a table that may be changed are not for clients.
- The service role may do everything.

| Table | Read | Insert | Update | Delete |
| --- | --- | --- | --- | --- |
`
