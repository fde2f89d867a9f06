package schema

import (
	"slices"
)

// constraint is a primary, unique or foreign key.
type constraint struct {
	kind    byte // p, u or f
	name    string
	table   uint32
	columns []int16
	// referenced and its columns are set for foreign keys.
	referenced        uint32
	referencedColumns []int16
	// inherited is true of a foreign key that a partition has from its parent.
	inherited bool
}

const keysSQL = `
	select contype, conname::text, conrelid, conkey, confrelid, coalesce(confkey, '{}'), conparentid <> 0
	from pg_catalog.pg_constraint
	where contype in ('p', 'u', 'f') and conrelid <> 0 and connamespace <> 'pg_catalog'::regnamespace
	order by conrelid, conname`

// keyColumnsSQL names the columns that keys are made of.
const keyColumnsSQL = `
	select a.attrelid, a.attnum, a.attname::text
	from pg_catalog.pg_attribute a
	where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped`

func (l *loader) readKeys() error {
	var k constraint
	dest := []any{&k.kind, &k.name, &k.table, &k.columns, &k.referenced, &k.referencedColumns, &k.inherited}
	err := l.each(keysSQL, nil, dest, func() error {
		key := k
		key.columns = slices.Clone(k.columns)
		key.referencedColumns = slices.Clone(k.referencedColumns)
		l.keys = append(l.keys, key)
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.readAttributeNames(l.keyRelations()); err != nil {
		return err
	}
	for i := range l.keys {
		l.addKey(&l.keys[i])
	}
	return nil
}

// keyRelations lists every relation that has or is the target of a key.
func (l *loader) keyRelations() []uint32 {
	seen := make(map[uint32]bool)
	for i := range l.keys {
		seen[l.keys[i].table] = true
		if l.keys[i].kind == 'f' {
			seen[l.keys[i].referenced] = true
		}
	}
	oids := make([]uint32, 0, len(seen))
	for oid := range seen {
		oids = append(oids, oid)
	}
	return oids
}

func (l *loader) readAttributeNames(relations []uint32) error {
	var (
		oid  uint32
		num  int16
		name string
	)
	return l.each(keyColumnsSQL, []any{relations}, []any{&oid, &num, &name}, func() error {
		r := l.relations[oid]
		if r == nil {
			return nil
		}
		if r.attributes == nil {
			r.attributes = make(map[int16]string)
		}
		r.attributes[num] = name
		return nil
	})
}

func (l *loader) addKey(k *constraint) {
	r := l.relations[k.table]
	if r == nil {
		return
	}
	names := r.names(k.columns)
	switch k.kind {
	case 'p':
		// PostgREST lists key columns by name; Location and on_conflict follow that order.
		slices.Sort(names)
		r.table.PrimaryKey = names
	case 'u':
		r.table.UniqueKeys = append(r.table.UniqueKeys, names)
	}
}

func (r *relation) names(columns []int16) []string {
	names := make([]string, len(columns))
	for i, n := range columns {
		names[i] = r.attributes[n]
	}
	return names
}
