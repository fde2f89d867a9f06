package query

import (
	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// operators are the SQL operators that compare a field with one value.
var operators = map[request.Operator]string{
	request.OpEq: "=", request.OpGte: ">=", request.OpGt: ">", request.OpLte: "<=", request.OpLt: "<",
	request.OpLike: "LIKE", request.OpILike: "ILIKE", request.OpMatch: "~", request.OpIMatch: "~*",
	request.OpNeq: "<>", request.OpContains: "@>", request.OpContained: "<@", request.OpOverlap: "&&",
	request.OpStrictLeft: "<<", request.OpStrictRgt: ">>", request.OpNotExtR: "&<", request.OpNotExtL: "&>",
	request.OpAdjacent: "-|-",
}

// searches are the functions that make a full-text query of a text.
var searches = map[request.Operator]string{
	request.OpFTS: "to_tsquery", request.OpPlainFTS: "plainto_tsquery", request.OpPhraseFTS: "phraseto_tsquery",
	request.OpWebFTS: "websearch_to_tsquery",
}

// isOperands are the operands of IS; they are keywords and cannot be parameters.
var isOperands = map[request.IsValue]string{
	request.IsNull: "NULL", request.IsNotNull: "NOT NULL", request.IsTrue: "TRUE", request.IsFalse: "FALSE",
	request.IsUnknown: "UNKNOWN",
}

// embedTest adds the test whether the embedded level of that join alias is there.
type embedTest func(f *fragment, joinAlias string, absent bool)

// joinedEmbed tests the row that the level's join brought.
func joinedEmbed(f *fragment, joinAlias string, absent bool) {
	f.name(joinAlias)
	if absent {
		f.sql(" IS NOT DISTINCT FROM NULL")
		return
	}
	f.sql(" IS DISTINCT FROM NULL")
}

// condition adds a condition on a relation.
func (f *fragment) condition(qualifier schema.Ident, c *plan.Condition, test embedTest) *fragment {
	switch {
	case c.Embed != "":
		test(f, c.Embed, !c.Negate)
		return f
	case c.Negate:
		f.sql("NOT ")
	}
	if c.IsGroup {
		return f.group(qualifier, c, test)
	}
	f.field(qualifier, &c.Field)
	switch c.Operator {
	case request.OpIs:
		return f.sql(" IS ").sql(isOperands[c.Is])
	case request.OpIsDistinct:
		return f.sql(" IS DISTINCT FROM ").param(c.Value)
	case request.OpIn:
		return f.sql(" = ANY (").list(c).sql(")")
	}
	if search, ok := searches[c.Operator]; ok {
		f.sql(" @@ ").sql(search).sql("(")
		if c.Language != 0 {
			f.param(c.Language).sql(", ")
		}
		return f.param(c.Value).sql(")")
	}
	return f.sql(" ").sql(operators[c.Operator]).sql(" ").operand(c)
}

func (f *fragment) group(qualifier schema.Ident, c *plan.Condition, test embedTest) *fragment {
	separator := " AND "
	if c.Or {
		separator = " OR "
	}
	f.sql("(")
	for i := range c.Children {
		if i > 0 {
			f.sql(separator)
		}
		f.condition(qualifier, &c.Children[i], test)
	}
	return f.sql(")")
}

// operand adds the value of a comparison, which is an array after any and all.
func (f *fragment) operand(c *plan.Condition) *fragment {
	switch c.Quantifier {
	case request.QuantAny:
		return f.sql("ANY (").list(c).sql(")")
	case request.QuantAll:
		return f.sql("ALL (").list(c).sql(")")
	}
	if !isRead(c) {
		return f.param(c.Value)
	}
	return f.catalog(c.Field.Transform).sql("(").param(c.Value).sql(")")
}

// list adds an array of values; a representation reads each element of it.
func (f *fragment) list(c *plan.Condition) *fragment {
	if !isRead(c) {
		return f.param(c.Value)
	}
	return f.sql("SELECT ").catalog(c.Field.Transform).sql("(unnest(").param(c.Value).sql("::text[]))")
}

// isRead reports whether values are read by the field's representation. Patterns stay texts.
func isRead(c *plan.Condition) bool {
	return c.Field.Transform != "" && c.Operator != request.OpLike && c.Operator != request.OpILike
}

// joinCondition adds a comparison of columns of two relations.
func (f *fragment) joinCondition(on *plan.JoinCondition) *fragment {
	return f.column(on.Left, on.LeftColumn).sql(" = ").column(on.Right, on.RightColumn)
}
