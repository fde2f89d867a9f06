package schema

import (
	"cmp"
	"slices"
	"strings"
)

// routinesSQL reads the functions that a request can call: with named arguments throughout, or with a single unnamed one of
// a type that can take a whole body.
const routinesSQL = baseTypesSQL + `, inputs as (
		select p.oid, a.name, a.type, a.mode,
			row_number() over (partition by p.oid order by a.idx) as position
		from pg_catalog.pg_proc p,
			unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
				with ordinality as a (name, type, mode, idx)
		where a.type is not null and coalesce(a.mode, 'i') in ('i', 'b', 'v')
	), arguments as (
		select i.oid,
			array_agg(coalesce(i.name, '') order by i.position) as names,
			array_agg(i.type::regtype::text order by i.position) as types,
			array_agg(case i.type
				when 'pg_catalog.bit'::regtype then 'bit varying'
				when 'pg_catalog.bit[]'::regtype then 'bit varying[]'
				when 'pg_catalog.bpchar'::regtype then 'character varying'
				when 'pg_catalog.bpchar[]'::regtype then 'character varying[]'
				else i.type::regtype::text end order by i.position) as wide_types,
			array_agg(i.position <= p.pronargs - p.pronargdefaults order by i.position) as required,
			array_agg(coalesce(i.mode = 'v', false) order by i.position) as variadic,
			case count(*) - count(i.name)
				when 0 then true
				when 1 then (array_agg(i.type order by i.position))[1] in ('pg_catalog.bytea'::regtype, 'pg_catalog.json'::regtype,
					'pg_catalog.jsonb'::regtype, 'pg_catalog.text'::regtype, 'pg_catalog.xml'::regtype)
				else false
			end as callable
		from inputs i join pg_catalog.pg_proc p on p.oid = i.oid
		group by i.oid
	)
	select pn.nspname::text, p.proname::text, coalesce(d.description, ''),
		coalesce(a.names, '{}'), coalesce(a.types, '{}'), coalesce(a.wide_types, '{}'), coalesce(a.required, '{}'), coalesce(a.variadic, '{}'),
		tn.nspname::text, coalesce(rel.relname, t.typname)::text, p.proretset,
		t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false),
		b.oid <> b.base_type, p.provolatile, p.provariadic > 0, coalesce(p.proconfig, '{}')
	from pg_catalog.pg_proc p
	join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
	join base_types b on b.oid = p.prorettype
	join pg_catalog.pg_type t on t.oid = b.base_type
	join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
	left join arguments a on a.oid = p.oid
	left join pg_catalog.pg_class rel on rel.oid = t.typrelid
	left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass
	where pn.nspname = any($1) and p.prokind = 'f' and t.oid <> 'pg_catalog.trigger'::regtype and coalesce(a.callable, true)`

// routineRow is one row of routinesSQL.
type routineRow struct {
	routine    Routine
	names      []string
	types      []string
	wideTypes  []string
	required   []bool
	variadic   []bool
	volatility byte
	config     []string
}

func (l *loader) readRoutines() error {
	hoisted, err := compileHoisted(l.opts.HoistedTxSettings)
	if err != nil {
		return err
	}
	l.snapshot.Routines = make(map[Ident][]*Routine)
	var row routineRow
	r := &row.routine
	dest := []any{
		&r.Schema, &r.Name, &r.Description, &row.names, &row.types, &row.wideTypes, &row.required, &row.variadic,
		&r.Return.Type.Schema, &r.Return.Type.Name, &r.Return.SetOf, &r.Return.Composite, &r.Return.CompositeAlias,
		&row.volatility, &r.HasVariadic, &row.config,
	}
	err = l.each(routinesSQL, []any{l.opts.Schemas}, dest, func() error {
		routine := row.build(hoisted)
		l.snapshot.Routines[routine.Ident] = append(l.snapshot.Routines[routine.Ident], routine)
		return nil
	})
	if err != nil {
		return err
	}
	for _, overloads := range l.snapshot.Routines {
		slices.SortFunc(overloads, compareRoutines)
	}
	return nil
}

func (row *routineRow) build(hoisted hoistedSettings) *Routine {
	r := row.routine
	r.Volatility = Volatility(row.volatility)
	r.Params = make([]Parameter, len(row.names))
	for i := range r.Params {
		r.Params[i] = Parameter{
			Name: row.names[i], Type: row.types[i], TypeMaxLength: row.wideTypes[i],
			Required: row.required[i], Variadic: row.variadic[i],
		}
	}
	for _, entry := range row.config {
		name, value, _ := strings.Cut(entry, "=")
		if name == "default_transaction_isolation" {
			r.IsolationLevel = isolationLevel(value)
		}
		if hoisted.match(entry) {
			r.Settings = append(r.Settings, Setting{Name: name, Value: value})
		}
	}
	return &r
}

// isolationLevel returns the levels that need to be asked for; read committed is what a transaction has anyway.
func isolationLevel(value string) string {
	switch level := strings.ToLower(strings.Trim(value, `"' `)); level {
	case "repeatable read", "serializable":
		return level
	default:
		return ""
	}
}

// compareRoutines orders overloads by their number of parameters, then by everything a client could tell them apart by.
func compareRoutines(a, b *Routine) int {
	return cmp.Or(
		cmp.Compare(len(a.Params), len(b.Params)), cmp.Compare(a.Description, b.Description),
		slices.CompareFunc(a.Params, b.Params, func(p, q Parameter) int {
			return cmp.Or(
				cmp.Compare(p.Name, q.Name), cmp.Compare(p.Type, q.Type),
				compareBools(p.Required, q.Required), compareBools(p.Variadic, q.Variadic),
			)
		}),
	)
}
