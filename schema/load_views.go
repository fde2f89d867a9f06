package schema

import (
	"cmp"
	"fmt"
	"slices"
)

// viewSource is a table, and the columns of it that a view shows. A view can show a column several times.
type viewSource struct {
	view    *relation
	table   uint32
	columns map[int16][]string // names in the view, in attribute order, by attribute number of the table
}

// columnsOf returns what the view calls each of the table's columns, or nil when it does not show all of them.
func (s *viewSource) columnsOf(numbers []int16) [][]string {
	out := make([][]string, len(numbers))
	for i, n := range numbers {
		if out[i] = s.columns[n]; out[i] == nil {
			return nil
		}
	}
	return out
}

const rulesSQL = `
	select c.oid, c.relname, r.ev_action::text
	from pg_rewrite r
	join pg_class c on c.oid = r.ev_class
	where c.relkind in ('v', 'm') and r.ev_type = '1' and c.relnamespace = any($1)`

// readViews follows the columns of the exposed views to the tables they come from, through other views, and gives the
// views the primary keys that they show whole.
func (l *loader) readViews() error {
	rules := make(map[uint32]rule)
	var (
		oid        uint32
		name, text string
	)
	err := l.each(rulesSQL, []any{l.lineage}, []any{&oid, &name, &text}, func() error {
		r, err := parseRule(text)
		if err != nil {
			return fmt.Errorf("view %q: %w", name, err)
		}
		rules[oid] = r
		return nil
	})
	if err != nil {
		return err
	}
	l.views = make(map[uint32][]*viewSource)
	for oid := range rules {
		view := l.relations[oid]
		if view == nil || !view.exposed {
			continue
		}
		sources := sourcesOf(view, oid, rules)
		for _, s := range sources {
			l.views[s.table] = append(l.views[s.table], s)
		}
		l.setViewKey(view, sources)
	}
	return nil
}

// sourcesOf lists the tables whose columns a view shows.
func sourcesOf(view *relation, oid uint32, rules map[uint32]rule) []*viewSource {
	byTable := make(map[uint32]*viewSource)
	for i, number := range view.numbers {
		origin := follow(rules, oid, number)
		if origin.table == 0 {
			continue
		}
		s := byTable[origin.table]
		if s == nil {
			s = &viewSource{view: view, table: origin.table, columns: make(map[int16][]string)}
			byTable[origin.table] = s
		}
		s.columns[origin.column] = append(s.columns[origin.column], view.table.Columns[i].Name)
	}
	sources := make([]*viewSource, 0, len(byTable))
	for _, s := range byTable {
		sources = append(sources, s)
	}
	return sources
}

// follow goes from a view's column to the column of a relation that is no view, or a view that is not followed. The zero
// value means that the column is computed on the way.
func follow(rules map[uint32]rule, view uint32, column int16) origin {
	at := origin{table: view, column: column}
	// Views can be replaced so that they refer to each other in a circle, though nobody can read them.
	for range len(rules) + 1 {
		r, isView := rules[at.table]
		if !isView {
			return at
		}
		at = r[at.column]
	}
	return origin{}
}

// setViewKey gives a view the primary key columns of its tables, where it shows the whole key. PostgREST goes through the
// tables backwards, and takes the first of several columns that show the same.
func (l *loader) setViewKey(view *relation, sources []*viewSource) {
	slices.SortFunc(sources, func(a, b *viewSource) int { return -l.compareRelations(a.table, b.table) })
	for _, s := range sources {
		table := l.relations[s.table]
		if table == nil {
			continue
		}
		for _, names := range s.columnsOf(table.primary) {
			view.table.PrimaryKey = append(view.table.PrimaryKey, names[0])
		}
	}
}

func (l *loader) compareRelations(a, b uint32) int {
	if l.relations[a] == nil || l.relations[b] == nil {
		return cmp.Compare(a, b)
	}
	return compareIdents(l.relations[a].table.Ident, l.relations[b].table.Ident)
}
