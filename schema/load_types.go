package schema

import "slices"

// typeInfo is a type that a column, parameter or result has, with the base type that its domains end in; for all other
// types the base type is the type itself.
type typeInfo struct {
	schema   string
	typeName string // as format_type writes it, without a modifier
	isDomain bool
	// notNull and domainDefault are the domain's own; those of a domain below it do not count.
	notNull       bool
	domainDefault string
	// under and underModifier are what a domain is declared over.
	under         uint32
	underModifier int32

	base         uint32
	baseSchema   string
	baseName     string // the bare name
	baseTypeName string
	isComposite  bool
	enum         []string
}

// modifiedType is a type with a modifier, -1 for none.
type modifiedType struct {
	oid      uint32
	modifier int32
}

// OIDs of built-in types that have rules of their own.
const (
	oidBytea       = 17
	oidText        = 25
	oidJSON        = 114
	oidXML         = 142
	oidBpcharArray = 1014
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidBit         = 1560
	oidBitArray    = 1561
	oidVarbit      = 1562
	oidAnyElement  = 2283
	oidJSONB       = 3802
)

// maxLength returns the length that a column of the type may have by the information schema's rules, 0 for any.
func (t *typeInfo) maxLength(modifier int32) int {
	oid := t.base
	if t.isDomain {
		oid, modifier = t.under, t.underModifier
	}
	switch {
	case modifier == -1:
		return 0
	case oid == oidBpchar || oid == oidVarchar:
		return int(modifier) - 4 // the modifier counts the header
	case oid == oidBit || oid == oidVarbit:
		return int(modifier)
	default:
		return 0
	}
}

// typesSQL follows domains over domains to their base type.
const typesSQL = `
	with recursive resolved as (
		select oid, oid as base, typbasetype as next from pg_type where oid = any($1)
		union all
		select r.oid, b.oid, b.typbasetype from resolved r join pg_type b on b.oid = r.next
	)
	select t.oid, t.typnamespace, format_type(t.oid, null), t.typtype = 'd', t.typnotnull,
		coalesce(pg_get_expr(t.typdefaultbin, 0), ''), t.typbasetype, t.typtypmod,
		b.oid, b.typnamespace, b.typname, format_type(b.oid, null), b.typtype = 'c',
		array(select e.enumlabel::text from pg_enum e where e.enumtypid = b.oid order by e.enumsortorder)
	from resolved r
	join pg_type t on t.oid = r.oid
	join pg_type b on b.oid = r.base
	where r.next = 0`

// readTypes adds what is to be known of the types.
func (l *loader) readTypes(oids []uint32) error {
	if l.types == nil {
		l.types = make(map[uint32]*typeInfo)
	}
	slices.Sort(oids)
	oids = slices.Compact(oids)
	var (
		oid, namespace, baseNamespace uint32
		t                             typeInfo
	)
	dest := []any{
		&oid, &namespace, &t.typeName, &t.isDomain, &t.notNull, &t.domainDefault, &t.under, &t.underModifier,
		&t.base, &baseNamespace, &t.baseName, &t.baseTypeName, &t.isComposite, &t.enum,
	}
	return l.each(typesSQL, []any{oids}, dest, func() error {
		info := t
		info.schema, info.baseSchema = l.namespaces[namespace], l.namespaces[baseNamespace]
		info.enum = slices.Clone(t.enum)
		l.types[oid] = &info
		return nil
	})
}

const modifiedTypesSQL = `
	select t.oid, t.modifier, format_type(t.oid, t.modifier)
	from unnest($1::oid[], $2::int4[]) as t (oid, modifier)`

// readColumnTypes reads the types of the attributes and their names with modifiers, once for all columns alike.
func (l *loader) readColumnTypes(attributes []attribute) error {
	l.modified = make(map[modifiedType]string)
	var (
		oids      []uint32
		modifiers []int32
	)
	for i := range attributes {
		declared := attributes[i].declared
		if _, ok := l.modified[declared]; !ok {
			l.modified[declared] = ""
			oids, modifiers = append(oids, declared.oid), append(modifiers, declared.modifier)
		}
	}
	var (
		t    modifiedType
		name string
	)
	err := l.each(modifiedTypesSQL, []any{oids, modifiers}, []any{&t.oid, &t.modifier, &name}, func() error {
		l.modified[t] = name
		return nil
	})
	if err != nil {
		return err
	}
	return l.readTypes(oids)
}
