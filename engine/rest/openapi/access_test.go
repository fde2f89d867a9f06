package openapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/rest/openapi"
	"nexus/schema"
	"nexus/schema/pgtest"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// database is a database with its snapshot and the door that requests use.
type database struct {
	pool *db.Pool
	snap *schema.Snapshot
	conn *pgx.Conn // as superuser
}

func openDatabase(t *testing.T, fixture string, schemas ...string) *database {
	t.Helper()
	url := pgtest.New(t, fixture).URL
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	snap, err := schema.Load(t.Context(), conn, schema.LoadOptions{Schemas: schemas, ExtraSearchPath: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.Open(t.Context(), db.Config{URL: url, Prepared: true, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &database{pool: pool, snap: snap, conn: conn}
}

func (d *database) contents(t *testing.T, role string, q openapi.Query) openapi.Contents {
	t.Helper()
	sql, args := q.SQL()
	result, err := d.pool.Run(t.Context(), &db.Tx{
		Role: role, ReadOnly: true, Main: db.Statement{SQL: sql, Args: args},
		Settings: []schema.Setting{
			{Name: "search_path", Value: schema.QuoteIdent(q.Schema) + ", public"}, {Name: "role", Value: role},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	contents, err := q.Contents(d.snap, result.Main)
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func openShop(t *testing.T) *database {
	t.Helper()
	return openDatabase(t, readFile(t, "..", "..", "..", "testdata", "fixture.sql"), "shop", "odd")
}

// TestDocumentIsPostgREST compares with what a real PostgREST 14.0 served of the same schema.
func TestDocumentIsPostgREST(t *testing.T) {
	t.Parallel()
	recorded := recordedDocument(t)
	var want struct {
		Host string `json:"host"`
	}
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(want.Host, ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	got := openapi.Document(openapi.Input{
		Contents: openShop(t).contents(t, "service_role", openapi.Query{Schema: "shop"}),
		Server:   openapi.Server{Scheme: "http", Host: host, Port: number},
		Version:  "14.0", DocsVersion: "v14",
	})
	compare(t, "", exact(t, got), exact(t, recorded))
}

func recordedDocument(t *testing.T) []byte {
	t.Helper()
	for line := range strings.Lines(readFile(t, "..", "..", "..", "testdata", "exchanges.jsonl")) {
		var exchange struct {
			Method string `json:"method"`
			Path   string `json:"path"`
			Expect struct {
				Body *string `json:"body"`
			} `json:"expect"`
		}
		if err := json.Unmarshal([]byte(line), &exchange); err != nil {
			t.Fatal(err)
		}
		if exchange.Method == http.MethodGet && exchange.Path == "/" && exchange.Expect.Body != nil {
			return []byte(*exchange.Expect.Body)
		}
	}
	t.Fatal("no document was recorded")
	return nil
}

// exact decodes with numbers as they are written.
func exact(t *testing.T, document []byte) any {
	t.Helper()
	checkSwagger(t, document)
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// compare reports each place where two values differ.
func compare(t *testing.T, where string, got, want any) {
	t.Helper()
	gotObject, isObject := got.(object)
	wantObject, both := want.(object)
	if !isObject || !both {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", where, got, want)
		}
		return
	}
	for key := range gotObject {
		if _, ok := wantObject[key]; !ok {
			t.Errorf("%s: %q is too much", where, key)
		}
	}
	for key, value := range wantObject {
		compare(t, where+"/"+key, gotObject[key], value)
	}
}

func TestGoldenDocuments(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	for _, tc := range []struct {
		name, role string
		query      openapi.Query
	}{
		{"shop-anon", "anon", openapi.Query{Schema: "shop"}},
		{"odd-anon", "anon", openapi.Query{Schema: "odd"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			document := openapi.Document(openapi.Input{
				Contents: shop.contents(t, tc.role, tc.query), Version: "14.0", DocsVersion: "v14", SecurityActive: true,
				Server: openapi.Server{Scheme: "https", Host: "example.com", Port: 443, BasePath: "/rest/v1"},
			})
			checkSwagger(t, document)
			var got bytes.Buffer
			if err := json.Indent(&got, document, "", " "); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", tc.name+".golden.json")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := readFile(t, path); got.String() != want {
				t.Errorf("differs from %s; run with -update and look at the difference", path)
			}
		})
	}
}

func tableNames(c openapi.Contents) []string {
	names := make([]string, 0, len(c.Tables))
	for _, t := range c.Tables {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}

func routineNames(c openapi.Contents) []string {
	names := make([]string, 0, len(c.Routines))
	for _, r := range c.Routines {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

func TestContentsFollowPrivileges(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, readFile(t, "testdata", "privileges.sql"), "Api", "empty")
	for _, tc := range []struct {
		role             string
		tables, routines []string
	}{
		{"oa_nobody", nil, []string{"for_all"}},
		{"oa_reader", []string{"by_column", "matview", "read", "view"}, []string{"for_all", "for_reader"}},
		{"oa_writer", []string{"parted", "referenced", "truncated", "written"}, []string{"for_all"}},
		{"oa_member", []string{"owned"}, []string{"for_all"}},
	} {
		t.Run(tc.role, func(t *testing.T) {
			t.Parallel()
			got := d.contents(t, tc.role, openapi.Query{Schema: "Api"})
			if names := tableNames(got); !slices.Equal(names, tc.tables) {
				t.Errorf("tables %v, want %v", names, tc.tables)
			}
			if names := routineNames(got); !slices.Equal(names, tc.routines) {
				t.Errorf("functions %v, want %v", names, tc.routines)
			}
			if got.Description != "Title\nand text" {
				t.Errorf("description %q", got.Description)
			}
		})
	}
	t.Run("ignored", func(t *testing.T) {
		t.Parallel()
		got := d.contents(t, "oa_nobody", openapi.Query{Schema: "Api", IgnorePrivileges: true})
		want := []string{"by_column", "matview", "owned", "parted", "read", "referenced", "truncated", "view", "written"}
		if names := tableNames(got); !slices.Equal(names, want) {
			t.Errorf("tables %v, want %v", names, want)
		}
		if names := routineNames(got); !slices.Equal(names, []string{"for_all", "for_reader"}) {
			t.Errorf("functions %v", names)
		}
		if got.Description != "Title\nand text" {
			t.Errorf("description %q", got.Description)
		}
	})
	t.Run("empty schema", func(t *testing.T) {
		t.Parallel()
		got := d.contents(t, "oa_reader", openapi.Query{Schema: "empty"})
		if len(got.Tables)+len(got.Routines) > 0 || got.Description != "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("schema that is gone", func(t *testing.T) {
		t.Parallel()
		got := d.contents(t, "oa_reader", openapi.Query{Schema: "gone"})
		if len(got.Tables)+len(got.Routines) > 0 || got.Description != "" {
			t.Errorf("got %+v", got)
		}
	})
}

// TestRelationsUnknownToTheSnapshotAreNotShown: no request could reach them.
func TestRelationsUnknownToTheSnapshotAreNotShown(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, "create table t (id int)", "public")
	if _, err := d.conn.Exec(t.Context(), "create table later (id int)"); err != nil {
		t.Fatal(err)
	}
	if names := tableNames(d.contents(t, "postgres", openapi.Query{Schema: "public"})); !slices.Equal(names, []string{"t"}) {
		t.Errorf("tables %v", names)
	}
}

func TestFunctionsAreReadWithTheirArguments(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, readFile(t, "testdata", "functions.sql"), "fns")
	got := make(map[string]*schema.Routine)
	for _, r := range d.contents(t, "oa_caller", openapi.Query{Schema: "fns"}).Routines {
		got[r.Name] = r
	}
	param := func(name, pgType string, required bool) schema.Parameter {
		return schema.Parameter{Name: name, Type: pgType, Required: required}
	}
	want := map[string]*schema.Routine{
		"plain":    {Description: "Summary\ntext", Volatility: schema.Volatile},
		"args":     {Volatility: schema.Stable, Params: []schema.Parameter{param("a", "integer", true), param("B c", "text[]", true), param("m", "mood", false)}},
		"body":     {Volatility: schema.Immutable, Params: []schema.Parameter{param("", "jsonb", true)}},
		"outs":     {Volatility: schema.Volatile, Params: []schema.Parameter{param("i", "integer", true), param("io", "text", true)}},
		"returns":  {Volatility: schema.Volatile, Params: []schema.Parameter{param("n", "elsewhere.kind", true)}},
		"variadic": {Volatility: schema.Immutable, HasVariadic: true, Params: []schema.Parameter{{Name: "v", Type: "integer[]", Required: true, Variadic: true}}},
	}
	for name, r := range want {
		r.Ident = schema.Ident{Schema: "fns", Name: name}
		if !reflect.DeepEqual(got[name], r) {
			gotText, _ := json.Marshal(got[name])
			wantText, _ := json.Marshal(r)
			t.Errorf("%s: got %s, want %s", name, gotText, wantText)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d functions, want %d: %v", len(got), len(want), got)
	}
}

// TestTypesAreNamedBySearchPath: as PostgREST, only the snapshot qualifies the types of arguments.
func TestTypesAreNamedBySearchPath(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, readFile(t, "testdata", "functions.sql"), "fns")
	for ignore, want := range map[bool]string{false: "mood", true: "fns.mood"} {
		contents := d.contents(t, "oa_caller", openapi.Query{Schema: "fns", IgnorePrivileges: ignore})
		path := at(describe(t, openapi.Input{Contents: contents}), "paths", "/rpc/args")
		if got := at(at(path, "get", "parameters").([]any)[2], "format"); got != want {
			t.Errorf("ignoring privileges %t: format %q, want %q", ignore, got, want)
		}
	}
}

func TestContentsRefusesForeignRows(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][][][]byte{
		"two rows":    {{[]byte("{}")}, {[]byte("{}")}},
		"two columns": {{[]byte("{}"), []byte("{}")}},
		"no JSON":     {{[]byte("t")}},
		"null":        {{nil}},
	} {
		if got, err := (openapi.Query{Schema: "api"}).Contents(&schema.Snapshot{}, rows); err == nil {
			t.Errorf("%s: got %+v and no error", name, got)
		}
	}
}
