package rest

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/apierr"
	"nexus/engine/db"
	"nexus/engine/rest/plan"
	"nexus/schema"
)

// visibleSQL asks, for each object of a list, whether the role may see it. What has been dropped meanwhile is not visible.
const visibleSQL = `
	select coalesce(case when o.routines is not null then exists (
			select from pg_catalog.pg_proc p
			where p.oid = any(o.routines) and has_schema_privilege($1, p.pronamespace, 'usage')
				and has_function_privilege($1, p.oid, 'execute'))
		else exists (
			select from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
			where s.nspname = o.schema and c.relname = o.relation and has_schema_privilege($1, s.oid, 'usage')
				and (has_table_privilege($1, c.oid, 'select, insert, update, delete')
					or has_any_column_privilege($1, c.oid, 'select, insert, update'))
				and not exists (
					select from pg_catalog.pg_attribute a
					where a.attrelid = c.oid and a.attname = any(o.columns)
						and not has_column_privilege($1, c.oid, a.attnum, 'select, insert, update')))
		end, false)
	from rows from (
		json_to_recordset($2::json) as (schema name, relation name, columns name[], routines oid[])
	) with ordinality as o(schema, relation, columns, routines, n)
	order by o.n`

// complete lets an error name what of its suggestion the request's role may see. When the database cannot be asked, the error
// names nothing.
func (x *exchange) complete(e *apierr.Error) {
	if e.Suggestion == nil || x.identity == nil {
		return
	}
	if len(e.Suggestion.Objects) == 0 {
		e.Suggestion.Add(e, nil)
		return
	}
	objects, err := json.Marshal(e.Suggestion.Objects)
	if err != nil {
		return
	}
	result, err := x.h.opts.DB.Run(x.http.Context(), &db.Tx{
		ReadOnly: true, KeepsSession: true,
		Main: db.Statement{SQL: visibleSQL, Args: [][]byte{[]byte(x.identity.Role), objects}},
	})
	if err != nil || len(result.Main) != len(e.Suggestion.Objects) {
		return
	}
	visible := make([]bool, len(result.Main))
	for i, row := range result.Main {
		visible[i] = string(row[0]) == "t"
	}
	e.Suggestion.Add(e, visible)
}

// withhold takes PostgreSQL's own suggestion of a name out of an error. It can come back if it can only name what the request
// works with.
func (x *exchange) withhold(err error) *apierr.Suggestion {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Hint == "" || !suggestsNames[pg.Routine] {
		return nil
	}
	hint := pg.Hint
	pg.Hint = ""
	if pg.Where != "" || x.plan == nil {
		return nil // it happened in a function, whose tables are its own affair
	}
	return &apierr.Suggestion{Objects: x.planned(), Add: func(e *apierr.Error, visible []bool) {
		if !slices.Contains(visible, false) {
			e.Hint = hint
		}
	}}
}

// planned lists the relations of the plan with all their columns.
func (x *exchange) planned() []apierr.Object {
	var objects []apierr.Object
	add := func(table *schema.Table) {
		if table == nil {
			return
		}
		object := apierr.Object{Schema: table.Schema, Relation: table.Name}
		for _, column := range table.Columns {
			object.Columns = append(object.Columns, column.Name)
		}
		objects = append(objects, object)
	}
	var walk func(n *plan.Node)
	walk = func(n *plan.Node) {
		if r := n.Relationship; r != nil {
			add(x.snap.Table(r.ForeignTable))
			if r.Junction != nil {
				add(x.snap.Table(r.Junction.Table))
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	add(x.plan.Table)
	if x.plan.Read != nil {
		walk(x.plan.Read)
	}
	return objects
}

// suggestsNames are the functions of PostgreSQL that write hints with names of tables and columns.
var suggestsNames = map[string]bool{"errorMissingColumn": true, "errorMissingRTE": true}
