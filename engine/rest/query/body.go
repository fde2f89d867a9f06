package query

import (
	"nexus/engine/rest/plan"
	"nexus/schema"
)

// rowsName is what the rows of the answer are called where they become its body.
const rowsName = "_postgrest_t"

// answerName is what the rows of the answer are called where they are needed twice.
const answerName = "pgrst_answer"

// body adds what makes the answer's body of its rows.
func (f *fragment) body(p *plan.Plan) *fragment {
	switch p.Body.Kind {
	case plan.BodyArray:
		return f.jsonBody(p)
	case plan.BodyObject:
		return f.firstRow(p, isScalar(p))
	case plan.BodyGeoJSON:
		return f.sql("json_build_object('type', 'FeatureCollection', 'features', " +
			"coalesce(json_agg(ST_AsGeoJSON(" + rowsName + ")::json), '[]'))")
	case plan.BodyLines:
		return f.linesBody(p)
	case plan.BodyCSV:
		return f.csvBody(p)
	case plan.BodyCustom:
		return f.customBody(p)
	default:
		return f.sql("''::text")
	}
}

func isScalar(p *plan.Plan) bool { return p.Call != nil && p.Routine.ReturnsScalar() }

// jsonBody adds the array of all rows; of a function that returns one value or row, that one.
func (f *fragment) jsonBody(p *plan.Plan) *fragment {
	switch {
	case p.Call == nil:
		return f.jsonArray(p, rowsName)
	case p.Routine.ReturnsSingleComposite():
		return f.firstRow(p, false)
	case p.Routine.ReturnsScalar():
		return f.firstRow(p, true)
	case p.Routine.ReturnsSetOfScalar():
		return f.jsonArray(p, rowsName+".pgrst_scalar")
	default:
		return f.jsonArray(p, rowsName)
	}
}

func (f *fragment) jsonArray(p *plan.Plan, value string) *fragment {
	return f.sql("coalesce(").stripped(p, "json_agg("+value+")").sql(", '[]')")
}

func (f *fragment) firstRow(p *plan.Plan, scalar bool) *fragment {
	value := rowsName
	if scalar {
		value += ".pgrst_scalar"
	}
	return f.sql("coalesce(").stripped(p, "json_agg("+value+")->0").sql(", 'null')")
}

func (f *fragment) stripped(p *plan.Plan, value string) *fragment {
	if p.Body.StripNulls {
		return f.sql("json_strip_nulls(").sql(value).sql(")")
	}
	return f.sql(value)
}

// linesBody adds the JSON of each row, and a newline behind each.
func (f *fragment) linesBody(p *plan.Plan) *fragment {
	value := rowsName
	if p.Call != nil && (p.Routine.ReturnsScalar() || p.Routine.ReturnsSetOfScalar()) {
		value += ".pgrst_scalar"
	}
	return f.sql("coalesce(string_agg(to_json(" + value + ")::text || E'\\n', ''), '')")
}

// csvBody adds a header of the columns' names and a line for each row, whose text form only lacks the parentheses. Where
// nothing is left of what was written or called, the header has the names of that, as PostgREST's always has.
func (f *fragment) csvBody(p *plan.Plan) *fragment {
	f.sql("coalesce(")
	if readsSource(p) {
		f.sql(csvHeader(answerName) + ", ")
	}
	return f.sql(csvHeader(plan.SourceName) + ", '') || E'\\n' || " +
		"coalesce(string_agg(substring(" + rowsName + "::text, 2, length(" + rowsName + "::text) - 2), E'\\n'), '')")
}

func csvHeader(relation string) string {
	return "(SELECT string_agg(k, ',') FROM json_object_keys((SELECT row_to_json(hh) FROM " + relation + " AS hh LIMIT 1)) AS k)"
}

func (f *fragment) customBody(p *plan.Plan) *fragment {
	f.ident(p.Body.Function).sql("(" + rowsName)
	switch {
	case isScalar(p):
		f.sql(".pgrst_scalar")
	case p.Body.Target != schema.AnyElement:
		f.sql("::").ident(p.Body.Target)
	}
	return f.sql(")")
}
