package generative

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nexus/schema"
)

// table is a relation that has rows.
type table struct {
	id schema.Ident
	// columns are the plain columns, which is what * selects; fields are those and all else that can be selected: paths into
	// JSON and computed columns.
	columns, fields []*field
	rels            []*relation
	functions       []*function
	// key is the primary key; empty for some.
	key []*field
	// readers may read all columns.
	readers map[*identity]bool
}

func (t *table) sql() string { return quoteSQL(t.id.Schema) + "." + quoteSQL(t.id.Name) }

func (t *table) column(name string) *field {
	for _, f := range t.columns {
		if f.name == name {
			return f
		}
	}
	panic(t.id.String() + " has no column " + name)
}

// field is something that can be selected, filtered and sorted by.
type field struct {
	// url is how requests spell it, name what answers call it, sql what the reference asks for.
	url, name, sql string
	plain          bool
	// column is what a path leads into.
	column *field
	kind   kind
	// shown and parse are of a domain with representations: the value as answers show it, and the function that reads the
	// text of a request. They are "" for all others.
	shown, parse string
	// samples are values that rows have, as text.
	samples []string
	// casts and aggregates are those that work on every row.
	casts, aggregates []string
	// sorts and groups tell whether the type has an order and equality.
	sorts, groups bool
}

// kind decides which operators suit a field.
type kind int

const (
	opaque kind = iota // nothing but is.null
	scalar             // comparisons
	text
	boolean
	array
	ranged
	jsonb
	jsonText
	lexemes
	represented // a domain that requests see otherwise than it is stored
)

// fields finds what can be asked of a table.
func (x *explorer) fields(t *table, described *schema.Table, snap *schema.Snapshot) {
	for _, c := range described.Columns {
		f := &field{url: quoteName(c.Name), name: c.Name, sql: "t." + quoteSQL(c.Name), plain: true}
		x.describe(t, f)
		x.represent(t, f, c, snap)
		t.columns = append(t.columns, f)
		t.fields = append(t.fields, f)
	}
	for _, k := range described.PrimaryKey {
		t.key = append(t.key, t.column(k))
	}
	for _, f := range t.columns {
		if f.kind == jsonb || f.kind == jsonText || f.kind == array {
			x.paths(t, f)
		}
	}
	computed := x.try(fmt.Sprintf(`select proname from pg_proc where pronargs = 1 and proargtypes[0] = '%s'::regtype and not proretset and prokind = 'f' order by 1`, t.sql()))
	for _, name := range computed {
		f := &field{url: quoteName(*name), name: *name, sql: quoteSQL(t.id.Schema) + "." + quoteSQL(*name) + "(t)"}
		x.describe(t, f)
		t.fields = append(t.fields, f)
	}
}

// describe fills in what depends on the field's type and values.
func (x *explorer) describe(t *table, f *field) {
	described := x.must(fmt.Sprintf(`select concat(b.typcategory, ' ', b.typname) from pg_type d
		join pg_type b on b.oid = case d.typtype when 'd' then d.typbasetype else d.oid end
		where d.oid = (select pg_typeof(%s) from %s t limit 1)`, f.sql, t.sql()))
	category, name, _ := strings.Cut(*described[0], " ")
	f.kind = kindOf(category, name)
	for _, v := range x.must(fmt.Sprintf(`select (%s)::text from %s t group by 1 order by 1 nulls last limit 20`, f.sql, t.sql())) {
		if v != nil {
			f.samples = append(f.samples, *v)
		}
	}
	works := func(expression string) bool {
		return x.try(fmt.Sprintf("select (%s)::text from %s t", expression, t.sql())) != nil
	}
	for _, cast := range []string{"text", "int", "numeric", "float8", "bool", "date", "timestamptz", "jsonb", "varchar"} {
		if works(f.sql + "::" + cast) {
			f.casts = append(f.casts, cast)
		}
	}
	for _, aggregate := range []string{"count", "sum", "avg", "min", "max"} {
		inexact := (name == "float4" || name == "float8") && (aggregate == "sum" || aggregate == "avg") // depends on the order of rows
		if !inexact && works(aggregate+"("+f.sql+")") {
			f.aggregates = append(f.aggregates, aggregate)
		}
	}
	f.sorts = x.try(fmt.Sprintf("select 1 from %s t order by %s", t.sql(), f.sql)) != nil
	f.groups = x.try(fmt.Sprintf("select 1 from %s t group by %s", t.sql(), f.sql)) != nil
}

