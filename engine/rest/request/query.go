package request

import (
	"strings"

	"nexus/engine/apierr"
)

// parameterKind is what a parameter of the query string is for.
type parameterKind uint8

const (
	parameterFilter parameterKind = iota
	parameterSelect
	parameterColumns
	parameterOnConflict
	parameterOrder
	parameterLogic
	parameterLimit
	parameterOffset
)

// kindOf tells a parameter's kind by its name: the reserved words that embedded levels share are the last part of it.
func kindOf(key string) parameterKind {
	switch key {
	case "select":
		return parameterSelect
	case "columns":
		return parameterColumns
	case "on_conflict":
		return parameterOnConflict
	}
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "order":
		return parameterOrder
	case "and", "or":
		return parameterLogic
	case "limit":
		return parameterLimit
	case "offset":
		return parameterOffset
	}
	return parameterFilter
}

// queryParser collects a Query from the pairs of a query string. The first error in PostgREST's order of evaluation
// wins, whatever the order of the parameters.
type queryParser struct {
	pairs    []pair
	safeCall bool // values that are no operator expression are arguments
	query    Query
}

// parseQuery parses a query string into a Query and the windows of its limits and offsets.
func parseQuery(raw string, safeCall bool) (Query, windows, *apierr.Error) {
	pairs, err := splitPairs(raw)
	if err != nil {
		return Query{}, nil, err
	}
	q := queryParser{pairs: pairs, safeCall: safeCall}
	q.query.Canonical = canonical(pairs)
	for _, step := range []func() *apierr.Error{
		q.order, q.logic, q.columns, q.selection, q.filters, q.onConflict,
	} {
		if err := step(); err != nil {
			return Query{}, nil, err
		}
	}
	return q.query, parseWindows(pairs), nil
}

// lookup returns the value of the first parameter of that kind; it is absent when that one has no value.
func (q *queryParser) lookup(kind parameterKind) (string, bool) {
	for _, p := range q.pairs {
		if kindOf(p.key) == kind {
			return p.value, p.hasValue
		}
	}
	return "", false
}

// each calls f for the parameters of that kind that have a value.
func (q *queryParser) each(kind parameterKind, f func(pair) *apierr.Error) *apierr.Error {
	for _, p := range q.pairs {
		if !p.hasValue || kindOf(p.key) != kind {
			continue
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

func (q *queryParser) order() *apierr.Error {
	return q.each(parameterOrder, func(param pair) *apierr.Error {
		at, err := parseTreePath(param.key)
		if err != nil {
			return err
		}
		terms, err := parse("failed to parse order", param.value, param.value, (*parser).orderTerms)
		q.query.Order = append(q.query.Order, PathOrder{at.path, terms})
		return err
	})
}

func (q *queryParser) logic() *apierr.Error {
	return q.each(parameterLogic, func(param pair) *apierr.Error {
		path, op, err := parseLogicPath(param.key)
		if err != nil {
			return err
		}
		tree, err := parse("failed to parse logic tree", param.value, op+param.value, (*parser).logicTree)
		q.query.Logic = append(q.query.Logic, PathLogic{path, tree})
		return err
	})
}

// parseLogicPath splits a name such as clients.not.or into the path and the operator with its negation.
func parseLogicPath(key string) (path []string, op string, err *apierr.Error) {
	names, err := parse("failed to parse logic path", key, key, func(p *parser, out *[]string) result {
		return p.names(out, p.delimiter)
	})
	if err != nil {
		return nil, "", err
	}
	last := len(names) - 1
	op = names[last]
	negated := op == "not"
	for _, name := range names[:last] {
		if name == "not" {
			negated = true
			continue
		}
		path = append(path, name)
	}
	if negated {
		op = "not." + op
	}
	return path, op, nil
}

func (q *queryParser) columns() *apierr.Error {
	text, ok := q.lookup(parameterColumns)
	if !ok {
		return nil
	}
	names, err := parse("failed to parse columns parameter", text, text, (*parser).columnNames)
	q.query.Columns, q.query.HasColumns = uniqueSorted(names), true
	return err
}

func (q *queryParser) onConflict() *apierr.Error {
	text, ok := q.lookup(parameterOnConflict)
	if !ok {
		return nil
	}
	names, err := parse("failed to parse on_conflict parameter", text, text, (*parser).columnNames)
	q.query.OnConflict, q.query.HasOnConflict = names, true
	return err
}

func (p *parser) columnNames(out *[]string) result { return p.names(out, p.lexemeComma) }

func (q *queryParser) selection() *apierr.Error {
	text, ok := q.lookup(parameterSelect)
	if !ok {
		q.query.Select = []SelectItem{{Field: Field{Name: "*"}}}
		return nil
	}
	items, err := parse("failed to parse select parameter", text, text, (*parser).selectForest)
	q.query.Select = items
	return err
}

func (q *queryParser) filters() *apierr.Error {
	return q.each(parameterFilter, func(param pair) *apierr.Error {
		at, err := parseTreePath(param.key)
		if err != nil {
			return err
		}
		expr, err := parse("failed to parse filter", param.value, param.value, q.filterExpr)
		switch {
		case err != nil:
			return err
		case expr.Operator == "":
			q.query.Params = append(q.query.Params, RPCParam{at.field.Name, expr.Value})
		default:
			q.query.Filters = append(q.query.Filters, PathFilter{at.path, Filter{at.field, expr}})
		}
		return nil
	})
}

// filterExpr is the grammar of a filter's value; on a call that reads, a text that does not begin like an operator
// expression is an argument.
func (q *queryParser) filterExpr(p *parser, out *OpExpr) result {
	r := p.opExpr(out, wholeOperand)
	if r == emptyErr && q.safeCall {
		*out = OpExpr{Value: p.in}
		return emptyOK
	}
	return r
}
