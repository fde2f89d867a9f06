package query

import (
	"errors"
	"fmt"

	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/rows"
)

// errNothingToRead means a plan without rows.
var errNothingToRead = errors.New("query: the plan needs no statement")

// template is the SQL of all plans of one shape: the texts, and which values they take in which order.
type template struct {
	main      text
	count     text
	countPlan text
	formats   []int16
	plain     bool
	format    rows.Format
}

type text struct {
	sql    string
	params []plan.Param
}

var mainFormats = []int16{ColumnBody: 1, Columns - 1: 0}

// newTemplate builds the SQL for a plan, which answers with the rows themselves if it can and that is allowed.
func newTemplate(p *plan.Plan, allowPlain bool) (*template, error) {
	if p.Read == nil {
		return nil, errNothingToRead
	}
	t := &template{}
	t.format, t.plain = plainFormat(p)
	t.plain = t.plain && allowPlain
	var main sq.Sqlizer
	switch {
	case t.plain:
		main = plainStatement(p, t.format)
	case p.Media.Plan != nil:
		main = explained(p, mainStatement(p))
	default:
		main, t.formats = mainStatement(p), mainFormats
	}
	var err error
	if t.main, err = render(main); err != nil {
		return nil, err
	}
	if t.plain && p.Count.Exact {
		if t.count, err = render(plainCount(p)); err != nil {
			return nil, err
		}
	}
	if p.Count.Planned {
		t.countPlan, err = render(sql("EXPLAIN (FORMAT JSON) ").add(countedRows(p.Read)))
	}
	return t, err
}

// render turns squirrel's notation into PostgreSQL's.
func render(s sq.Sqlizer) (text, error) {
	statement, args, err := s.ToSql()
	if err != nil {
		return text{}, fmt.Errorf("query: %w", err)
	}
	if statement, err = sq.Dollar.ReplacePlaceholders(statement); err != nil {
		return text{}, fmt.Errorf("query: %w", err)
	}
	t := text{sql: statement, params: make([]plan.Param, len(args))}
	for i, arg := range args {
		param, ok := arg.(plan.Param)
		if !ok {
			return text{}, fmt.Errorf("query: argument %d is a %T", i+1, arg)
		}
		t.params[i] = param
	}
	return t, nil
}

// fill gives the template the values of a plan.
func (t *template) fill(p *plan.Plan) *Query {
	q := &Query{Main: t.main.fill(p), MainFormats: t.formats, CountPlan: t.countPlan.fill(p), Plain: t.plain, Format: t.format}
	if t.plain {
		q.Response, q.Count = response, t.count.fill(p)
	}
	return q
}

func (t *text) fill(p *plan.Plan) Statement {
	s := Statement{SQL: t.sql}
	if len(t.params) > 0 {
		s.Args = make([][]byte, len(t.params))
	}
	for i, param := range t.params {
		s.Args[i] = p.Value(param)
	}
	return s
}

// Build builds the statements of a plan whose Read is set.
func Build(p *plan.Plan) (*Query, error) { return build(p, true) }

// BuildAggregated builds them without taking the rows themselves for an answer, as PostgreSQL can make JSON of any type.
func BuildAggregated(p *plan.Plan) (*Query, error) { return build(p, false) }

func build(p *plan.Plan, allowPlain bool) (*Query, error) {
	t, err := newTemplate(p, allowPlain)
	if err != nil {
		return nil, err
	}
	return t.fill(p), nil
}
