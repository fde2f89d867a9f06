package plan

import (
	"strings"

	"nexus/engine/rest/request"
	"nexus/schema"
)

// Condition is a filter on a field; or, when Operator is empty, a group of conditions or a test whether an embedded
// level is empty.
type Condition struct {
	Negate bool

	Field      Field
	Operator   request.Operator
	Quantifier request.Quantifier
	Language   Param           // of the full-text operators, zero for the default one
	Value      Param           // an array literal for OpIn; zero for OpIs
	Is         request.IsValue // of OpIs

	// IsGroup joins Children with and, or with or.
	IsGroup  bool
	Or       bool
	Children []Condition

	// Embed is the join alias of the embedded level that has to be empty.
	Embed string
}

// resolveLogic resolves a logic tree in a table.
func (b *builder) resolveLogic(table *schema.Table, tree *request.LogicTree) Condition {
	if tree.Filter != nil {
		return b.resolveFilter(table, tree.Filter)
	}
	group := Condition{IsGroup: true, Negate: tree.Negate, Or: tree.Or, Children: make([]Condition, len(tree.Children))}
	for i := range tree.Children {
		group.Children[i] = b.resolveLogic(table, &tree.Children[i])
	}
	return group
}

func (b *builder) resolveFilter(table *schema.Table, f *request.Filter) Condition {
	c := Condition{
		Negate: f.Expr.Negate, Field: b.resolveInput(table, f.Field, f.Expr.Operator),
		Operator: f.Expr.Operator, Quantifier: f.Expr.Quantifier, Is: f.Expr.Is,
	}
	switch c.Operator {
	case request.OpIs:
	case request.OpIn:
		c.Value = b.bindText(listLiteral(f.Expr.List))
	case request.OpLike, request.OpILike:
		c.Value = b.bindText(strings.ReplaceAll(f.Expr.Value, "*", "%"))
	default:
		if f.Expr.Language != "" {
			c.Language = b.bindText(f.Expr.Language)
		}
		if c.Field.Search {
			c.Field.Language = c.Language
		}
		c.Value = b.bindText(f.Expr.Value)
	}
	return c
}

// listLiteral renders the operand of in as an array. A single empty element is how the URL writes an empty list.
func listLiteral(list []string) string {
	if len(list) == 1 && list[0] == "" {
		return "{}"
	}
	return arrayLiteral(list)
}

// arrayLiteral renders texts as a PostgreSQL array literal with every element quoted.
func arrayLiteral(list []string) string {
	size := len(`{}`)
	for _, element := range list {
		size += len(element) + len(`"",`)
	}
	var sb strings.Builder
	sb.Grow(size)
	sb.WriteByte('{')
	for i, element := range list {
		if i > 0 {
			sb.WriteByte(',')
		}
		sb.WriteByte('"')
		for j := range len(element) {
			if c := element[j]; c == '"' || c == '\\' {
				sb.WriteByte('\\')
			}
			sb.WriteByte(element[j])
		}
		sb.WriteByte('"')
	}
	sb.WriteByte('}')
	return sb.String()
}

// filterNames adds the names of the fields that the conditions compare.
func filterNames(names []string, conditions []Condition) []string {
	for i := range conditions {
		switch c := &conditions[i]; {
		case c.IsGroup:
			names = filterNames(names, c.Children)
		case c.Embed == "":
			names = append(names, c.Field.Name)
		}
	}
	return names
}
