package schema

import (
	"cmp"
	"slices"
	"strings"
)

// routineRow is a row of pg_proc.
type routineRow struct {
	oid, namespace uint32
	name           string
	description    string
	argumentNames  []string
	argumentTypes  []uint32 // of all arguments
	argumentModes  []string // i, o, b (inout), v (variadic) or t (table); nil when all are i
	defaults       int16
	result         uint32
	setOf          bool
	volatility     byte
	variadic       bool
	config         []string
	hoisted        []string
}

const routinesSQL = `
	select p.oid, p.pronamespace, p.proname, coalesce(d.description, ''),
		p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes::text[], p.pronargdefaults,
		p.prorettype, p.proretset, p.provolatile, p.provariadic <> 0,
		p.proconfig, array(select c from unnest(p.proconfig) as c where c ~ any($2))
	from pg_proc p
	left join pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass
	where p.pronamespace = any($1) and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype`

// readRoutines reads the functions that a request can call.
func (l *loader) readRoutines() error {
	var (
		rows []routineRow
		r    routineRow
	)
	dest := []any{
		&r.oid, &r.namespace, &r.name, &r.description, &r.argumentNames, &r.argumentTypes, &r.argumentModes, &r.defaults,
		&r.result, &r.setOf, &r.volatility, &r.variadic, &r.config, &r.hoisted,
	}
	hoisted := l.opts.HoistedTxSettings
	if hoisted == nil {
		hoisted = []string{}
	}
	err := l.each(routinesSQL, []any{l.exposed, hoisted}, dest, func() error {
		if r.isCallable() {
			rows = append(rows, r)
		}
		// The next row must not reuse the slices.
		r = routineRow{}
		return nil
	})
	if err != nil {
		return err
	}
	var types []uint32
	for i := range rows {
		types = append(append(types, rows[i].argumentTypes...), rows[i].result)
	}
	if err := l.readTypes(types); err != nil {
		return err
	}
	l.snapshot.Routines = make(map[Ident][]*Routine)
	for i := range rows {
		routine := l.routine(&rows[i])
		l.snapshot.Routines[routine.Ident] = append(l.snapshot.Routines[routine.Ident], routine)
	}
	for _, overloads := range l.snapshot.Routines {
		slices.SortFunc(overloads, compareRoutines)
	}
	return nil
}

// inputs returns the positions of the arguments that a call passes.
func (r *routineRow) inputs() []int {
	var positions []int
	for i := range r.argumentTypes {
		if r.argumentModes == nil || strings.ContainsAny(r.argumentModes[i], "ibv") {
			positions = append(positions, i)
		}
	}
	return positions
}

// isCallable reports whether the arguments have names, or there is one that can take a whole body.
func (r *routineRow) isCallable() bool {
	inputs := r.inputs()
	switch {
	case r.argumentNames != nil || len(inputs) == 0:
		return true
	case len(inputs) == 1:
		return slices.Contains([]uint32{oidBytea, oidText, oidJSON, oidJSONB, oidXML}, r.argumentTypes[inputs[0]])
	default:
		return false
	}
}

func (l *loader) routine(row *routineRow) *Routine {
	result := l.types[row.result]
	isRecord := slices.ContainsFunc(row.argumentModes, func(mode string) bool { return strings.ContainsAny(mode, "tbo") })
	composite := result.isComposite || isRecord
	r := &Routine{
		Ident: Ident{Schema: l.namespaces[row.namespace], Name: row.name}, OID: row.oid, Description: row.description,
		Params: l.parameters(row), Volatility: Volatility(row.volatility), HasVariadic: row.variadic,
		Return: ReturnType{
			Type: Ident{Schema: result.baseSchema, Name: result.baseName}, SetOf: row.setOf,
			Composite: composite, CompositeAlias: composite && result.isDomain,
		},
	}
	for _, entry := range row.hoisted {
		name, value, _ := strings.Cut(entry, "=")
		r.Settings = append(r.Settings, Setting{Name: name, Value: value})
	}
	for _, entry := range row.config {
		if level, ok := strings.CutPrefix(entry, "default_transaction_isolation="); ok {
			r.IsolationLevel = isolationLevel(level)
		}
	}
	return r
}

func (l *loader) parameters(row *routineRow) []Parameter {
	inputs := row.inputs()
	params := make([]Parameter, len(inputs))
	for i, position := range inputs {
		oid := row.argumentTypes[position]
		p := Parameter{Type: l.types[oid].typeName, Required: i < len(inputs)-int(row.defaults)}
		p.TypeMaxLength = widened(oid, p.Type)
		if row.argumentNames != nil {
			p.Name = row.argumentNames[position]
		}
		p.Variadic = row.argumentModes != nil && row.argumentModes[position] == "v"
		params[i] = p
	}
	return params
}

// widened returns the type without a length where the bare name means a length of one, so that casts do not truncate.
func widened(oid uint32, name string) string {
	switch oid {
	case oidBit:
		return "bit varying"
	case oidBitArray:
		return "bit varying[]"
	case oidBpchar:
		return "character varying"
	case oidBpcharArray:
		return "character varying[]"
	default:
		return name
	}
}

// isolationLevel reads a function's own setting. It counts even when it is the default, because a role may have another.
func isolationLevel(value string) string {
	switch level := strings.ToLower(value); level {
	case "repeatable read", "serializable":
		return level
	default:
		return "read committed"
	}
}

// compareRoutines orders overloads by their number of parameters, then by all that tells them apart.
func compareRoutines(a, b *Routine) int {
	return cmp.Or(
		cmp.Compare(len(a.Params), len(b.Params)), cmp.Compare(a.Description, b.Description),
		slices.CompareFunc(a.Params, b.Params, func(p, q Parameter) int {
			return cmp.Or(
				cmp.Compare(p.Name, q.Name), cmp.Compare(p.Type, q.Type), cmp.Compare(p.TypeMaxLength, q.TypeMaxLength),
				compareBools(p.Required, q.Required), compareBools(p.Variadic, q.Variadic),
			)
		}),
	)
}
