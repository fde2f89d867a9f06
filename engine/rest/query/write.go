package query

import (
	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/schema"
)

// bodyRows names the rows that a write's or a call's JSON body holds.
var bodyRows = schema.Ident{Name: "pgrst_body"}

// recordRows names them while they are as JSON gave them.
var recordRows = schema.Ident{Name: "pgrst_record"}

// mutation builds the statement of a write; its result are the written rows.
func mutation(m *plan.Mutation) sq.Sqlizer {
	switch m.Kind {
	case plan.Update:
		return update(m)
	case plan.Delete:
		return remove(m)
	default:
		return insert(m)
	}
}

func insert(m *plan.Mutation) sq.Sqlizer {
	rows := sq.Select().Column(new(fragment))
	if len(m.Columns) > 0 {
		rows = sq.Select().Column(new(fragment).fields(bodyRows, m.Columns))
	}
	rows = from(rows, sql("(").add(recordSelect(m.Columns, m.Body, m.FillDefaults)).sql(")").as(bodyRows.Name))
	if m.Conflict == plan.ConflictMerge {
		rows = rows.Where(countInserted(true))
	}
	if m.Kind == plan.Put {
		for i := range m.Where {
			rows = rows.Where(new(fragment).condition(bodyRows, &m.Where[i], joinedEmbed))
		}
	}
	s := sq.Insert(escape(m.Into.SQL())).Columns(columnNames(m.Columns)...).Select(rows)
	if m.Conflict != plan.ConflictFail && len(m.ConflictColumns) > 0 {
		s = s.SuffixExpr(onConflict(m))
	}
	return s.SuffixExpr(returning(m))
}

// fields adds the columns with their qualifier.
func (f *fragment) fields(qualifier schema.Ident, fields []plan.Field) *fragment {
	return f.each(len(fields), func(i int) { f.column(qualifier, fields[i].Name) })
}

func columnNames(fields []plan.Field) []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = quoteName(fields[i].Name)
	}
	return names
}

// onConflict says what happens to rows whose key exists. A row that is updated takes itself off the count of inserted
// ones again.
func onConflict(m *plan.Mutation) *fragment {
	f := sql("ON CONFLICT (").names(m.ConflictColumns).sql(")")
	if m.Conflict == plan.ConflictIgnore || len(m.Columns) == 0 {
		return f.sql(" DO NOTHING")
	}
	f.sql(" DO UPDATE SET ").each(len(m.Columns), func(i int) {
		f.name(m.Columns[i].Name).sql(" = EXCLUDED.").name(m.Columns[i].Name)
	})
	return f.sql(" WHERE ").add(countInserted(false))
}

func (f *fragment) names(names []string) *fragment {
	return f.each(len(names), func(i int) { f.name(names[i]) })
}

// countInserted is a condition that is always true and counts rows in a setting of the transaction: PostgreSQL does not
// tell which rows of an upsert were new.
func countInserted(up bool) *fragment {
	step, never := "- 1", "-1"
	if up {
		step, never = "+ 1", "0"
	}
	return sql("set_config('pgrst.inserted', (coalesce(" + setting("pgrst.inserted") + "::int, 0) " + step +
		")::text, true) <> '" + never + "'")
}

// setting reads a setting of the transaction, null when it is not set: PostgreSQL leaves an empty text behind in a
// session that once had it.
func setting(name string) string { return "nullif(current_setting('" + name + "', true), '')" }

func update(m *plan.Mutation) sq.Sqlizer {
	if len(m.Columns) == 0 {
		return noRows(m)
	}
	s := sq.Update(escape(m.Into.SQL()))
	for i := range m.Columns {
		name := m.Columns[i].Name
		s = s.Set(quoteName(name), new(fragment).column(bodyRows, name))
	}
	s = s.FromSelect(recordSelect(m.Columns, m.Body, m.FillDefaults), bodyRows.Name)
	for i := range m.Where {
		s = s.Where(new(fragment).condition(m.Into, &m.Where[i], joinedEmbed))
	}
	return s.SuffixExpr(returning(m))
}

