package openapi

import (
	"cmp"
	"slices"
	"strings"

	"nexus/schema"
)

// Contents is what a document shows of one schema.
type Contents struct {
	// Description is the comment on the schema, "" for none. Its first line is the document's title.
	Description string
	// Tables are relations of the schema.
	Tables []*schema.Table
	// Routines are functions of the schema. A path describes one function: of overloads the one with the most parameters.
	Routines []*schema.Routine
	// Relationships are those of the snapshot; from them come the notes on foreign keys.
	Relationships map[schema.RelationshipKey][]*schema.Relationship
}

// document is a document while it is written.
type document struct {
	writer
	in       *Input
	tables   []*schema.Table   // sorted by name
	routines []*schema.Routine // sorted by name, one of each
}

func newDocument(in Input) *document {
	d := &document{in: &in, tables: slices.Clone(in.Tables), routines: describedRoutines(in.Routines)}
	slices.SortFunc(d.tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	size := sizeOfFrame + sizePerTable*(len(d.tables)+len(d.routines))
	for _, t := range d.tables {
		size += sizePerField * len(t.Columns)
	}
	d.buf = make([]byte, 0, size)
	return d
}

// hidden reports whether the path of a table is that of a function, which then takes the requests.
func (d *document) hidden(t *schema.Table) bool {
	name, ok := strings.CutPrefix(t.Name, "rpc/")
	if !ok {
		return false
	}
	_, found := slices.BinarySearchFunc(d.routines, name, func(r *schema.Routine, name string) int {
		return strings.Compare(r.Name, name)
	})
	return found
}

// describedRoutines sorts the functions by name and keeps one of each name: the last of PostgREST's order of overloads.
func describedRoutines(routines []*schema.Routine) []*schema.Routine {
	last := make(map[string]*schema.Routine, len(routines))
	for _, r := range routines {
		if known := last[r.Name]; known == nil || compareOverloads(r, known) > 0 {
			last[r.Name] = r
		}
	}
	described := make([]*schema.Routine, 0, len(last))
	for _, r := range last {
		described = append(described, r)
	}
	slices.SortFunc(described, func(a, b *schema.Routine) int { return strings.Compare(a.Name, b.Name) })
	return described
}

func compareOverloads(a, b *schema.Routine) int {
	return cmp.Or(
		cmp.Compare(len(a.Params), len(b.Params)),
		strings.Compare(a.Description, b.Description),
		slices.CompareFunc(a.Params, b.Params, func(p, q schema.Parameter) int {
			return cmp.Or(
				strings.Compare(p.Name, q.Name), strings.Compare(p.Type, q.Type),
				compareFlags(p.Required, q.Required), compareFlags(p.Variadic, q.Variadic),
			)
		}),
	)
}

func compareFlags(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
