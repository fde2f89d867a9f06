package openapi_test

import (
	"fmt"
	"testing"

	"nexus/engine/rest/openapi"
	"nexus/schema"
)

// BenchmarkDocument describes a large schema: 1,000 tables of 12 columns with a foreign key each, and 200 functions.
func BenchmarkDocument(b *testing.B) {
	in := openapi.Input{Version: "14.0", DocsVersion: "v14", SecurityActive: true}
	in.Relationships = make(map[schema.RelationshipKey][]*schema.Relationship)
	for i := range 1000 {
		t := largeTable(i)
		in.Tables = append(in.Tables, t)
		in.Relationships[schema.RelationshipKey{Table: t.Ident, ForeignSchema: "api"}] = []*schema.Relationship{{
			Table: t.Ident, ForeignTable: schema.Ident{Schema: "api", Name: "table_0"}, Cardinality: schema.ManyToOne,
			Columns: []schema.ColumnPair{{Source: "column_1", Target: "column_0"}},
		}}
	}
	for i := range 200 {
		in.Routines = append(in.Routines, routine(
			fmt.Sprintf("function_%d", i),
			schema.Parameter{Name: "a", Type: "integer", Required: true}, schema.Parameter{Name: "b", Type: "text[]"},
		))
	}
	b.SetBytes(int64(len(openapi.Document(in))))
	b.ReportAllocs()
	for b.Loop() {
		openapi.Document(in)
	}
}

func largeTable(i int) *schema.Table {
	types := []string{"integer", "integer", "text", "timestamp with time zone", "numeric", "jsonb", "text[]", "boolean"}
	columns := make([]*schema.Column, 12)
	for c := range columns {
		columns[c] = column(fmt.Sprintf("column_%d", c), types[c%len(types)])
		columns[c].Nullable = c%2 == 0
		columns[c].Description = "What the column holds"
	}
	t := table(fmt.Sprintf("table_%d", i), columns...)
	t.PrimaryKey = []string{"column_0"}
	t.Description = "A table\n\nof some description"
	return t
}
