package query

import (
	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/schema"
)

// callRows names what a function returned.
var callRows = schema.Ident{Name: "pgrst_call"}

// call builds the SELECT from a function; its result are the rows or values that the function returns.
func call(c *plan.Call) sq.SelectBuilder {
	columns := new(fragment)
	switch {
	case c.Scalar:
		columns.sql("pgrst_call.pgrst_scalar")
	case len(c.Returning) == 0:
		columns.sql("*")
	default:
		columns.each(len(c.Returning), func(i int) { columns.column(callRows, c.Returning[i]) })
	}
	s := sq.Select().Column(columns)
	if c.Kind != plan.CallJSON {
		return from(s, invocation(c))
	}
	fields := make([]plan.Field, len(c.Arguments))
	for i := range c.Arguments {
		fields[i] = plan.Field{Name: c.Arguments[i].Name, Type: c.Arguments[i].Type}
	}
	arguments := recordSelect(fields, c.Body, false).Suffix("LIMIT 1")
	return from(s, sql("(").add(arguments).sql(")").as(bodyRows.Name).sql(", LATERAL ").add(invocation(c)))
}

// invocation is the call in the FROM clause; that of a function that returns values gives them a name.
func invocation(c *plan.Call) *fragment {
	f := new(fragment)
	if c.Scalar {
		f.sql("(SELECT ")
	}
	f.ident(c.Function).sql("(").arguments(c).sql(")")
	if c.Scalar {
		f.sql(" pgrst_scalar)")
	}
	return f.sql(" ").sql(callRows.Name)
}

func (f *fragment) arguments(c *plan.Call) *fragment {
	return f.each(len(c.Arguments), func(i int) {
		a := &c.Arguments[i]
		if a.Variadic {
			f.sql("VARIADIC ")
		}
		if a.Name != "" || c.Kind != plan.CallBody {
			f.name(a.Name).sql(" := ")
		}
		if c.Kind == plan.CallJSON {
			f.column(bodyRows, a.Name)
			return
		}
		f.param(a.Value)
		if a.Variadic && c.Kind != plan.CallBody {
			f.sql("::text[]")
		}
		f.sql("::").catalog(a.Type)
	})
}
