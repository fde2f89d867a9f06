package query

import (
	"strings"

	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/engine/rest/rows"
	"nexus/schema"
)

// Statement is SQL text with its arguments in PostgreSQL's text format; a nil argument is NULL.
type Statement struct {
	SQL  string
	Args [][]byte
}

// Query holds the statements of a plan.
type Query struct {
	// Main answers with one row of the columns below; for an execution plan with the lines of EXPLAIN instead.
	Main Statement
	// MainFormats are the formats (0 text, 1 binary) to ask Main's columns in, nil for text. The body is asked in binary,
	// because that is how a handler of the database gets its bytes to the client; JSON and texts are the same in both.
	MainFormats []int16
	// Plain is true when Main answers with the rows themselves instead, from which package rows makes a body of Format.
	// Response then reads response.headers and response.status, as text or null, and Count, if its SQL is not empty, counts
	// all rows: in a transaction of one snapshot, to agree with Main.
	Plain    bool
	Format   rows.Format
	Response Statement
	Count    Statement
	// CountPlan, if its SQL is not empty, explains (as JSON) the query for all rows, for the planner's estimate of their
	// number.
	CountPlan Statement
}

// The columns of the row that Main answers with.
const (
	// ColumnTotal is the number of rows without the window, null when it was not counted.
	ColumnTotal = iota
	// ColumnPage is the number of rows in the answer.
	ColumnPage
	// ColumnBody is the answer's body. A handler of the database may make it a bytea.
	ColumnBody
	// ColumnHeaders and ColumnStatus are response.headers and response.status as functions of the database set them, null
	// when they did not.
	ColumnHeaders
	ColumnStatus
	// ColumnInserted is the number of rows that an upsert inserted, null when that was not asked.
	ColumnInserted
	// ColumnLocation is a JSON array of texts such as "id=eq.1", which name the one inserted row; null when there is none.
	ColumnLocation
	// Columns is how many there are.
	Columns
)

// PreRequest is the statement that calls the function which runs before each request (db-pre-request).
func PreRequest(function schema.Ident) Statement {
	return Statement{SQL: "SELECT " + function.SQL() + "()"}
}

// mainStatement wraps the rows of the answer into the one row that carries everything.
func mainStatement(p *plan.Plan) sq.Sqlizer {
	columns := [Columns]*fragment{
		ColumnTotal:    sql(total(p)).sql(" AS total_result_set"),
		ColumnPage:     sql(page(p)).sql(" AS page_total"),
		ColumnBody:     new(fragment).body(p).sql(" AS body"),
		ColumnHeaders:  sql(setting("response.headers")).sql(" AS response_headers"),
		ColumnStatus:   sql(setting("response.status")).sql(" AS response_status"),
		ColumnInserted: sql(inserted(p)).sql(" AS response_inserted"),
		ColumnLocation: location(p).sql(" AS header"),
	}
	order := []int{ColumnTotal, ColumnPage, ColumnBody, ColumnHeaders, ColumnStatus, ColumnInserted, ColumnLocation}
	if p.Mutation != nil && p.Media.Plan != nil {
		// Clients read execution plans by position, and PostgREST has a write's location before its body.
		order = []int{ColumnTotal, ColumnPage, ColumnLocation, ColumnBody, ColumnHeaders, ColumnStatus, ColumnInserted}
	}
	s := sq.Select()
	for _, i := range order {
		s = s.Column(columns[i])
	}
	with, rows := sources(p)
	return from(s.PrefixExpr(with), sql("(").add(rows).sql(") ").sql(rowsName))
}

// sources are the common table expressions of the main statement, and the SELECT for the rows of the answer. A read's
// rows are the source itself; those of a write or a call are read from it.
func sources(p *plan.Plan) (with *fragment, rows sq.SelectBuilder) {
	with = sql("WITH " + plan.SourceName + " AS (")
	rows = sq.Select("*").From(plan.SourceName)
	switch {
	case p.Mutation != nil:
		with.add(mutation(p.Mutation))
		if p.Body.Kind != plan.BodyNone {
			rows = selectRows(p.Read)
		}
	case p.Call != nil:
		with.add(call(p.Call))
		rows = selectRows(p.Read)
	default:
		with.add(selectRows(p.Read))
	}
	with.sql(")")
	if p.Body.Kind == plan.BodyCSV && readsSource(p) { // its header needs the rows as well
		with.sql(", " + answerName + " AS (").add(rows).sql(")")
		rows = sq.Select("*").From(answerName)
	}
	if p.Count.Exact {
		with.sql(", pgrst_source_count AS (").add(countQuery(p)).sql(")")
	}
	return with, rows
}

// readsSource reports whether the rows of the answer are not the source itself.
func readsSource(p *plan.Plan) bool { return p.Mutation != nil || p.Call != nil }

// countQuery is the query for all rows regardless of the window; an estimate need not go further than its limit.
func countQuery(p *plan.Plan) sq.SelectBuilder {
	s := countedRows(p.Read)
	if p.Count.Limit != nil {
		s = s.Limit(uint64(*p.Count.Limit) + 1)
	}
	return s
}

func total(p *plan.Plan) string {
	if p.Count.Exact {
		return "(SELECT pg_catalog.count(*) FROM pgrst_source_count)"
	}
	return "null::bigint"
}

func page(p *plan.Plan) string {
	if p.Call != nil && p.Routine.ReturnsSingle() {
		return "1"
	}
	return "pg_catalog.count(" + rowsName + ")"
}

// location names the inserted row by its key, when it is the only one.
func location(p *plan.Plan) *fragment {
	if !p.Location || len(p.Mutation.KeyColumns) == 0 {
		return sql("null::json")
	}
	f := sql("CASE WHEN pg_catalog.count(" + rowsName + ") = 1 THEN (" +
		"SELECT json_agg(j.key || '=' || coalesce('eq.' || j.value, 'is.null')) FROM (SELECT row_to_json(s) AS r FROM " +
		plan.SourceName + " AS s LIMIT 1) d, json_each_text(d.r) AS j WHERE j.key IN (")
	f.each(len(p.Mutation.KeyColumns), func(i int) { f.literal(p.Mutation.KeyColumns[i]) })
	return f.sql(")) END")
}

func inserted(p *plan.Plan) string {
	if p.CountInserted {
		return setting("pgrst.inserted") + "::int"
	}
	return "null::int"
}

// explained turns the statement into one for its execution plan, when that is what was asked for.
func explained(p *plan.Plan, s sq.Sqlizer) sq.Sqlizer {
	options := p.Media.Plan
	if options == nil {
		return s
	}
	return sql("EXPLAIN (" + explainOptions(options) + ") ").add(s)
}

func explainOptions(o *request.PlanOptions) string {
	names := []string{"FORMAT TEXT"}
	if o.JSON {
		names[0] = "FORMAT JSON"
	}
	for _, option := range []struct {
		set  bool
		name string
	}{
		{o.Analyze, "ANALYZE"}, {o.Verbose, "VERBOSE"}, {o.Settings, "SETTINGS"}, {o.Buffers, "BUFFERS"}, {o.WAL, "WAL"},
	} {
		if option.set {
			names = append(names, option.name)
		}
	}
	return strings.Join(names, ", ")
}
