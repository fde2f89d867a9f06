package schema_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/schema"
	"nexus/schema/pgtest"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

var hoisted = []string{"statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func load(t testing.TB, db *pgtest.DB, opts schema.LoadOptions) *schema.Snapshot {
	t.Helper()
	snapshot, err := schema.Load(t.Context(), connect(t, db.URL), opts)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// featuresOptions expose what testdata/features.sql is made for.
var featuresOptions = schema.LoadOptions{
	Schemas: []string{"api", "q s"}, ExtraSearchPath: []string{"private"}, HoistedTxSettings: hoisted,
}

func loadFeatures(t testing.TB) *schema.Snapshot {
	t.Helper()
	return load(t, pgtest.New(t, readFile(t, "testdata/features.sql")), featuresOptions)
}

func TestLoadGolden(t *testing.T) {
	t.Parallel()
	shop := schema.LoadOptions{Schemas: []string{"shop", "odd"}, HoistedTxSettings: hoisted}
	tests := map[string]struct {
		fixture string
		opts    schema.LoadOptions
	}{
		"features": {readFile(t, "testdata/features.sql"), featuresOptions},
		"shop":     {pgtest.Fixture(t, "fixture.sql"), shop},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshot := load(t, pgtest.New(t, test.fixture), test.opts)
			var out bytes.Buffer
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(dumpSnapshot(snapshot)); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, filepath.Join("testdata", name+".golden.json"), out.String())
		})
	}
}

func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := readFile(t, path)
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d:\n got %s\nwant %s", path, i+1, gotLines[i], wantLines[i])
		}
	}
	t.Fatalf("%s: got %d lines, want %d", path, len(gotLines), len(wantLines))
}

