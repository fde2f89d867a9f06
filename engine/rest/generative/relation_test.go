package generative

import (
	"fmt"
	"slices"

	"nexus/schema"
)

// relation is a relationship from a table to another.
type relation struct {
	*schema.Relationship
	from, to *table
	// junction is the table in the middle, if there is one.
	junction *table
	ToOne    bool
	// spellings are the ways to name this relationship and no other.
	spellings []spelling
}

type spelling struct{ target, hint string }

// relations finds a table's relationships to tables with rows, and how to name them.
func (x *explorer) relations(t *table, tables map[schema.Ident]*table, snap *schema.Snapshot) {
	all := snap.Relationships[schema.RelationshipKey{Table: t.id, ForeignSchema: t.id.Schema}]
	for _, r := range all {
		rel := &relation{Relationship: r, from: t, to: tables[r.ForeignTable], ToOne: r.IsToOne()}
		if rel.to == nil || rel.ToOne && x.hasSeveral(rel) {
			continue
		}
		if r.Junction != nil {
			if rel.junction = tables[r.Junction.Table]; rel.junction == nil {
				continue
			}
		}
		for _, s := range candidates(r) {
			named := slices.DeleteFunc(slices.Clone(all), func(other *schema.Relationship) bool { return !s.names(other) })
			if len(named) == 1 && named[0] == r {
				rel.spellings = append(rel.spellings, s)
			}
		}
		if len(rel.spellings) > 0 {
			t.rels = append(t.rels, rel)
		}
	}
}

// hasSeveral tells of a to-one relationship where a row has several others, as views can have.
func (x *explorer) hasSeveral(r *relation) bool {
	return x.try(fmt.Sprintf("select 1 from (%s) pairs group by one having count(*) > 1", r.pairs())) != nil
}

// numbered is a subquery with each row of a table as t, and its number as n, in the store's order.
func (t *table) numbered() string {
	return fmt.Sprintf(`(select row_number() over (order by t::text collate "C") - 1 as n, t from %s t)`, t.sql())
}

// pairs is a query for the numbers of the rows that belong together.
func (r *relation) pairs() string {
	from := r.from.numbered() + " one, " + r.to.numbered() + " other"
	equal := func(left, right string, columns []schema.ColumnPair) string {
		condition := "true"
		for _, c := range columns {
			condition += fmt.Sprintf(" and %s.%s = %s.%s", left, quoteSQL(c.Source), right, quoteSQL(c.Target))
		}
		return condition
	}
	var condition string
	switch r.Cardinality {
	case schema.Computed:
		from += fmt.Sprintf(", %s.%s(one.t) found", quoteSQL(r.Function.Schema), quoteSQL(r.Function.Name))
		condition = "found::text = other.t::text"
	case schema.ManyToMany:
		from += fmt.Sprintf(", %s.%s junction", quoteSQL(r.Junction.Table.Schema), quoteSQL(r.Junction.Table.Name))
		condition = equal("(one.t)", "junction", r.Junction.SourceColumns) + " and " + equal("(other.t)", "junction", r.Junction.TargetColumns)
	default:
		condition = equal("(one.t)", "(other.t)", r.Columns)
	}
	return fmt.Sprintf("select one.n as one, other.n as other from %s where %s order by 1, 2", from, condition)
}

// candidates are the ways in which a request may name a relationship, ambiguous ones included.
func candidates(r *schema.Relationship) []spelling {
	switch r.Cardinality {
	case schema.Computed:
		return []spelling{{r.Function.Name, ""}}
	case schema.ManyToMany:
		return []spelling{{r.ForeignTable.Name, ""}, {r.ForeignTable.Name, r.Junction.Table.Name}}
	}
	all := []spelling{{r.ForeignTable.Name, ""}, {r.ForeignTable.Name, r.Constraint}, {r.Constraint, ""}}
	if len(r.Columns) == 1 {
		all = append(all, spelling{r.Columns[0].Source, ""}, spelling{r.ForeignTable.Name, r.Columns[0].Source}, spelling{r.ForeignTable.Name, r.Columns[0].Target})
	}
	return all
}

// names tells whether a spelling names a relationship, by the rules of PostgREST's resource embedding reference: the target
// is the other table, or without a hint the foreign key or its only column on this side (not towards views); the hint is
// the foreign key, its only column on either side, or the junction. A table's relationship with itself is to-many by the
// table's name, perhaps with the column as hint, and to-one by the column.
func (s spelling) names(r *schema.Relationship) bool {
	if r.Cardinality == schema.Computed {
		return s.target == r.Function.Name
	}
	var near, far string
	if len(r.Columns) == 1 {
		near, far = r.Columns[0].Source, r.Columns[0].Target
	}
	byTable := s.target == r.ForeignTable.Name
	switch {
	case r.IsSelf && s.hint == "":
		return byTable && r.Cardinality == schema.OneToMany || r.Cardinality == schema.ManyToOne && s.target == near
	case r.IsSelf:
		return byTable && r.Cardinality == schema.OneToMany && s.hint == far
	case s.hint == "":
		return byTable || !r.ForeignTableIsView && s.target != "" && (s.target == r.Constraint || s.target == near)
	case r.Cardinality == schema.ManyToMany:
		return byTable && s.hint == r.Junction.Table.Name
	}
	return byTable && (s.hint == r.Constraint || s.hint == near || s.hint == far)
}
