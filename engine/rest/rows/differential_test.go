package rows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/rest/rows"
	"nexus/schema/pgtest"
)

// samples are values of each built-in type that is plain, as PostgreSQL reads them.
var samples = map[string][]string{
	"bool":     {"t", "f"},
	"int2":     {"0", "-32768", "32767"},
	"int4":     {"0", "-2147483648", "2147483647"},
	"int8":     {"0", "-9223372036854775808", "9223372036854775807"},
	"float4":   {"0", "-0", "1.5", "1e-30", "3.4e38", "NaN", "Infinity", "-Infinity", "1e10", "0.1"},
	"float8":   {"0", "-0", "1e300", "5e-324", "NaN", "inf", "-inf", "123456789.123456789", "1e22", "1e15"},
	"numeric":  {"0", "0.00", "-1.50", "NaN", "Infinity", "-Infinity", "123456789012345678901234567890.000000001", "1e-20", "1e30"},
	"text":     {"", "plain", "\"", "\\", "a\tb\nc\rd\be\ff\v\x01\x1f\x7f", "ü€😀\u2028\u0085", "/", "</script>", "'"},
	"varchar":  {"", "a b", "\x02"},
	"bpchar":   {"ab   ", ""},
	"name":     {"a", ""},
	"char":     {"a", "", "\\", "\""},
	"uuid":     {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	"bytea":    {"", "\\x00ff", "\\xdeadbeef"},
	"json":     {`{ "b" : [1, 2.0 ], "a": null}`, `"x"`, "3", "null"},
	"jsonb":    {`{"b":[1,2.0],"a":null}`, `"\u0001ü"`, "3", "null"},
	"inet":     {"127.0.0.1", "10.1.2.3/8", "::1", "fe80::/10"},
	"cidr":     {"10.0.0.0/8", "::/0"},
	"macaddr":  {"08:00:2b:01:02:03"},
	"macaddr8": {"08:00:2b:01:02:03:04:05"},
	"bit":      {"1"},
	"varbit":   {"10110", ""},
	"interval": {"1 year 2 mons -3 days 04:05:06.789", "0", "-1 day", "@ 100 years"},
	"time":     {"00:00", "24:00:00", "12:34:56.789"},
	"timetz":   {"12:34:56+02", "00:00:00.1-12:30"},
	"oid":      {"0", "4294967295"}, "xid": {"3", "4294967295"}, "cid": {"3"}, "tid": {"(0,1)"}, "xid8": {"18446744073709551615"},
	"point": {"(1.5,-2)", "(NaN,Infinity)"}, "line": {"{1,2,3}"}, "lseg": {"[(0,0),(1,1)]"}, "path": {"((0,0),(1,1))", "[(0,0)]"},
	"box": {"(1,1),(0,0)"}, "polygon": {"((0,0),(1,1),(2,0))"}, "circle": {"<(0,0),1>"},
	"xml":      {"<a b=\"c\">d\n</a>", "text"},
	"tsvector": {"'a':1A 'b c':2,3", ""}, "tsquery": {"'a' & !'b'", ""}, "jsonpath": {`$."a" ? (@ > 1)`},
	"int4range": {"[1,5)", "empty", "(,)"}, "int8range": {"[1,5)"}, "numrange": {"[1.5,2]"}, "daterange": {"[2024-01-01,2024-02-01)"},
	"tsrange": {"[2024-01-01 10:00,)"}, "tstzrange": {"[2024-01-01 10:00+00,infinity)"},
	"int4multirange": {"{[1,2),[5,6)}"}, "int8multirange": {"{}"}, "nummultirange": {"{[1.5,2]}"}, "datemultirange": {"{[2024-01-01,)}"},
	"tsmultirange": {"{[2024-01-01 10:00,)}"}, "tstzmultirange": {"{[2024-01-01 10:00+00,)}"},
	"money": {"1234.56", "-0.01"}, "pg_lsn": {"16/B374D848"},
	"regproc": {"now", "0"}, "regprocedure": {"now()", "0"}, "regoper": {"0"}, "regoperator": {"+(integer,integer)"}, "regclass": {"pg_class"},
	"regtype": {"integer", "0"}, "regconfig": {"english"}, "regdictionary": {"simple"}, "regnamespace": {"public"}, "regrole": {"0"},
}

// notPlain are the built-in types of tables that go through to_json, or exist in the catalog's own tables only.
var notPlain = []string{
	"date", "timestamp", "timestamptz", "regcollation", "refcursor", "txid_snapshot", "pg_snapshot", "aclitem", "gtsvector",
	"int2vector", "oidvector", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_brin_bloom_summary",
	"pg_brin_minmax_multi_summary", "pg_ddl_command",
}

func connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), pgtest.New(tb).URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// TestEveryBuiltInType holds the list of plain types to the catalog, and encodes the samples of each.
func TestEveryBuiltInType(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	result, err := conn.Query(t.Context(), `
		select oid, typname from pg_type
		where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typcategory <> 'A'
			and oid < 16384 order by 2`)
	if err != nil {
		t.Fatal(err)
	}
	types, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (struct {
		OID  uint32
		Name string
	}, error,
	) {
		var v struct {
			OID  uint32
			Name string
		}
		return v, row.Scan(&v.OID, &v.Name)
	})
	if err != nil || len(types) < 60 {
		t.Fatalf("%d types, error %v", len(types), err)
	}
	excluded := "|" + strings.Join(notPlain, "|") + "|"
	for _, typ := range types {
		if rows.Plain(typ.OID) == strings.Contains(excluded, "|"+typ.Name+"|") {
			t.Errorf("type %s is plain: %v, and listed as not plain: %v", typ.Name, rows.Plain(typ.OID), !rows.Plain(typ.OID))
		}
		if !rows.Plain(typ.OID) {
			continue
		}
		if len(samples[typ.Name]) == 0 {
			t.Errorf("type %s has no samples", typ.Name)
		}
		for _, sample := range samples[typ.Name] {
			if !compare(t, conn, typ.Name, &sample) {
				t.Errorf("type %s does not take its sample %q", typ.Name, sample)
			}
		}
		compare(t, conn, typ.Name, nil)
	}
}