// TestRelationshipRules names the rules that the golden file holds examples of.
func TestRelationshipRules(t *testing.T) {
	t.Parallel()
	snapshot := loadFeatures(t)
	tests := []struct {
		rule     string
		from, to string // a table, and the name of a foreign table or computed relationship
		want     []string
	}{
		{
			"a key is many-to-one, and one-to-many seen from the other side", "api.clubs", "members",
			[]string{"one-to-many api.members by members_club_id_fkey(id=club_id)"},
		},
		{
			"a key that is the primary key is one-to-one, in any order of columns", "api.cards", "members",
			[]string{"one-to-one api.members by card_of(number=number, club_id=club_id) [to-one]"},
		},
		{
			"a key with a unique constraint is one-to-one", "api.members", "lockers",
			[]string{"one-to-one api.lockers by locker_of(number=number, club_id=club_id) [to-one parent]"},
		},
		{
			"a key of a relation to itself leads both ways", "api.members", "members",
			[]string{
				"one-to-many api.members by members_club_id_mentor_fkey(club_id=club_id, number=mentor) [self]",
				"many-to-one api.members by members_club_id_mentor_fkey(club_id=club_id, mentor=number) [to-one self]",
			},
		},
		{
			"several keys between two tables stay apart, in the order of their names", "api.people", "places",
			[]string{
				"many-to-one api.places by home_fk(home=id) [to-one]", "many-to-one api.places by work_fk(work=id) [to-one]",
				"many-to-many api.places by api.visits: visits_person_fkey(id=person) visits_place_fkey(id=place)",
			},
		},
		{
			"a junction has both keys in its primary key", "api.tags", "people",
			[]string{
				"many-to-many api.people by api.people_tags: people_tags_tag_fkey(id=tag) people_tags_person_fkey(id=person)",
				"many-to-many api.people by api.people_tags_view: people_tags_tag_fkey(id=what) people_tags_person_fkey(id=who)",
				"many-to-many api.people by api.visits: visits_tag_fkey(id=tag) visits_person_fkey(id=person)",
			},
		},
		{
			"a column that a view shows twice makes two relationships", "api.pets", "owners",
			[]string{
				"many-to-one api.owners by pets_owner_id_fkey(keeper=owner_id) [to-one from-view to-view]",
				"many-to-one api.owners by pets_owner_id_fkey(keeper_again=owner_id) [to-one from-view to-view]",
			},
		},
		{
			"a view is followed through a view of the extra search path", "api.pets_on_view", "owners",
			[]string{"many-to-one api.owners by pets_owner_id_fkey(owner=owner_id) [to-one from-view to-view]"},
		},
		{
			"a unique key stays one-to-one through a materialized view on a view", "api.pets_stored", "tags",
			[]string{"one-to-one api.tags by pets_tag_fkey(tag=id) [to-one from-view]"},
		},
		{
			"common table expressions are seen through", "api.with_cte", "places",
			[]string{
				"many-to-one api.places by home_fk(h=id) [to-one from-view]",
				"many-to-many api.places by api.visits: visits_person_fkey(id=person) visits_place_fkey(id=place) [from-view]",
			},
		},
		{"a view that shows half of a key has no part in it", "api.part_of_key", "cards", nil},
		{"a union's columns come from no table", "api.in_union", "places", nil},
		{"an expression over a key is no key", "api.expressions", "visits", nil},
		{
			"the name of a field of the parse tree is no more than a column's name", "api.odd_names", "pets_on_view",
			[]string{"one-to-many api.pets_on_view by pets_owner_id_fkey(:resno=owner) [from-view to-view]"},
		},
		{
			"a partitioned table has keys of its own", "api.readings", "measures",
			[]string{"many-to-one api.measures by readings_measure_region_fkey(measure=id, region=region) [to-one]"},
		},
		{
			"a partition has only the keys that it declares itself", "api.measures_us", "places",
			[]string{"many-to-one api.places by us_place_fk(id=id) [to-one]"},
		},
		{
			"a function to one row is a relationship to one", "api.people", "home",
			[]string{"computed api.places by api.home(api.people) [to-one]"},
		},
		{
			"a function replaces relationships to a table of its name", "api.people", "tags",
			[]string{"computed api.tags by api.tags(api.people)"},
		},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			from := schema.ParseIdent(test.from)
			var got []string
			for _, r := range snapshot.Relationships[schema.RelationshipKey{Table: from, ForeignSchema: from.Schema}] {
				if r.Cardinality == schema.Computed && r.Function.Name == test.to ||
					r.Cardinality != schema.Computed && r.ForeignTable.Name == test.to {
					got = append(got, describe(r))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestNothingPrivate looks for relationships that name a relation outside of the exposed schemas.
func TestNothingPrivate(t *testing.T) {
	t.Parallel()
	snapshot := loadFeatures(t)
	count := 0
	for _, relationships := range snapshot.Relationships {
		for _, r := range relationships {
			count++
			hidden := r.Table.Schema == "private" || r.ForeignTable.Schema == "private"
			if hidden || r.Junction != nil && r.Junction.Table.Schema == "private" {
				t.Errorf("%s: %s", r.Table, describe(r))
			}
		}
	}
	if count == 0 {
		t.Error("no relationships at all")
	}
	for id := range snapshot.Tables {
		if id.Schema == "private" {
			t.Errorf("table %s", id)
		}
	}
}

func TestLoadColumnsByName(t *testing.T) {
	t.Parallel()
	table := loadFeatures(t).Table(schema.Ident{Schema: "api", Name: "types"})
	if table == nil {
		t.Fatal("no table")
	}
	for _, c := range table.Columns {
		if table.Column(c.Name) != c {
			t.Errorf("column %s is not found by its name", c.Name)
		}
	}
	if c := table.Column("dropped"); c != nil {
		t.Errorf("found %+v", c)
	}
}

func TestLoadForeignTable(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	if _, err := conn.Exec(t.Context(), "create extension postgres_fdw"); err != nil {
		t.Skip("this PostgreSQL comes without postgres_fdw:", err)
	}
	_, err := conn.Exec(t.Context(), `
		create server elsewhere foreign data wrapper postgres_fdw;
		create foreign table written (id int, name text not null) server elsewhere;
		create foreign table frozen (id int) server elsewhere options (updatable 'false');`)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := load(t, db, schema.LoadOptions{Schemas: []string{"public"}})
	for name, want := range map[string]string{"written": "insert update delete", "frozen": ""} {
		table := snapshot.Table(schema.Ident{Schema: "public", Name: name})
		if table == nil {
			t.Fatalf("%s: not found", name)
		}
		if got := dumpTable(table); got.Kind != "f" || got.Verbs != want {
			t.Errorf("%s: got %+v, want the verbs %q", name, got, want)
		}
	}
}

func TestLoadUnknownSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, opts := range map[string]schema.LoadOptions{
		"exposed": {Schemas: []string{"public", "no such"}},
		"extra":   {Schemas: []string{"public"}, ExtraSearchPath: []string{"no such"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.Load(t.Context(), connect(t, db.URL), opts)
			var unknown *schema.UnknownSchemaError
			if !errors.As(err, &unknown) || unknown.Schema != "no such" {
				t.Errorf("got %v, want an UnknownSchemaError", err)
			}
		})
	}
}

// TestLoadLeavesNoTrace checks that a connection is as it was, also when the load failed.
func TestLoadLeavesNoTrace(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t).URL)
	settings := func() (path, timeout, readOnly string) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `select current_setting('search_path'), current_setting('statement_timeout'),
			current_setting('transaction_read_only')`).Scan(&path, &timeout, &readOnly)
		if err != nil {
			t.Fatal(err)
		}
		return path, timeout, readOnly
	}
	if _, err := conn.Exec(t.Context(), "set statement_timeout = '50s'"); err != nil {
		t.Fatal(err)
	}
	path, timeout, readOnly := settings()
	for _, name := range []string{"public", "no such"} {
		_, err := schema.Load(t.Context(), conn, schema.LoadOptions{Schemas: []string{name}})
		if failed := err != nil; failed != (name != "public") {
			t.Fatal(err)
		}
		if p, s, r := settings(); p != path || s != timeout || r != readOnly {
			t.Errorf("after %s: search_path %q, statement_timeout %q, read only %q", name, p, s, r)
		}
	}
}

