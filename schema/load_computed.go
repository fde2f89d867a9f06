package schema

import (
	"cmp"
	"slices"
)

// computedSQL finds the functions from one row type to another
// (https://docs.postgrest.org/en/v14/references/api/resource_embedding.html#computed-relationships).
const computedSQL = `
	with row_types as (
		select c.reltype as oid, n.nspname, c.relname
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('v', 'r', 'm', 'f', 'p')
	)
	select pn.nspname::text, p.proname::text, a.nspname::text, a.relname::text, r.nspname::text, r.relname::text,
		not p.proretset or p.prorows = 1
	from pg_catalog.pg_proc p
	join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
	join row_types a on a.oid = p.proargtypes[0]
	join row_types r on r.oid = p.prorettype
	where p.pronargs = 1`

func (l *loader) readComputed() ([]*Relationship, error) {
	var out []*Relationship
	var r Relationship
	dest := []any{
		&r.Function.Schema, &r.Function.Name, &r.Table.Schema, &r.Table.Name, &r.ForeignTable.Schema, &r.ForeignTable.Name, &r.ToOne,
	}
	err := l.each(computedSQL, nil, dest, func() error {
		computed := r
		computed.Cardinality = Computed
		computed.IsSelf = r.Table == r.ForeignTable
		computed.TableAlias = r.Table
		out = append(out, &computed)
		return nil
	})
	return out, err
}

// index files the relationships by table and foreign schema, leaves out what is not exposed, and sorts.
func (l *loader) index(detected, computed []*Relationship) map[RelationshipKey][]*Relationship {
	type way struct{ from, to Ident }
	overridden := make(map[way]bool, len(computed))
	for _, r := range computed {
		overridden[way{r.Table, r.Function}] = true
	}
	out := make(map[RelationshipKey][]*Relationship)
	add := func(r *Relationship, foreignSchema string) {
		if !l.exposed[r.Table.Schema] || !l.exposed[r.ForeignTable.Schema] {
			return
		}
		if r.Junction != nil && !l.exposed[r.Junction.Table.Schema] {
			return
		}
		key := RelationshipKey{Table: r.Table, ForeignSchema: foreignSchema}
		out[key] = append(out[key], r)
	}
	for _, r := range detected {
		// A computed relationship overrides detected ones to a table of the function's name.
		if !overridden[way{r.Table, r.ForeignTable}] {
			add(r, r.ForeignTable.Schema)
		}
	}
	for _, r := range computed {
		add(r, r.Function.Schema)
	}
	for _, rs := range out {
		slices.SortFunc(rs, compareRelationships)
	}
	return out
}

// cardinalityOrder is the order in which ambiguity errors list candidates of the same two tables.
var cardinalityOrder = map[Cardinality]int{OneToMany: 0, ManyToOne: 1, OneToOne: 2, ManyToMany: 3, Computed: 4}

func compareRelationships(a, b *Relationship) int {
	if a.Cardinality == Computed || b.Cardinality == Computed {
		return cmp.Or(
			compareBools(a.Cardinality == Computed, b.Cardinality == Computed),
			compareIdents(a.Function, b.Function), compareIdents(a.Table, b.Table), compareIdents(a.ForeignTable, b.ForeignTable),
		)
	}
	return cmp.Or(
		compareIdents(a.Table, b.Table), compareIdents(a.ForeignTable, b.ForeignTable), compareBools(a.IsSelf, b.IsSelf),
		cmp.Compare(cardinalityOrder[a.Cardinality], cardinalityOrder[b.Cardinality]),
		cmp.Compare(a.Constraint, b.Constraint), slices.CompareFunc(a.Columns, b.Columns, comparePairs),
		compareBools(a.IsParent, b.IsParent), compareJunctions(a.Junction, b.Junction),
		compareBools(a.TableIsView, b.TableIsView), compareBools(a.ForeignTableIsView, b.ForeignTableIsView),
	)
}

func compareJunctions(a, b *Junction) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(
		compareIdents(a.Table, b.Table), cmp.Compare(a.Constraint1, b.Constraint1), cmp.Compare(a.Constraint2, b.Constraint2),
		slices.CompareFunc(a.SourceColumns, b.SourceColumns, comparePairs),
		slices.CompareFunc(a.TargetColumns, b.TargetColumns, comparePairs),
	)
}

func compareIdents(a, b Ident) int {
	return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
}

func comparePairs(a, b ColumnPair) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Target, b.Target))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
