package schema

// Bits of pg_relation_is_updatable: 1 << CMD_UPDATE, CMD_INSERT and CMD_DELETE of PostgreSQL's CmdType.
const (
	updatableBit  = 4
	insertableBit = 8
	deletableBit  = 16
)

const relationsSQL = `
	select c.oid, n.nspname::text, c.relname::text, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
		coalesce(d.description, ''),
		case when n.nspname = any($1) and c.relkind in ('v', 'f')
			then pg_catalog.pg_relation_is_updatable(c.oid, true) else 0 end,
		n.nspname = any($1) or n.nspname = any($2)
	from pg_catalog.pg_class c
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	left join pg_catalog.pg_description d
		on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_catalog.pg_class'::regclass
	where c.relkind in ('r', 'v', 'm', 'f', 'p')
		and n.nspname not in ('pg_catalog', 'information_schema')`

func (l *loader) readRelations() error {
	l.relations = make(map[uint32]*relation)
	l.snapshot.Tables = make(map[Ident]*Table)
	var (
		oid       uint32
		t         Table
		kind      byte
		r         relation
		updatable int32
	)
	dest := []any{
		&oid, &t.Schema, &t.Name, &kind, &r.isPartition, &t.RLSEnabled, &t.RLSForced, &t.Description, &updatable, &r.lineage,
	}
	return l.each(relationsSQL, []any{l.opts.Schemas, l.opts.ExtraSearchPath}, dest, func() error {
		table := t
		table.Kind = RelationKind(kind)
		switch table.Kind {
		case KindTable, KindPartitionedTable:
			table.Insertable, table.Updatable, table.Deletable = true, true, true
		case KindView, KindForeignTable:
			table.Insertable = updatable&insertableBit != 0
			table.Updatable = updatable&updatableBit != 0
			table.Deletable = updatable&deletableBit != 0
		case KindMaterializedView:
		}
		l.relations[oid] = &relation{table: &table, lineage: r.lineage, isPartition: r.isPartition}
		// Partitions are reached through their parent.
		if l.exposed[table.Schema] && !r.isPartition {
			l.snapshot.Tables[table.Ident] = &table
		}
		return nil
	})
}

// columnsSQL reads the columns of the exposed schemas. A domain's default counts where the column has none; type modifiers
// are left out of built-in types because casts must not truncate.
const columnsSQL = baseTypesSQL + `
	select a.attrelid, a.attname::text, coalesce(d.description, ''),
		not (a.attnotnull or t.typtype = 'd' and t.typnotnull),
		case
			when t.typtype = 'd' and b.base_namespace = 'pg_catalog'::regnamespace then format_type(b.base_type, null)
			when t.typtype <> 'd' and t.typnamespace = 'pg_catalog'::regnamespace then format_type(a.atttypid, null)
			else format_type(a.atttypid, a.atttypmod)
		end,
		format_type(a.atttypid, a.atttypmod),
		b.base_type,
		coalesce(information_schema._pg_char_max_length(
			information_schema._pg_truetypid(a.*, t.*), information_schema._pg_truetypmod(a.*, t.*)), 0),
		coalesce(case
			when t.typbasetype <> 0 and ad.adbin is null then pg_get_expr(t.typdefaultbin, 0)
			when a.attidentity = 'd' then format('nextval(%L)', s.objid::regclass)
			when a.attgenerated = 's' then null
			else pg_get_expr(ad.adbin, ad.adrelid)
		end, ''),
		a.attgenerated = 's', a.attidentity
	from pg_catalog.pg_attribute a
	join pg_catalog.pg_class c on c.oid = a.attrelid
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	join pg_catalog.pg_type t on t.oid = a.atttypid
	left join base_types b on b.oid = t.oid
	left join pg_catalog.pg_description d
		on d.objoid = a.attrelid and d.objsubid = a.attnum and d.classoid = 'pg_catalog.pg_class'::regclass
	left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
	left join pg_catalog.pg_depend s
		on a.attidentity <> '' and s.refobjid = a.attrelid and s.refobjsubid = a.attnum and s.deptype = 'i'
	where a.attnum > 0 and not a.attisdropped
		and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
		and n.nspname = any($1)
	order by a.attrelid, a.attnum`

// baseTypesSQL resolves domains, also domains over domains, to their base types.
const baseTypesSQL = `
	with recursive domains as (
		select oid, typbasetype, typnamespace as base_namespace, coalesce(nullif(typbasetype, 0), oid) as base_type
		from pg_catalog.pg_type
		union
		select d.oid, b.typbasetype, b.typnamespace, coalesce(nullif(b.typbasetype, 0), b.oid)
		from domains d join pg_catalog.pg_type b on b.oid = d.typbasetype
	), base_types as (
		select oid, base_namespace, base_type from domains where typbasetype = 0
	)`

func (l *loader) readColumns() error {
	var (
		relid     uint32
		c         Column
		maxLength int32
		identity  byte
	)
	dest := []any{
		&relid, &c.Name, &c.Description, &c.Nullable, &c.Type, &c.NominalType, &c.TypeOID, &maxLength, &c.Default, &c.Generated,
		&identity,
	}
	return l.each(columnsSQL, []any{l.opts.Schemas}, dest, func() error {
		r := l.relations[relid]
		if r == nil {
			return nil
		}
		column := c
		column.MaxLength = int(maxLength)
		column.Identity = identity
		column.Enum = l.enumLabels[c.TypeOID]
		r.table.addColumn(&column)
		return nil
	})
}

func (t *Table) addColumn(c *Column) {
	if t.columnByName == nil {
		t.columnByName = make(map[string]*Column)
	}
	t.Columns = append(t.Columns, c)
	t.columnByName[c.Name] = c
}
