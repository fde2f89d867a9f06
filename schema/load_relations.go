package schema

import "slices"

// relation is what is kept of every relation while loading. Its table has columns only in the exposed schemas.
type relation struct {
	table       *Table
	exposed     bool
	isPartition bool
	// numbers are the attribute numbers of table.Columns; dropped columns leave gaps.
	numbers []int16
	// primary are the columns of the primary key in key order.
	primary []int16
	// uniques are the sets of columns that a primary or unique constraint covers, each sorted.
	uniques [][]int16
}

// column returns the column of that attribute number, or nil.
func (r *relation) column(number int16) *Column {
	i, ok := slices.BinarySearch(r.numbers, number)
	if !ok {
		return nil
	}
	return r.table.Columns[i]
}

// names returns the columns' names; they are known of exposed relations.
func (r *relation) names(numbers []int16) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		if c := r.column(n); c != nil {
			names[i] = c.Name
		}
	}
	return names
}

// Bits of pg_relation_is_updatable: 1 << CMD_UPDATE, CMD_INSERT and CMD_DELETE of PostgreSQL's CmdType.
const (
	updatableBit  = 4
	insertableBit = 8
	deletableBit  = 16
)

const relationsSQL = `
	select c.oid, c.relnamespace, c.relname, c.reltype, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
		case when c.relkind in ('v', 'f') and c.relnamespace = any($1) then pg_relation_is_updatable(c.oid, true) else 0 end
	from pg_class c
	where c.relkind in ('r', 'v', 'm', 'f', 'p')`

func (l *loader) readRelations() error {
	l.relations = make(map[uint32]*relation)
	l.rowTypes = make(map[uint32]*relation)
	l.snapshot.Tables = make(map[Ident]*Table)
	var (
		oid, namespace, rowType uint32
		name                    string
		kind                    byte
		isPartition, rls, force bool
		verbs                   int32
	)
	dest := []any{&oid, &namespace, &name, &rowType, &kind, &isPartition, &rls, &force, &verbs}
	err := l.each(relationsSQL, []any{l.exposed}, dest, func() error {
		t := &Table{
			Ident: Ident{Schema: l.namespaces[namespace], Name: name}, Kind: RelationKind(kind), RLSEnabled: rls, RLSForced: force,
		}
		t.setVerbs(verbs)
		r := &relation{table: t, isPartition: isPartition, exposed: slices.Contains(l.exposed, namespace)}
		l.relations[oid] = r
		l.rowTypes[rowType] = r
		// Partitions are reached through their parent. PostgREST offers no system relations, even if asked to.
		if r.exposed && !isPartition && t.Schema != "pg_catalog" && t.Schema != "information_schema" {
			l.snapshot.Tables[t.Ident] = t
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.readDescriptions()
}

// setVerbs takes the bits of pg_relation_is_updatable, which count for views and foreign tables.
func (t *Table) setVerbs(bits int32) {
	switch t.Kind {
	case KindTable, KindPartitionedTable:
		t.Insertable, t.Updatable, t.Deletable = true, true, true
	case KindView, KindForeignTable:
		t.Insertable = bits&insertableBit != 0
		t.Updatable = bits&updatableBit != 0
		t.Deletable = bits&deletableBit != 0
	case KindMaterializedView:
	}
}

const relationDescriptionsSQL = `
	select d.objoid, d.description
	from pg_description d
	join pg_class c on c.oid = d.objoid
	where d.classoid = 'pg_class'::regclass and d.objsubid = 0 and c.relnamespace = any($1)`

func (l *loader) readDescriptions() error {
	var (
		oid  uint32
		text string
	)
	return l.each(relationDescriptionsSQL, []any{l.exposed}, []any{&oid, &text}, func() error {
		if r := l.relations[oid]; r != nil {
			r.table.Description = text
		}
		return nil
	})
}
