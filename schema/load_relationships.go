package schema

import (
	"slices"
)

// readRelationships builds every relationship from the keys: declared ones, those through views, their inverses, those
// through junctions, and the computed ones, which override detected ones of the same name.
func (l *loader) readRelationships() error {
	computed, err := l.readComputed()
	if err != nil {
		return err
	}
	toOne := l.declared()
	toOne = append(toOne, l.throughViews(toOne)...)
	all := withoutKey(toOne)
	all = append(all, l.throughJunctions(all)...)
	all = append(all, inverses(all)...)
	l.snapshot.Relationships = l.index(all, computed)
	return nil
}

// keyed is a relationship with the key it comes from.
type keyed struct {
	*Relationship
	key *constraint
}

func withoutKey(ks []keyed) []*Relationship {
	out := make([]*Relationship, len(ks))
	for i, k := range ks {
		out[i] = k.Relationship
	}
	return out
}

// declared turns foreign keys into many-to-one relationships, or one-to-one where the referencing columns are unique.
func (l *loader) declared() []keyed {
	unique := l.uniqueColumnSets()
	var out []keyed
	for i := range l.keys {
		k := &l.keys[i]
		source, target := l.relations[k.table], l.relations[k.referenced]
		if k.kind != 'f' || k.inherited || source == nil || target == nil {
			continue
		}
		r := &Relationship{
			Table: source.table.Ident, ForeignTable: target.table.Ident, Cardinality: ManyToOne,
			IsSelf: k.table == k.referenced, Constraint: k.name,
			Columns: pairs(source.names(k.columns), target.names(k.referencedColumns)),
		}
		if unique[columnSet(k.table, k.columns)] {
			r.Cardinality = OneToOne
		}
		out = append(out, keyed{r, k})
	}
	return out
}

// setKey is a table with a sorted set of its columns, comparable.
type setKey struct {
	table   uint32
	columns string
}

func columnSet(table uint32, columns []int16) setKey {
	sorted := slices.Clone(columns)
	slices.Sort(sorted)
	text := make([]byte, 0, 2*len(sorted))
	for _, c := range sorted {
		text = append(text, byte(c>>8), byte(c))
	}
	return setKey{table, string(text)}
}

func (l *loader) uniqueColumnSets() map[setKey]bool {
	sets := make(map[setKey]bool)
	for i := range l.keys {
		if k := &l.keys[i]; k.kind == 'p' || k.kind == 'u' {
			sets[columnSet(k.table, k.columns)] = true
		}
	}
	return sets
}

func pairs(source, target []string) []ColumnPair {
	out := make([]ColumnPair, min(len(source), len(target)))
	for i := range out {
		out[i] = ColumnPair{Source: source[i], Target: target[i]}
	}
	return out
}

// throughViews repeats relationships for the views that show a side of their key: view to table, table to view, and view
// to view. A view that shows a key column twice has a relationship for each combination.
func (l *loader) throughViews(declared []keyed) []keyed {
	type side struct {
		key  *constraint
		role keyRole
	}
	bySide := make(map[side][]*viewKey)
	for i := range l.viewKeys {
		v := &l.viewKeys[i]
		bySide[side{v.key, v.role}] = append(bySide[side{v.key, v.role}], v)
	}
	var out []keyed
	add := func(base keyed, table, foreign Ident, columns []ColumnPair, tableIsView, foreignIsView bool) {
		r := *base.Relationship
		r.Table, r.ForeignTable, r.Columns = table, foreign, columns
		r.IsSelf = tableIsView && foreignIsView && table == foreign
		r.TableIsView, r.ForeignTableIsView = tableIsView, foreignIsView
		out = append(out, keyed{&r, base.key})
	}
	for _, base := range declared {
		sources := bySide[side{base.key, roleForeign}]
		targets := bySide[side{base.key, roleReferenced}]
		sourceNames, targetNames := l.keyNames(base.key)
		for _, s := range sources {
			for _, names := range combinations(s.columns) {
				add(base, s.view.table.Ident, base.ForeignTable, pairs(names, targetNames), true, false)
			}
		}
		for _, t := range targets {
			for _, names := range combinations(t.columns) {
				add(base, base.Table, t.view.table.Ident, pairs(sourceNames, names), false, true)
			}
		}
		for _, s := range sources {
			for _, from := range combinations(s.columns) {
				for _, t := range targets {
					for _, to := range combinations(t.columns) {
						add(base, s.view.table.Ident, t.view.table.Ident, pairs(from, to), true, true)
					}
				}
			}
		}
	}
	return out
}

func (l *loader) keyNames(k *constraint) (source, target []string) {
	return l.relations[k.table].names(k.columns), l.relations[k.referenced].names(k.referencedColumns)
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
func inverses(all []*Relationship) []*Relationship {
	var out []*Relationship
	for _, r := range all {
		if r.Cardinality != ManyToOne && r.Cardinality != OneToOne {
			continue
		}
		inverse := &Relationship{
			Table: r.ForeignTable, ForeignTable: r.Table, IsSelf: r.IsSelf, Cardinality: OneToMany, Constraint: r.Constraint,
			TableIsView: r.ForeignTableIsView, ForeignTableIsView: r.TableIsView, Columns: swap(r.Columns),
		}
		if r.Cardinality == OneToOne {
			inverse.Cardinality, inverse.IsParent = OneToOne, true
		}
		out = append(out, inverse)
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

// throughJunctions finds the tables whose primary key contains the columns of two foreign keys.
func (l *loader) throughJunctions(toOne []*Relationship) []*Relationship {
	primaryKeys := make(map[Ident][]string, len(l.relations))
	for _, r := range l.relations {
		primaryKeys[r.table.Ident] = r.table.PrimaryKey
	}
	bySource := make(map[Ident][]*Relationship)
	for _, r := range toOne {
		if r.Cardinality == ManyToOne {
			bySource[r.Table] = append(bySource[r.Table], r)
		}
	}
	var out []*Relationship
	for _, first := range toOne {
		if first.Cardinality != ManyToOne {
			continue
		}
		key := primaryKeys[first.Table]
		for _, second := range bySource[first.Table] {
			if first.Constraint == second.Constraint || !covered(key, first.Columns) || !covered(key, second.Columns) {
				continue
			}
			out = append(out, &Relationship{
				Table: first.ForeignTable, ForeignTable: second.ForeignTable, Cardinality: ManyToMany,
				IsSelf:      first.ForeignTable == second.ForeignTable,
				TableIsView: first.ForeignTableIsView, ForeignTableIsView: second.ForeignTableIsView,
				Junction: &Junction{
					Table: first.Table, Constraint1: first.Constraint, Constraint2: second.Constraint,
					SourceColumns: swap(first.Columns), TargetColumns: swap(second.Columns),
				},
			})
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
