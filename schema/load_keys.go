package schema

import (
	"cmp"
	"slices"
)

// key is a primary, unique or foreign key constraint.
type key struct {
	kind    byte // p, u or f
	name    string
	table   uint32
	columns []int16
	// referenced and its columns are set for foreign keys.
	referenced        uint32
	referencedColumns []int16
	// inherited is true of a foreign key that a partition has from its parent, or that leads to a partition because of one
	// to its parent.
	inherited bool
}

const keysSQL = `
	select contype, conname, conrelid, conkey, confrelid, coalesce(confkey, '{}'), conparentid <> 0
	from pg_constraint
	where contype in ('p', 'u', 'f') and conrelid <> 0`

func (l *loader) readKeys() error {
	var k key
	dest := []any{&k.kind, &k.name, &k.table, &k.columns, &k.referenced, &k.referencedColumns, &k.inherited}
	err := l.each(keysSQL, nil, dest, func() error {
		l.keys = append(l.keys, k)
		// The next row must not reuse the slices.
		k.columns, k.referencedColumns = nil, nil
		return nil
	})
	if err != nil {
		return err
	}
	for i := range l.keys {
		l.addKey(&l.keys[i])
	}
	return l.readUniqueIndexes()
}

func (l *loader) addKey(k *key) {
	r := l.relations[k.table]
	if r == nil || k.kind == 'f' {
		return
	}
	sorted := slices.Clone(k.columns)
	slices.Sort(sorted)
	r.uniques = append(r.uniques, sorted)
	if k.kind == 'u' {
		return
	}
	r.primary = k.columns
	if r.exposed {
		// PostgREST lists key columns by name, and the Location header follows that order.
		r.table.PrimaryKey = r.names(k.columns)
		slices.Sort(r.table.PrimaryKey)
	}
}

// uniqueIndexesSQL finds the indexes, also those behind constraints, that make plain columns unique in all rows.
const uniqueIndexesSQL = `
	select i.indrelid, array(select k from unnest(i.indkey) with ordinality as u (k, n) where n <= i.indnkeyatts order by n)
	from pg_index i
	join pg_class c on c.oid = i.indrelid
	where i.indisunique and not i.indisprimary and i.indisvalid and i.indpred is null and i.indexprs is null
		and c.relnamespace = any($1)`

func (l *loader) readUniqueIndexes() error {
	var (
		oid     uint32
		columns []int16
	)
	seen := make(map[*Table]bool)
	err := l.each(uniqueIndexesSQL, []any{l.exposed}, []any{&oid, &columns}, func() error {
		if r := l.relations[oid]; r != nil {
			r.table.UniqueKeys = append(r.table.UniqueKeys, r.names(columns))
			seen[r.table] = true
		}
		return nil
	})
	for t := range seen {
		slices.SortFunc(t.UniqueKeys, func(a, b []string) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) })
		t.UniqueKeys = slices.CompactFunc(t.UniqueKeys, slices.Equal)
	}
	return err
}

// isUnique reports whether a constraint says that no two rows of the relation have the same values in these columns.
func (r *relation) isUnique(columns []int16) bool {
	sorted := slices.Clone(columns)
	slices.Sort(sorted)
	return slices.ContainsFunc(r.uniques, func(u []int16) bool { return slices.Equal(u, sorted) })
}
