package schema

import (
	"cmp"
	"slices"
)

// viewKey is a key of a table that can be seen whole through a view.
type viewKey struct {
	key  *constraint
	view *relation
	// role says which side of the key the view shows.
	role keyRole
	// columns holds, for each column of that side of the key, the view's columns that show it; there may be several.
	columns [][]string
}

// keyRole tells the sides of a key apart.
type keyRole uint8

const (
	rolePrimary    keyRole = iota // the columns of a primary key
	roleForeign                   // the referencing columns of a foreign key
	roleReferenced                // the referenced columns of a foreign key
)

const rulesSQL = `
	select c.oid, r.ev_action::text
	from pg_catalog.pg_rewrite r
	join pg_catalog.pg_class c on c.oid = r.ev_class
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('v', 'm') and r.ev_type = '1' and (n.nspname = any($1) or n.nspname = any($2))`

// columnOrigin is a column of a table or view.
type columnOrigin struct {
	table  uint32
	column int16
}

// readViewKeys finds the keys that views show, following views on views.
func (l *loader) readViewKeys() error {
	rules := make(map[uint32][]viewColumn)
	var (
		oid   uint32
		text  string
		views []uint32
	)
	err := l.each(rulesSQL, []any{l.opts.Schemas, l.opts.ExtraSearchPath}, []any{&oid, &text}, func() error {
		columns, err := parseRule(text)
		if err != nil {
			return err
		}
		rules[oid] = columns
		views = append(views, oid)
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.readAttributeNames(views); err != nil {
		return err
	}
	byTable := l.keySides()
	slices.Sort(views)
	for _, oid := range views {
		if view := l.relations[oid]; view != nil && l.exposed[view.table.Schema] {
			l.addViewKeys(view, lineage(rules, oid), byTable)
		}
	}
	return nil
}

// lineage maps every column that a view shows, directly or through other views, to the view's own columns that show it, in
// attribute order.
func lineage(rules map[uint32][]viewColumn, view uint32) map[columnOrigin][]int16 {
	shown := make(map[columnOrigin][]int16)
	for _, c := range rules[view] {
		origin := columnOrigin{c.OriginTable, c.OriginColumn}
		path := map[uint32]bool{}
		for origin.table != 0 && !path[origin.table] {
			path[origin.table] = true
			if !slices.Contains(shown[origin], c.Number) {
				shown[origin] = append(shown[origin], c.Number)
			}
			origin = originOf(rules[origin.table], origin.column)
		}
	}
	return shown
}

// originOf follows one column of a view one step; the zero value ends the way.
func originOf(rule []viewColumn, column int16) columnOrigin {
	for _, c := range rule {
		if c.Number == column {
			return columnOrigin{c.OriginTable, c.OriginColumn}
		}
	}
	return columnOrigin{}
}

// keySide is one side of a key, as it hangs on a table.
type keySide struct {
	key     *constraint
	role    keyRole
	columns []int16
}

func (l *loader) keySides() map[uint32][]keySide {
	sides := make(map[uint32][]keySide)
	for i := range l.keys {
		k := &l.keys[i]
		switch k.kind {
		case 'p':
			sides[k.table] = append(sides[k.table], keySide{k, rolePrimary, k.columns})
		case 'f':
			sides[k.table] = append(sides[k.table], keySide{k, roleForeign, k.columns})
			sides[k.referenced] = append(sides[k.referenced], keySide{k, roleReferenced, k.referencedColumns})
		}
	}
	return sides
}

// addViewKeys records the keys of which the view shows every column.
func (l *loader) addViewKeys(view *relation, shown map[columnOrigin][]int16, sides map[uint32][]keySide) {
	tables := make(map[uint32]bool)
	for origin := range shown {
		tables[origin.table] = true
	}
	for _, table := range sortedKeys(tables) {
		for _, side := range sides[table] {
			columns := make([][]string, 0, len(side.columns))
			for _, n := range side.columns {
				if numbers := shown[columnOrigin{table, n}]; len(numbers) > 0 {
					columns = append(columns, view.names(numbers))
				}
			}
			if len(columns) != len(side.columns) {
				continue
			}
			l.viewKeys = append(l.viewKeys, viewKey{key: side.key, view: view, role: side.role, columns: columns})
			if side.role == rolePrimary {
				for _, names := range columns {
					view.table.PrimaryKey = append(view.table.PrimaryKey, names[0])
				}
			}
		}
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
