package request

import (
	"slices"
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

// queryParser collects a Query from the pairs of a query string.
type queryParser struct {
	pairs    []pair
	safeCall bool // values that are no operator expression are arguments
	query    *Query
}

// parseQuery parses a query string into query and returns the windows of its limits and offsets.
func parseQuery(raw string, safeCall bool, query *Query) (windows, *apierr.Error) {
	if raw == "" {
		query.Select = selectAll
		return windows{}, nil
	}
	var buffer [usualPairs]pair // on the stack
	q := queryParser{safeCall: safeCall, query: query}
	var err *apierr.Error
	if q.pairs, err = splitPairs(buffer[:0], raw); err != nil {
		return windows{}, err
	}
	query.Canonical = canonical(q.pairs, raw)
	for i := range q.pairs {
		q.pairs[i].kind = kindOf(q.pairs[i].key)
	}
	if err = q.stages(); err != nil {
		return windows{}, err
	}
	return q.windows()
}

// stages reads the kinds of parameters in PostgREST's order of evaluation: of several errors the first in this order is
// given, whatever the order of the parameters.
func (q *queryParser) stages() *apierr.Error {
	if err := q.order(); err != nil {
		return err
	}
	if err := q.logic(); err != nil {
		return err
	}
	if err := q.columns(); err != nil {
		return err
	}
	if err := q.selection(); err != nil {
		return err
	}
	if err := q.filters(); err != nil {
		return err
	}
	return q.onConflict()
}

// lookup returns the value of the first parameter of that kind; it is absent when that one has no value.
func (q *queryParser) lookup(kind parameterKind) (string, bool) {
	for i := range q.pairs {
		if p := &q.pairs[i]; p.kind == kind {
			return p.value, p.hasValue
		}
	}
	return "", false
}

// is reports whether the parameter is of that kind and has a value; without one it says nothing.
func (p *pair) is(kind parameterKind) bool { return p.kind == kind && p.hasValue }

// count is how many parameters of that kind have a value.
func (q *queryParser) count(kind parameterKind) int {
	n := 0
	for i := range q.pairs {
		if q.pairs[i].is(kind) {
			n++
		}
	}
	return n
}

// locate reads the name of a parameter.
func locate(key string) (treePath, *apierr.Error) {
	var at treePath
	p := parser{in: key}
	if p.treePath(&at).failed() {
		return at, syntaxError("failed to parse tree path", key, key, (*parser).treePath)
	}
	return at, nil
}

func (q *queryParser) order() *apierr.Error {
	for i := range q.pairs {
		param := &q.pairs[i]
		if !param.is(parameterOrder) {
			continue
		}
		at, err := locate(param.key)
		if err != nil {
			return err
		}
		order := PathOrder{Path: at.relations}
		p := parser{in: param.value}
		if p.orderTerms(&order.Terms).failed() {
			return syntaxError("failed to parse order", param.value, param.value, (*parser).orderTerms)
		}
		q.query.Order = append(q.query.Order, order)
	}
	return nil
}

func (q *queryParser) logic() *apierr.Error {
	for i := range q.pairs {
		param := &q.pairs[i]
		if !param.is(parameterLogic) {
			continue
		}
		path, op, err := logicPath(param.key)
		if err != nil {
			return err
		}
		logic := PathLogic{Path: path}
		text := op + param.value
		p := parser{in: text}
		if p.logicTree(&logic.Tree).failed() {
			return syntaxError("failed to parse logic tree", param.value, text, (*parser).logicTree)
		}
		q.query.Logic = append(q.query.Logic, logic)
	}
	return nil
}

// logicPath splits a name such as clients.not.or into the path and the operator with its negation.
func logicPath(key string) (path []string, op string, err *apierr.Error) {
	var at treePath
	p := parser{in: key}
	if p.treeNames(&at).failed() {
		return nil, "", syntaxError("failed to parse logic path", key, key, (*parser).treeNames)
	}
	negated := at.name == "not"
	for _, name := range at.relations {
		if name == "not" {
			negated = true
			continue
		}
		path = append(path, name)
	}
	if negated {
		return path, "not." + at.name, nil
	}
	return path, at.name, nil
}

func (q *queryParser) columns() *apierr.Error {
	text, ok := q.lookup(parameterColumns)
	if !ok {
		return nil
	}
	q.query.HasColumns = true
	p := parser{in: text}
	if p.columnNames(&q.query.Columns).failed() {
		return syntaxError("failed to parse columns parameter", text, text, (*parser).columnNames)
	}
	q.query.Columns = uniqueSorted(q.query.Columns)
	return nil
}

func (q *queryParser) onConflict() *apierr.Error {
	text, ok := q.lookup(parameterOnConflict)
	if !ok {
		return nil
	}
	q.query.HasOnConflict = true
	p := parser{in: text}
	if p.columnNames(&q.query.OnConflict).failed() {
		return syntaxError("failed to parse on_conflict parameter", text, text, (*parser).columnNames)
	}
	return nil
}

// selectAll is what a request without a select parameter selects. Requests share it.
var selectAll = []SelectItem{{Field: Field{Name: "*"}}}

func (q *queryParser) selection() *apierr.Error {
	text, ok := q.lookup(parameterSelect)
	if !ok {
		q.query.Select = selectAll
		return nil
	}
	p := parser{in: text}
	if p.selectForest(&q.query.Select).failed() {
		return syntaxError("failed to parse select parameter", text, text, (*parser).selectForest)
	}
	return nil
}

func (q *queryParser) filters() *apierr.Error {
	left := q.count(parameterFilter)
	for i := range q.pairs {
		param := &q.pairs[i]
		if !param.is(parameterFilter) {
			continue
		}
		at, err := locate(param.key)
		if err != nil {
			return err
		}
		var expr OpExpr
		if err := q.filterValue(param.value, &expr); err != nil {
			return err
		}
		if field := at.field(); expr.Operator == "" {
			q.query.Params = append(slices.Grow(q.query.Params, left), RPCParam{field.Name, expr.Value})
		} else {
			filter := PathFilter{Path: at.relations, Filter: Filter{field, expr}}
			q.query.Filters = append(slices.Grow(q.query.Filters, left), filter)
		}
		left--
	}
	return nil
}

// filterValue reads the value of a filter or, in a call, of an argument.
func (q *queryParser) filterValue(text string, out *OpExpr) *apierr.Error {
	p := parser{in: text}
	if q.safeCall {
		if p.filterExprOrArgument(out).failed() {
			return syntaxError("failed to parse filter", text, text, (*parser).filterExprOrArgument)
		}
		return nil
	}
	if p.filterExpr(out).failed() {
		return syntaxError("failed to parse filter", text, text, (*parser).filterExpr)
	}
	return nil
}

// filterExpr is the grammar of a filter's value.
func (p *parser) filterExpr(out *OpExpr) result { return p.opExpr(out, filterOperand) }

// filterExprOrArgument is filterExpr, but a text that does not begin like an operator expression is an argument.
func (p *parser) filterExprOrArgument(out *OpExpr) result {
	r := p.filterExpr(out)
	if r == emptyErr {
		*out = OpExpr{Value: p.in}
		return emptyOK
	}
	return r
}
