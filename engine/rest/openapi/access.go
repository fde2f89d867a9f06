package openapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"nexus/schema"
)

// Query asks for what a document needs to know from the database. It runs in the transaction of the request, as the role of
// the caller and with the request's search path, by which the types of arguments are named.
type Query struct {
	// Schema is the schema to describe.
	Schema string
	// IgnorePrivileges describes everything in the snapshot, whatever the role may use (openapi-mode = ignore-privileges).
	IgnorePrivileges bool
}

// descriptionSQL answers with the comment on schema $1 only.
const descriptionSQL = `
	select json_build_object('description', pg_catalog.obj_description(n.oid, 'pg_namespace'))
	from pg_catalog.pg_namespace n where n.nspname = $1::text`

// accessSQL answers with the comment on schema $1, the names of its relations on which the current role has any privilege,
// and the functions that the role may execute and requests can call: with named arguments, or with a single unnamed one of a
// type that can take a whole body.
const accessSQL = `
	select json_build_object(
		'description', pg_catalog.obj_description(n.oid, 'pg_namespace'),
		'tables', (
			select json_agg(c.relname)
			from pg_catalog.pg_class c
			where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and (
				pg_catalog.pg_has_role(c.relowner, 'USAGE')
				or pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
				or pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))),
		'routines', (
			select json_agg(json_build_object(
				'name', p.proname, 'description', pg_catalog.obj_description(p.oid, 'pg_proc'),
				'volatility', p.provolatile, 'params', a.params))
			from pg_catalog.pg_proc p
			cross join lateral (
				select json_agg(json_build_object(
						'name', coalesce(i.name, ''), 'type', i.type::regtype::text,
						'required', i.position <= p.pronargs - p.pronargdefaults, 'variadic', coalesce(i.mode = 'v', false)
					) order by i.position) as params,
					count(*) - count(i.name) as unnamed, (array_agg(i.type order by i.position))[1] as first_type
				from (
					select u.name, u.type, u.mode, row_number() over (order by u.idx) as position
					from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
						with ordinality as u (name, type, mode, idx)
					where u.type is not null and coalesce(u.mode, 'i') in ('i', 'b', 'v')
				) i
			) a
			where p.pronamespace = n.oid and p.prokind = 'f' and p.prorettype <> 'pg_catalog.trigger'::regtype
				and (a.unnamed = 0 or a.unnamed = 1 and a.first_type in ('pg_catalog.bytea'::regtype, 'pg_catalog.json'::regtype,
					'pg_catalog.jsonb'::regtype, 'pg_catalog.text'::regtype, 'pg_catalog.xml'::regtype))
				and pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
	)
	from pg_catalog.pg_namespace n where n.nspname = $1::text`

// SQL returns the statement to run and its arguments in PostgreSQL's text format.
func (q Query) SQL() (sql string, args [][]byte) {
	args = [][]byte{[]byte(q.Schema)}
	if q.IgnorePrivileges {
		return descriptionSQL, args
	}
	return accessSQL, args
}

// access is the answer to a Query.
type access struct {
	Description string    `json:"description"`
	Tables      []string  `json:"tables"`
	Routines    []routine `json:"routines"`
}

type routine struct {
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Volatility  string             `json:"volatility"`
	Params      []routineParameter `json:"params"`
}

type routineParameter struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Variadic bool   `json:"variadic"`
}

// Contents puts what snap knows together with the rows that the statement of SQL returned, in PostgreSQL's text format. A
// relation has to be in both. A schema that has meanwhile been dropped has no contents. An error means that the rows are not
// those of the statement.
func (q Query) Contents(snap *schema.Snapshot, rows [][][]byte) (Contents, error) {
	contents := Contents{Relationships: snap.Relationships}
	if len(rows) == 0 {
		return contents, nil
	}
	if len(rows) > 1 || len(rows[0]) != 1 {
		return Contents{}, errors.New("openapi: want one row of one column")
	}
	var granted access
	if err := json.Unmarshal(rows[0][0], &granted); err != nil {
		return Contents{}, fmt.Errorf("openapi: read what the role may see: %w", err)
	}
	contents.Description = granted.Description
	if q.IgnorePrivileges {
		q.addAll(&contents, snap)
	} else {
		q.addGranted(&contents, snap, &granted)
	}
	return contents, nil
}

func (q Query) addAll(contents *Contents, snap *schema.Snapshot) {
	for id, t := range snap.Tables {
		if id.Schema == q.Schema {
			contents.Tables = append(contents.Tables, t)
		}
	}
	for id, overloads := range snap.Routines {
		if id.Schema == q.Schema {
			contents.Routines = append(contents.Routines, overloads...)
		}
	}
}

func (q Query) addGranted(contents *Contents, snap *schema.Snapshot, granted *access) {
	for _, name := range granted.Tables {
		if t := snap.Table(schema.Ident{Schema: q.Schema, Name: name}); t != nil {
			contents.Tables = append(contents.Tables, t)
		}
	}
	for i := range granted.Routines {
		contents.Routines = append(contents.Routines, granted.Routines[i].build(q.Schema))
	}
}

// build returns what a document needs of a function; how it is called does not show there.
func (r *routine) build(schemaName string) *schema.Routine {
	built := &schema.Routine{
		Ident:       schema.Ident{Schema: schemaName, Name: r.Name},
		Description: r.Description, Volatility: schema.Volatile,
	}
	if r.Volatility != "" {
		built.Volatility = schema.Volatility(r.Volatility[0])
	}
	for _, p := range r.Params {
		built.Params = append(built.Params, schema.Parameter{
			Name: p.Name, Type: p.Type, Required: p.Required, Variadic: p.Variadic,
		})
		built.HasVariadic = built.HasVariadic || p.Variadic
	}
	return built
}
