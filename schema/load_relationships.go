package schema

import (
	"slices"
)

// readRelationships derives every relationship between exposed relations: declared ones, those through views, their
// inverses, those through junctions, and the computed ones.
func (l *loader) readRelationships() error {
	computed, err := l.readComputed()
	if err != nil {
		return err
	}
	var detected []*Relationship
	for i := range l.keys {
		if k := &l.keys[i]; k.kind == 'f' && !k.inherited {
			detected = append(detected, l.toOne(k)...)
		}
	}
	junctions := l.throughJunctions(detected)
	inverse := inverses(detected)
	l.indexRelationships(slices.Concat(detected, junctions, inverse), computed)
	return nil
}

// keyEnd is a relation at one end of a foreign key, with its columns of the key: the table itself, or a view that shows
// them all.
type keyEnd struct {
	relation *relation
	isView   bool
	columns  []string
}

// keyEnds lists the exposed relations at one end. A view that shows a column twice counts once for each combination.
func (l *loader) keyEnds(table uint32, columns []int16) []keyEnd {
	var ends []keyEnd
	if r := l.relations[table]; r != nil && r.exposed {
		ends = append(ends, keyEnd{relation: r, columns: r.names(columns)})
	}
	for _, s := range l.views[table] {
		if shown := s.columnsOf(columns); shown != nil {
			for _, names := range combinations(shown) {
				ends = append(ends, keyEnd{relation: s.view, isView: true, columns: names})
			}
		}
	}
	return ends
}

// toOne turns a foreign key into relationships from every relation at its referencing end to every one at the referenced
// end. They are one-to-one where the referencing columns are unique.
func (l *loader) toOne(k *key) []*Relationship {
	sources, targets := l.keyEnds(k.table, k.columns), l.keyEnds(k.referenced, k.referencedColumns)
	if len(sources) == 0 || len(targets) == 0 {
		return nil
	}
	cardinality := ManyToOne
	if l.relations[k.table].isUnique(k.columns) {
		cardinality = OneToOne
	}
	out := make([]*Relationship, 0, len(sources)*len(targets))
	for _, s := range sources {
		for _, t := range targets {
			out = append(out, &Relationship{
				Table: s.relation.table.Ident, ForeignTable: t.relation.table.Ident, IsSelf: s.relation == t.relation,
				TableIsView: s.isView, ForeignTableIsView: t.isView,
				Cardinality: cardinality, Constraint: k.name, Columns: pairs(s.columns, t.columns),
			})
		}
	}
	return out
}

func pairs(source, target []string) []ColumnPair {
	out := make([]ColumnPair, min(len(source), len(target)))
	for i := range out {
		out[i] = ColumnPair{Source: source[i], Target: target[i]}
	}
	return out
}

// combinations lists every way to take one element of each set.
func combinations(sets [][]string) [][]string {
	out := [][]string{nil}
	for _, set := range sets {
		var longer [][]string
		for _, head := range out {
			for _, name := range set {
				longer = append(longer, append(slices.Clip(head), name))
			}
		}
		out = longer
	}
	return out
}

// inverses turns to-one relationships around.
func inverses(toOne []*Relationship) []*Relationship {
	out := make([]*Relationship, len(toOne))
	for i, r := range toOne {
		inverse := &Relationship{
			Table: r.ForeignTable, ForeignTable: r.Table, IsSelf: r.IsSelf, Cardinality: OneToMany, Constraint: r.Constraint,
			TableIsView: r.ForeignTableIsView, ForeignTableIsView: r.TableIsView, Columns: swap(r.Columns),
		}
		if r.Cardinality == OneToOne {
			inverse.Cardinality, inverse.IsParent = OneToOne, true
		}
		out[i] = inverse
	}
	return out
}

func swap(columns []ColumnPair) []ColumnPair {
	out := make([]ColumnPair, len(columns))
	for i, c := range columns {
		out[i] = ColumnPair{Source: c.Target, Target: c.Source}
	}
	return out
}

// throughJunctions finds the relations whose primary key contains the columns of two many-to-one relationships.
func (l *loader) throughJunctions(toOne []*Relationship) []*Relationship {
	arms := make(map[Ident][]*Relationship)
	for _, r := range toOne {
		if r.Cardinality != ManyToOne {
			continue
		}
		if junction := l.snapshot.Tables[r.Table]; junction != nil && covered(junction.PrimaryKey, r.Columns) {
			arms[r.Table] = append(arms[r.Table], r)
		}
	}
	var out []*Relationship
	for junction, relationships := range arms {
		for _, first := range relationships {
			for _, second := range relationships {
				if first.Constraint != second.Constraint {
					out = append(out, manyToMany(junction, first, second))
				}
			}
		}
	}
	return out
}

func covered(key []string, columns []ColumnPair) bool {
	for _, c := range columns {
		if !slices.Contains(key, c.Source) {
			return false
		}
	}
	return true
}

func manyToMany(junction Ident, first, second *Relationship) *Relationship {
	return &Relationship{
		Table: first.ForeignTable, ForeignTable: second.ForeignTable, Cardinality: ManyToMany,
		IsSelf:      first.ForeignTable == second.ForeignTable,
		TableIsView: first.ForeignTableIsView, ForeignTableIsView: second.ForeignTableIsView,
		Junction: &Junction{
			Table: junction, Constraint1: first.Constraint, Constraint2: second.Constraint,
			SourceColumns: swap(first.Columns), TargetColumns: swap(second.Columns),
		},
	}
}