// noRows stands in for an update of nothing, which SQL cannot say: it has the right columns and no rows.
func noRows(m *plan.Mutation) sq.Sqlizer {
	s := sq.Select("NULL")
	if len(m.Returning) > 0 {
		table := schema.Ident{Name: m.Into.Name}
		columns := new(fragment)
		columns.each(len(m.Returning), func(i int) { columns.column(table, m.Returning[i]) })
		s = sq.Select().Column(columns)
	}
	return from(s, new(fragment).ident(m.Into)).Where("false")
}

func remove(m *plan.Mutation) sq.Sqlizer {
	s := sq.Delete(escape(m.Into.SQL()))
	for i := range m.Where {
		s = s.Where(new(fragment).condition(m.Into, &m.Where[i], joinedEmbed))
	}
	return s.SuffixExpr(returning(m))
}

// returning lists the columns of the written rows that are needed, or a constant, so that the rows can be counted.
func returning(m *plan.Mutation) *fragment {
	f := sql("RETURNING ")
	if len(m.Returning) == 0 {
		return f.sql("1")
	}
	return f.each(len(m.Returning), func(i int) { f.column(m.Into, m.Returning[i]) })
}

// recordSelect builds the SELECT that reads the rows of a JSON body as typed columns, converted by their
// representations.
func recordSelect(fields []plan.Field, body plan.JSONBody, fillDefaults bool) sq.SelectBuilder {
	if len(fields) == 0 {
		return emptyRows(body)
	}
	columns := new(fragment)
	columns.each(len(fields), func(i int) {
		field := &fields[i]
		if field.Transform == "" {
			columns.column(recordRows, field.Name)
			return
		}
		columns.catalog(field.Transform).sql("(").column(recordRows, field.Name).sql(")").as(field.Name)
	})
	source := records(fields, body, fillDefaults).as(recordRows.Name).sql("(")
	source.each(len(fields), func(i int) { source.name(fields[i].Name).sql(" ").catalog(fields[i].Type) })
	return from(sq.Select().Column(columns), source.sql(")"))
}

// records is what expands a body into records. With defaults, every object is first laid over one that holds them.
func records(fields []plan.Field, body plan.JSONBody, fillDefaults bool) *fragment {
	function := "to_recordset"
	if body.IsObject {
		function = "to_record"
	}
	if !fillDefaults {
		return sql("json_" + function + "(").param(body.Value).sql("::json)")
	}
	f := sql("(SELECT ")
	if body.IsObject {
		f.add(defaults(fields)).sql(" || ").param(body.Value).sql("::jsonb AS val")
	} else {
		f.sql("jsonb_agg(").add(defaults(fields)).sql(" || elem) AS val FROM jsonb_array_elements(").
			param(body.Value).sql("::jsonb) elem")
	}
	return f.sql(") pgrst_filled, LATERAL jsonb_" + function + "(pgrst_filled.val)")
}

func defaults(fields []plan.Field) *fragment {
	var known []*plan.Field
	for i := range fields {
		if fields[i].Default != "" {
			known = append(known, &fields[i])
		}
	}
	f := sql("jsonb_build_object(")
	f.each(len(known), func(i int) { f.literal(known[i].Name).sql(", ").catalog(known[i].Default) })
	return f.sql(")")
}

// emptyRows builds the SELECT for a body of empty objects: as many rows without columns.
func emptyRows(body plan.JSONBody) sq.SelectBuilder {
	s := sq.Select().Column(new(fragment))
	if body.IsObject {
		return from(s, sql("(VALUES (1)) AS ").name(recordRows.Name))
	}
	return from(s, sql("json_array_elements(").param(body.Value).sql("::json) AS ").name(recordRows.Name))
}
