package query

import (
	"strings"

	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/schema"
)

// fragment is a piece of SQL under construction, in squirrel's notation. It implements squirrel.Sqlizer; its arguments
// are plan.Params. The zero value is empty.
type fragment struct {
	text []byte
	args []any
	err  error
}

// sql begins a fragment with a text of this package's own.
func sql(text string) *fragment { return new(fragment).sql(text) }

// ToSql implements squirrel.Sqlizer.
func (f *fragment) ToSql() (string, []any, error) { //nolint:revive // squirrel's name for it
	return string(f.text), f.args, f.err
}

// sql adds a text of this package's own, which has no question marks.
func (f *fragment) sql(text string) *fragment {
	f.text = append(f.text, text...)
	return f
}

// catalog adds SQL that comes from the database's catalog.
func (f *fragment) catalog(text string) *fragment { return f.sql(escape(text)) }

// escape doubles question marks, which squirrel would take for parameters.
func escape(text string) string { return strings.ReplaceAll(text, "?", "??") }

// name adds a quoted name.
func (f *fragment) name(name string) *fragment { return f.sql(quoteName(name)) }

// ident adds the quoted name of a database object.
func (f *fragment) ident(id schema.Ident) *fragment { return f.sql(escape(id.SQL())) }

// literal adds a name as a string literal.
func (f *fragment) literal(name string) *fragment { return f.sql(escape(schema.QuoteLiteral(name))) }

// column adds a column with its qualifier; "*" means all of them.
func (f *fragment) column(qualifier schema.Ident, name string) *fragment {
	f.ident(qualifier).sql(".")
	if name == "*" {
		return f.sql("*")
	}
	return f.name(name)
}

// param adds a value of the request.
func (f *fragment) param(p plan.Param) *fragment {
	f.args = append(f.args, p)
	return f.sql("?")
}

// add adds another piece.
func (f *fragment) add(part sq.Sqlizer) *fragment {
	text, args, err := part.ToSql()
	if err != nil && f.err == nil {
		f.err = err
	}
	f.args = append(f.args, args...)
	return f.sql(text)
}

// each adds one piece for every index below n, with commas between them.
func (f *fragment) each(n int, add func(i int)) *fragment {
	for i := range n {
		if i > 0 {
			f.sql(", ")
		}
		add(i)
	}
	return f
}

// quoteName quotes a name in squirrel's notation.
func quoteName(name string) string { return escape(schema.QuoteIdent(name)) }

// from sets what a SELECT reads from. squirrel's own From takes no parameters, so the clause goes where the joins are.
func from(s sq.SelectBuilder, source *fragment) sq.SelectBuilder {
	return s.JoinClause(sql("FROM ").add(source))
}