// represent takes the representations of a domain over: what is shown and read is its text, and nothing else is known of it.
func (x *explorer) represent(t *table, f *field, c *schema.Column, snap *schema.Snapshot) {
	shows, ok := snap.Representations[schema.RepresentationKey{Source: c.NominalType, Target: "json"}]
	if !ok {
		return
	}
	reads := snap.Representations[schema.RepresentationKey{Source: "text", Target: c.NominalType}]
	f.shown, f.parse = shows.Function+"("+f.sql+")", reads.Function
	f.kind, f.casts, f.aggregates, f.groups = represented, nil, nil, false
	f.samples = nil
	for _, v := range x.must(fmt.Sprintf("select distinct %s #>> '{}' from %s t", f.shown, t.sql())) {
		if v != nil {
			f.samples = append(f.samples, *v)
		}
	}
}

func kindOf(category, name string) kind {
	switch category {
	case "N", "D", "T", "E", "V", "I":
		return scalar
	case "S":
		return text
	case "B":
		return boolean
	case "A":
		return array
	case "R":
		return ranged
	}
	switch name {
	case "uuid", "bytea":
		return scalar
	case "jsonb":
		return jsonb
	case "json":
		return jsonText
	case "tsvector":
		return lexemes
	}
	return opaque
}

// maxPaths bounds the JSON paths of a column.
const maxPaths = 12

// paths finds the paths into a column that lead somewhere in some row.
func (x *explorer) paths(t *table, column *field) {
	found := map[string]bool{}
	for _, v := range x.must(fmt.Sprintf("select to_json(%s)::text from %s t", column.sql, t.sql())) {
		if v == nil {
			continue
		}
		var value any
		if err := json.Unmarshal([]byte(*v), &value); err != nil {
			x.t.Fatal(err)
		}
		stepsInto(value, "", found)
	}
	paths := slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return 10*(len(strings.Split(a, "/"))-len(strings.Split(b, "/"))) + strings.Compare(a, b)
	})
	base := column.sql
	if column.kind == array {
		base = "to_jsonb(" + base + ")"
	}
	for _, path := range paths[:min(len(paths), maxPaths)] {
		steps := strings.Split(path, "/")[1:]
		for _, last := range []string{"->", "->>"} {
			f := &field{url: column.url, name: column.name, sql: base, column: column}
			for i, step := range steps {
				arrow := "->"
				if i == len(steps)-1 {
					arrow = last
				}
				f.url += arrow + step
				if _, err := strconv.Atoi(step); err == nil {
					f.sql += arrow + "(" + step + ")"
				} else {
					f.sql += arrow + literal(step)
					f.name = step
				}
			}
			f.sql = "(" + f.sql + ")"
			x.describe(t, f)
			t.fields = append(t.fields, f)
		}
	}
}

// stepsInto collects the paths into a JSON value, each step after a slash.
func stepsInto(value any, path string, found map[string]bool) {
	if path != "" {
		found[path] = true
	}
	switch v := value.(type) {
	case map[string]any:
		for k, inner := range v {
			stepsInto(inner, path+"/"+k, found)
		}
	case []any:
		for i := range min(len(v), 2) {
			stepsInto(v[i], fmt.Sprintf("%s/%d", path, i), found)
		}
		if len(v) > 0 {
			found[path+"/-1"] = true
		}
	}
}

var plainName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

// quoteName writes a name in a URL: in quotes unless it is plain.
func quoteName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return quoteValue(name)
}

// quoteValue writes a value in quotes.
func quoteValue(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

func quoteSQL(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal writes an SQL string. It is right with standard_conforming_strings, which is on.
func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