// TestLoadIgnoresRequestLimits has a load wait for a lock for longer than the session's statements may take.
func TestLoadIgnoresRequestLimits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "create view v as select 1 as n")
	blocker, watcher, conn := connect(t, db.URL), connect(t, db.URL), connect(t, db.URL)
	if _, err := blocker.Exec(t.Context(), "begin; lock table v in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "set statement_timeout = '500ms'"); err != nil {
		t.Fatal(err)
	}
	pid := conn.PgConn().PID()
	loaded := make(chan error, 1)
	go func() {
		_, err := schema.Load(t.Context(), conn, schema.LoadOptions{Schemas: []string{"public"}})
		loaded <- err
	}()
	for late := false; !late; {
		err := watcher.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where pid = $1 and wait_event_type = 'Lock' and clock_timestamp() - query_start > '600ms')`, pid).Scan(&late)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-loaded:
			t.Fatalf("the load ended while the view was locked: %v", err)
		case <-time.After(10 * time.Millisecond): // between two questions to the server
		}
	}
	if _, err := blocker.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}

func TestLoadKnownTimeZones(t *testing.T) {
	t.Parallel()
	known := map[string]struct{}{"Moon/Tranquility": {}}
	db := pgtest.New(t)
	if listed := load(t, db, schema.LoadOptions{Schemas: []string{"public"}}).TimeZones; len(listed) < 100 {
		t.Errorf("the server lists %d time zones", len(listed))
	}
	snapshot := load(t, db, schema.LoadOptions{Schemas: []string{"public"}, TimeZones: known})
	if _, ok := snapshot.TimeZones["Moon/Tranquility"]; !ok || len(snapshot.TimeZones) != 1 {
		t.Errorf("got %v", snapshot.TimeZones)
	}
}

// TestRepresentationsNeedPrivilege checks that a cast whose function the connected role cannot run is left out.
func TestRepresentationsNeedPrivilege(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, `
		set client_min_messages = error;
		create domain color as int;
		create function color_json(color) returns json language sql as 'select to_json($1::int)';
		create cast (color as json) with function color_json(color) as implicit;
		revoke execute on function color_json(color) from public;`)
	conn := connect(t, db.URL)
	count := func() int {
		t.Helper()
		snapshot, err := schema.Load(t.Context(), conn, schema.LoadOptions{Schemas: []string{"public"}})
		if err != nil {
			t.Fatal(err)
		}
		return len(snapshot.Representations)
	}
	if got := count(); got != 1 {
		t.Errorf("as the owner: got %d representations, want 1", got)
	}
	if _, err := conn.Exec(t.Context(), "set role pg_monitor"); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 0 {
		t.Errorf("without the privilege: got %d representations, want 0", got)
	}
}

func TestLoadCancelled(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t).URL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := schema.Load(ctx, conn, schema.LoadOptions{Schemas: []string{"public"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewTable(t *testing.T) {
	t.Parallel()
	table := schema.NewTable(schema.Table{Columns: []*schema.Column{{Name: "a"}, {Name: "b"}}})
	if c := table.Column("b"); c != table.Columns[1] {
		t.Errorf("got %v", c)
	}
	if c := table.Column("c"); c != nil {
		t.Errorf("got %v", c)
	}
}