// compare encodes a value, alone and in company, and expects PostgreSQL's bytes. It reports whether the type takes the value.
func compare(t *testing.T, conn *pgx.Conn, typeName string, value *string) bool {
	t.Helper()
	typ := `pg_catalog."` + typeName + `"`
	var arg []byte
	if value != nil {
		arg = []byte(*value)
	}
	source := fmt.Sprintf(`(select v as "a ""b\c", v as w from (select $1::text::%s as v) s, generate_series(1, 2)) t`, typ)
	plain := read(conn, "select * from "+source, arg)
	if plain.Err != nil {
		var refused *pgconn.PgError
		if !errors.As(plain.Err, &refused) {
			t.Fatal(plain.Err)
		}
		return false
	}
	for format, expression := range map[rows.Format]string{
		rows.Array:  "json_agg(t)::text",
		rows.Object: "(json_agg(t) -> 0)::text",
		rows.Lines:  `string_agg(row_to_json(t)::text, E'\n') || E'\n'`,
		rows.CSV:    `'a "b\c,w' || E'\n' || string_agg(substring(t::text, 2, length(t::text) - 2), E'\n')`,
	} {
		want := read(conn, "select "+expression+" from "+source, arg)
		if want.Err != nil {
			t.Fatal(want.Err)
		}
		var e rows.Encoder
		got, err := e.Begin(nil, format, plain.FieldDescriptions)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range plain.Rows {
			got = e.Row(got, row)
		}
		if got = e.End(got); !bytes.Equal(got, want.Rows[0][0]) {
			t.Errorf("%s %q in format %d:\n%q, want\n%q", typeName, arg, format, got, want.Rows[0][0])
		}
	}
	return true
}

