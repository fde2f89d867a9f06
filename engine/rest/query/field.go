package query

import (
	"strings"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// field adds a field of a relation as it is stored: a column with the JSON path below it, or as a search vector.
func (f *fragment) field(qualifier schema.Ident, field *plan.Field) *fragment {
	if field.Search {
		f.sql("to_tsvector(")
		if field.Language != 0 {
			f.param(field.Language).sql(", ")
		}
		return f.storedField(qualifier, field).sql(")")
	}
	return f.storedField(qualifier, field)
}

func (f *fragment) storedField(qualifier schema.Ident, field *plan.Field) *fragment {
	switch {
	case field.WholeRow:
		return f.name(qualifier.Name)
	case len(field.Path) == 0:
		return f.column(qualifier, field.Name)
	case field.ToJSON:
		f.sql("to_jsonb(").column(qualifier, field.Name).sql(")")
	default:
		f.column(qualifier, field.Name)
	}
	for _, step := range field.Path {
		if step.AsText {
			f.sql("->>")
		} else {
			f.sql("->")
		}
		f.param(step.Operand)
		if step.Index {
			f.sql("::int")
		}
	}
	return f
}

// selected adds a field as it is selected: converted, cast, aggregated and named.
func (f *fragment) selected(qualifier schema.Ident, s *plan.SelectField) *fragment {
	return f.value(qualifier, s).as(s.Alias)
}

// value adds a selected field without its name.
func (f *fragment) value(qualifier schema.Ident, s *plan.SelectField) *fragment {
	value := new(fragment)
	if s.Field.Transform != "" {
		value.catalog(s.Field.Transform).sql("(").field(qualifier, &s.Field).sql(")")
	} else {
		value.field(qualifier, &s.Field)
	}
	return f.aggregate(s.Aggregate, s.AggregateCast, cast(s.Cast, value))
}

func (f *fragment) as(alias string) *fragment {
	if alias == "" {
		return f
	}
	return f.sql(" AS ").name(alias)
}

// aggregate adds a value, or an aggregate of it with the cast of its result.
func (f *fragment) aggregate(function request.Aggregate, resultCast string, value *fragment) *fragment {
	var name string
	switch function {
	case request.AggSum:
		name = "SUM"
	case request.AggAvg:
		name = "AVG"
	case request.AggMax:
		name = "MAX"
	case request.AggMin:
		name = "MIN"
	case request.AggCount:
		name = "COUNT"
	default:
		return f.add(value)
	}
	return f.add(cast(resultCast, sql(name).sql("(").add(value).sql(")")))
}

// cast casts a value to a type that the request names.
func cast(typeName string, value *fragment) *fragment {
	if typeName == "" {
		return value
	}
	return sql("CAST(").add(value).sql(" AS ").sql(castType(typeName)).sql(")")
}

// castType renders the name of a type. Words stay unquoted, because only so PostgreSQL knows "int" or "double precision";
// anything but words cannot be a type's name and is quoted, so that PostgreSQL does not find such a type.
func castType(name string) string {
	words := strings.Split(name, " ")
	for _, word := range words {
		if strings.ContainsFunc(word, func(r rune) bool { return !isWordRune(r) }) {
			return quoteName(name)
		}
	}
	return strings.Join(words, " ")
}

// isWordRune reports whether PostgreSQL's lexer takes the character for a part of a word.
func isWordRune(r rune) bool {
	return r == '_' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
}

// order adds the terms of an order.
func (f *fragment) order(qualifier schema.Ident, terms []plan.OrderTerm) *fragment {
	return f.each(len(terms), func(i int) { f.orderTerm(qualifier, &terms[i]) })
}

func (f *fragment) orderTerm(qualifier schema.Ident, term *plan.OrderTerm) *fragment {
	if term.Relation != "" {
		qualifier = schema.Ident{Name: term.Relation}
	}
	f.field(qualifier, &term.Field)
	switch term.Direction {
	case request.OrderAsc:
		f.sql(" ASC")
	case request.OrderDesc:
		f.sql(" DESC")
	}
	switch term.Nulls {
	case request.NullsFirst:
		f.sql(" NULLS FIRST")
	case request.NullsLast:
		f.sql(" NULLS LAST")
	}
	return f
}
