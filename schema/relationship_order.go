package schema

import (
	"cmp"
	"slices"
)

// cardinalityOrder is the order in which ambiguity errors list the candidates between the same two tables.
var cardinalityOrder = [...]int{OneToMany: 0, ManyToOne: 1, OneToOne: 2, ManyToMany: 3, Computed: 4}

// sortRelationships brings relationships into PostgREST's order, which clients see when a request is ambiguous.
func sortRelationships(rs []*Relationship) { slices.SortFunc(rs, compareRelationships) }

func compareRelationships(a, b *Relationship) int {
	if a.Cardinality == Computed || b.Cardinality == Computed {
		return cmp.Or(
			compareBools(a.Cardinality == Computed, b.Cardinality == Computed),
			compareIdents(a.Function, b.Function), compareIdents(a.Table, b.Table), compareIdents(a.ForeignTable, b.ForeignTable),
		)
	}
	if c := cmp.Or(compareIdents(a.Table, b.Table), compareIdents(a.ForeignTable, b.ForeignTable)); c != 0 {
		return c
	}
	return cmp.Or(
		compareBools(a.IsSelf, b.IsSelf), cmp.Compare(cardinalityOrder[a.Cardinality], cardinalityOrder[b.Cardinality]),
		cmp.Compare(a.Constraint, b.Constraint), slices.CompareFunc(a.Columns, b.Columns, comparePairs),
		compareBools(a.IsParent, b.IsParent), compareJunctions(a.Junction, b.Junction),
		compareBools(a.TableIsView, b.TableIsView), compareBools(a.ForeignTableIsView, b.ForeignTableIsView),
	)
}

func compareJunctions(a, b *Junction) int {
	if a == nil || b == nil {
		return 0 // both are: their cardinalities are equal
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
