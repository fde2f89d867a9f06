package generative

import (
	"fmt"
	"strings"
)

// operator is a filter operator: how requests write it, and SQL.
type operator struct {
	url, sql string
	// quantified operators take (any) and (all).
	quantified bool
	// function wraps the operand, for text search; language is its configuration, "" for the default.
	function, language string
	// pattern operands write % as *.
	pattern bool
}

var (
	equality   = operator{url: "eq", sql: "=", quantified: true}
	among      = operator{url: "in"}
	is         = operator{url: "is"}
	comparison = []operator{
		equality,
		{url: "neq", sql: "<>"},
		among,
		{url: "isdistinct", sql: "is distinct from"},
		{url: "gt", sql: ">", quantified: true},
		{url: "gte", sql: ">=", quantified: true},
		{url: "lt", sql: "<", quantified: true},
		{url: "lte", sql: "<=", quantified: true},
	}
	patterns = []operator{
		{url: "like", sql: "like", quantified: true, pattern: true}, {url: "ilike", sql: "ilike", quantified: true, pattern: true},
	}
	regexps    = []operator{{url: "match", sql: "~", quantified: true}, {url: "imatch", sql: "~*", quantified: true}}
	containing = []operator{{url: "cs", sql: "@>"}, {url: "cd", sql: "<@"}}
	overlap    = operator{url: "ov", sql: "&&"}
	positions  = []operator{
		{url: "sl", sql: "<<"}, {url: "sr", sql: ">>"}, {url: "nxr", sql: "&<"}, {url: "nxl", sql: "&>"}, {url: "adj", sql: "-|-"},
	}
)

// sql is the condition on a field as PostgreSQL's documentation would write it. Each operand is compared by itself, where
// the server may use arrays.
func (c *cond) sql() string {
	left := c.field.sql
	if c.op.function != "" {
		configuration := ""
		if c.op.language != "" {
			configuration = literal(c.op.language) + "::regconfig, "
		}
		if c.field.kind != lexemes {
			left = fmt.Sprintf("to_tsvector(%s%s)", configuration, left)
		}
		return fmt.Sprintf("%s @@ %s(%s%s)", left, c.op.function, configuration, literal(c.values[0]))
	}
	if c.op == is {
		return left + " is " + strings.ReplaceAll(c.values[0], "_", " ")
	}
	op, join := c.op.sql, " or "
	if c.op == among {
		op = "="
	}
	if c.quant == "all" {
		join = " and "
	}
	each := make([]string, len(c.values))
	for i, v := range c.values {
		if c.op.pattern {
			v = strings.ReplaceAll(v, "*", "%")
		}
		right := literal(v)
		if c.field.parse != "" {
			right = c.field.parse + "(" + right + "::text)"
		}
		each[i] = fmt.Sprintf("%s %s %s", left, op, right)
	}
	if len(each) == 0 {
		return "false" // nothing is among nothing
	}
	return strings.Join(each, join)
}
