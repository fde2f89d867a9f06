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

// queryParser collects a Query from the pairs of a query string.
type queryParser struct {
	parser   parser
	pairs    []pair
	safeCall bool // values that are no operator expression are arguments
	query    *Query
	at       treePath // of the parameter at hand

	pairBuffer [usualPairs]pair
	nameBuffer [4]string
}

// queryStages are the kinds of parameters in PostgREST's order of evaluation: of several errors the first in this order
// is given, whatever the order of the parameters.
var queryStages = [...]func(*queryParser) *apierr.Error{
	(*queryParser).order, (*queryParser).logic, (*queryParser).columns, (*queryParser).selection,
	(*queryParser).filters, (*queryParser).onConflict,
}

// parseQuery parses a query string into query and returns the windows of its limits and offsets.
func parseQuery(raw string, safeCall bool, query *Query) (windows, *apierr.Error) {
	if raw == "" {
		query.Select = selectAll()
		return windows{}, nil
	}
	q := &queryParser{safeCall: safeCall, query: query}
	q.at.names = q.nameBuffer[:0]
	var err *apierr.Error
	if q.pairs, err = splitPairs(q.pairBuffer[:0], raw); err != nil {
		return windows{}, err
	}
	query.Canonical = canonical(q.pairs)
	for i := range q.pairs {
		q.pairs[i].kind = kindOf(q.pairs[i].key)
	}
	for _, stage := range queryStages {
		if err := stage(q); err != nil {
			return windows{}, err
		}
	}
	return q.windows()
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

// each calls f for the parameters of that kind that have a value.
func (q *queryParser) each(kind parameterKind, f func(*pair) *apierr.Error) *apierr.Error {
	for i := range q.pairs {
		p := &q.pairs[i]
		if !p.hasValue || p.kind != kind {
			continue
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// locate reads the name of a parameter into at.
func (q *queryParser) locate(key string) *apierr.Error {
	return parse(&q.parser, "failed to parse tree path", key, key, &q.at, (*parser).treePath)
}

func (q *queryParser) order() *apierr.Error {
	return q.each(parameterOrder, func(param *pair) *apierr.Error {
		if err := q.locate(param.key); err != nil {
			return err
		}
		last := len(q.query.Order)
		q.query.Order = append(q.query.Order, PathOrder{Path: q.at.embedPath()})
		terms := &q.query.Order[last].Terms
		return parse(&q.parser, "failed to parse order", param.value, param.value, terms, (*parser).orderTerms)
	})
}

func (q *queryParser) logic() *apierr.Error {
	return q.each(parameterLogic, func(param *pair) *apierr.Error {
		path, op, err := q.logicPath(param.key)
		if err != nil {
			return err
		}
		last := len(q.query.Logic)
		q.query.Logic = append(q.query.Logic, PathLogic{Path: path})
		tree := &q.query.Logic[last].Tree
		return parse(&q.parser, "failed to parse logic tree", param.value, op+param.value, tree, (*parser).logicTree)
	})
}

// logicPath splits a name such as clients.not.or into the path and the operator with its negation.
func (q *queryParser) logicPath(key string) (path []string, op string, err *apierr.Error) {
	q.at.names = q.at.names[:0]
	if err := parse(&q.parser, "failed to parse logic path", key, key, &q.at.names, (*parser).pathNames); err != nil {
		return nil, "", err
	}
	names := q.at.names
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
	q.query.HasColumns = true
	err := parse(&q.parser, "failed to parse columns parameter", text, text, &q.query.Columns, (*parser).columnNames)
	q.query.Columns = uniqueSorted(q.query.Columns)
	return err
}

func (q *queryParser) onConflict() *apierr.Error {
	text, ok := q.lookup(parameterOnConflict)
	if !ok {
		return nil
	}
	q.query.HasOnConflict = true
	return parse(&q.parser, "failed to parse on_conflict parameter", text, text, &q.query.OnConflict, (*parser).columnNames)
}

func (p *parser) pathNames(out *[]string) result   { return p.names(out, '.') }
func (p *parser) columnNames(out *[]string) result { return p.names(out, ',') }

// selectAll is what a request without a select parameter selects.
func selectAll() []SelectItem { return []SelectItem{{Field: Field{Name: "*"}}} }

func (q *queryParser) selection() *apierr.Error {
	text, ok := q.lookup(parameterSelect)
	if !ok {
		q.query.Select = selectAll()
		return nil
	}
	return parse(&q.parser, "failed to parse select parameter", text, text, &q.query.Select, (*parser).selectForest)
}

func (q *queryParser) filters() *apierr.Error {
	return q.each(parameterFilter, func(param *pair) *apierr.Error {
		if err := q.locate(param.key); err != nil {
			return err
		}
		grammar := (*parser).filterExpr
		if q.safeCall {
			grammar = (*parser).filterExprOrArgument
		}
		last := len(q.query.Filters)
		q.query.Filters = append(q.query.Filters, PathFilter{Path: q.at.embedPath(), Filter: Filter{Field: q.at.field()}})
		expr := &q.query.Filters[last].Filter.Expr
		if err := parse(&q.parser, "failed to parse filter", param.value, param.value, expr, grammar); err != nil {
			return err
		}
		if expr.Operator == "" {
			q.query.Params = append(q.query.Params, RPCParam{q.query.Filters[last].Filter.Field.Name, expr.Value})
			q.query.Filters = q.query.Filters[:last]
		}
		return nil
	})
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