func read(conn *pgx.Conn, sql string, arg []byte) *pgconn.Result {
	return conn.PgConn().ExecParams(context.Background(), sql, [][]byte{arg}, nil, nil, nil).Read()
}

// TestRandomValues encodes values made at random of the letters of the samples.
func TestRandomValues(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for typeName, list := range samples {
		letters := []rune(strings.Join(list, "") + "0189.-eE \"\\\n\t\x01\x1f,()ü")
		taken := 0
		for range 60 {
			value := make([]rune, random.IntN(12))
			for i := range value {
				value[i] = letters[random.IntN(len(letters))]
			}
			text := string(value)
			if compare(t, conn, typeName, &text) {
				taken++
			}
		}
		if typeName == "text" && taken != 60 {
			t.Errorf("text took %d values of 60", taken)
		}
	}
}

// TestSettings changes what values look like, where their text and their JSON have to change together.
func TestSettings(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	for _, setting := range []string{
		"intervalstyle = iso_8601", "intervalstyle = sql_standard", "bytea_output = escape", "extra_float_digits = 0",
		"extra_float_digits = -5", "lc_monetary = 'C'", "xmlbinary = hex", "datestyle = 'German'", "timezone = 'Asia/Kolkata'",
	} {
		if _, err := conn.Exec(t.Context(), "set "+setting); err != nil {
			t.Fatal(err)
		}
		for _, typeName := range []string{"interval", "bytea", "float4", "float8", "money", "timetz", "tstzrange", "daterange"} {
			for _, sample := range samples[typeName] {
				compare(t, conn, typeName, &sample)
			}
		}
	}
}

func TestNoRows(t *testing.T) {
	t.Parallel()
	fields := []pgconn.FieldDescription{{Name: "a", DataTypeOID: 25}}
	for format, want := range map[rows.Format]string{rows.Array: "[]", rows.Object: "null", rows.Lines: "", rows.CSV: "\n"} {
		var e rows.Encoder
		got, err := e.Begin(nil, format, fields)
		if err != nil {
			t.Fatal(err)
		}
		if got = e.End(got); string(got) != want || e.Rows() != 0 {
			t.Errorf("format %d: %q, want %q", format, got, want)
		}
	}
}

func TestNotPlain(t *testing.T) {
	t.Parallel()
	var e rows.Encoder
	if _, err := e.Begin(nil, rows.Array, []pgconn.FieldDescription{{Name: "a", DataTypeOID: 1184}}); !errors.Is(err, rows.ErrNotPlain) {
		t.Errorf("error %v", err)
	}
}

func TestEncoderAllocationBudget(t *testing.T) {
	fields := []pgconn.FieldDescription{{Name: "id", DataTypeOID: 23}, {Name: "name", DataTypeOID: 25}, {Name: "ok", DataTypeOID: 16}}
	row := [][]byte{[]byte("12345"), []byte("some \"text\" to escape"), []byte("t")}
	var e rows.Encoder
	buffer := make([]byte, 0, 1<<16)
	allocations := testing.AllocsPerRun(100, func() {
		body, _ := e.Begin(buffer[:0], rows.Array, fields)
		for range 100 {
			body = e.Row(body, row)
		}
		e.End(body)
	})
	if allocations > float64(len(fields)) { // the names, to escape them
		t.Errorf("%v allocations for 100 rows", allocations)
	}
}

func BenchmarkRow(b *testing.B) {
	fields := []pgconn.FieldDescription{
		{Name: "id", DataTypeOID: 23},
		{Name: "name", DataTypeOID: 25},
		{Name: "price", DataTypeOID: 1700},
		{Name: "stock", DataTypeOID: 23},
		{Name: "category", DataTypeOID: 25},
	}
	row := [][]byte{[]byte("12345"), []byte("Item number 12345"), []byte("123.50"), []byte("77"), []byte("cat12")}
	var e rows.Encoder
	body, err := e.Begin(nil, rows.Array, fields)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		body = e.Row(body[:0], row)
	}
}
