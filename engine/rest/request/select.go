package request

import (
	"strconv"
	"unicode/utf8"
)

// maxNesting is how deep embedded relations and logic groups may nest.
const maxNesting = 100

// enter notes one more level of nesting; it fails for good when there are too many.
func (p *parser) enter() result {
	p.depth++
	if p.depth > maxNesting {
		if p.note(p.pos) {
			p.err.msgs = []message{{plain, "nesting is limited to " + strconv.Itoa(maxNesting) + " levels"}}
		}
		return consumedErr
	}
	return p.settle(emptyOK)
}

func (p *parser) leave() { p.depth-- }

// selectForest takes the items of the select parameter or of an embedded relation; there may be none.
func (p *parser) selectForest(out *[]SelectItem) result {
	*out = make([]SelectItem, 0, p.itemsAhead())
	return p.optional(p.separated(func() result {
		last := len(*out)
		*out = append(*out, SelectItem{})
		r := p.selectItem(&(*out)[last])
		if r.failed() {
			*out = (*out)[:last]
		}
		return r
	}, p.lexemeComma))
}

func (p *parser) selectItem(out *SelectItem) result {
	if !p.trace && p.plainColumn(out) {
		return consumedOK
	}
	c := p.choice()
	_ = c.or(p.selectSpread(out)) || c.or(p.selectRelation(out)) || c.or(p.selectField(out))
	return c.end()
}

// plainColumn takes a bare ASCII name that an item can end after. Most items are that, and the alternatives of
// selectItem would come to the same at several times the cost.
func (p *parser) plainColumn(out *SelectItem) bool {
	stop := p.pos
	for stop < len(p.in) && p.in[stop] != ' ' && p.in[stop] < utf8.RuneSelf && identifierChars.ascii[p.in[stop]] {
		stop++
	}
	if stop == p.pos || stop < len(p.in) && p.in[stop] != ',' && p.in[stop] != ')' {
		return false
	}
	out.Field.Name, p.pos = p.in[p.pos:stop], stop
	return true
}

func (p *parser) selectSpread(out *SelectItem) result {
	s := p.sequence()
	_ = s.then(p.spreadHead(out)) && s.then(p.selectChildren(out))
	return s.end()
}

func (p *parser) selectRelation(out *SelectItem) result {
	s := p.sequence()
	_ = s.then(p.relationHead(out)) && s.then(p.selectChildren(out))
	return s.end()
}

// selectChildren takes the items of an embedded relation, in parentheses.
func (p *parser) selectChildren(out *SelectItem) result {
	s := p.sequence()
	_ = s.then(p.enter()) && s.then(p.char('(')) && s.then(p.selectForest(&out.Children)) && s.then(p.char(')'))
	p.leave()
	return s.end()
}

// spreadHead takes ...relation!hint!join when an opening parenthesis follows.
func (p *parser) spreadHead(out *SelectItem) result {
	start := p.pos
	var name string
	var params embedParams
	s := p.sequence()
	if s.then(p.blanks()) && s.then(p.text("...")) && s.then(p.fieldName(&name)) &&
		s.then(p.embedParams(&params)) && s.then(p.ahead("(")) && s.then(p.blanks()) {
		*out = SelectItem{Kind: SelectSpread, Relation: name, Hint: params.hint, Join: params.join}
	}
	return p.try(start, s.end())
}

// relationHead takes alias:relation!hint!join when an opening parenthesis follows. count() is the aggregate.
func (p *parser) relationHead(out *SelectItem) result {
	start := p.pos
	var name, alias string
	var params embedParams
	s := p.sequence()
	if s.then(p.blanks()) && s.then(p.optional(p.alias(&alias))) && s.then(p.fieldName(&name)) &&
		s.then(p.notCount(name)) && s.then(p.embedParams(&params)) && s.then(p.ahead("(")) && s.then(p.blanks()) {
		*out = SelectItem{Kind: SelectRelation, Relation: name, Alias: alias, Hint: params.hint, Join: params.join}
	}
	return p.try(start, s.end())
}

func (p *parser) notCount(name string) result {
	if name == "count" {
		return p.settle(emptyErr)
	}
	return p.settle(emptyOK)
}

// alias takes a name with a single colon after it, or nothing.
func (p *parser) alias(out *string) result {
	start := p.pos
	var name string
	s := p.sequence()
	if s.then(p.fieldName(&name)) && s.then(p.char(':')) && s.then(p.notAhead(colonFollow)) {
		*out = name
	}
	return p.try(start, s.end())
}

// embedParams are the hint and the join type of an embedded relation.
type embedParams struct {
	hint string
	join JoinType
}

// embedParams takes up to two of !hint, !inner and !left; of two of a kind the first counts.
func (p *parser) embedParams(out *embedParams) result {
	s := p.sequence()
	if s.then(p.optional(p.embedParam(out))) {
		s.then(p.optional(p.embedParam(out)))
	}
	return s.end()
}

func (p *parser) embedParam(out *embedParams) result {
	s := p.sequence()
	if !s.then(p.char('!')) {
		return s.end()
	}
	var join JoinType
	var hint string
	c := p.choice()
	switch {
	case c.or(p.tryText("left")):
		join = JoinLeft
	case c.or(p.tryText("inner")):
		join = JoinInner
	default:
		start := p.pos
		c.or(p.try(start, p.fieldName(&hint)))
	}
	if s.then(c.end()) {
		if out.join == JoinDefault {
			out.join = join
		}
		if out.hint == "" {
			out.hint = hint
		}
	}
	return s.end()
}

// selectField takes *, count() or a field with its alias, casts and aggregate.
func (p *parser) selectField(out *SelectItem) result {
	s := p.sequence()
	if s.then(p.blanks()) {
		c := p.choice()
		_ = c.or(p.selectStar(out)) || c.or(p.selectCount(out)) || c.or(p.selectColumn(out))
		_ = s.then(c.end()) && s.then(p.blanks())
	}
	return s.end()
}

func (p *parser) selectStar(out *SelectItem) result {
	start := p.pos
	s := p.sequence()
	if s.then(p.text("*")) && s.then(p.itemEnd()) {
		*out = SelectItem{Field: Field{Name: "*"}}
	}
	return p.try(start, s.end())
}

func (p *parser) selectCount(out *SelectItem) result {
	start := p.pos
	var alias, cast string
	s := p.sequence()
	if s.then(p.optional(p.alias(&alias))) && s.then(p.text("count()")) &&
		s.then(p.optional(p.cast(&cast))) && s.then(p.itemEnd()) {
		*out = SelectItem{Field: Field{Name: "*"}, Aggregate: AggCount, AggregateCast: cast, Alias: alias}
	}
	return p.try(start, s.end())
}

func (p *parser) selectColumn(out *SelectItem) result {
	s := p.sequence()
	_ = s.then(p.optional(p.alias(&out.Alias))) && s.then(p.field(&out.Field)) &&
		s.then(p.optional(p.cast(&out.Cast))) && s.then(p.optional(p.aggregate(&out.Aggregate))) &&
		s.then(p.optional(p.cast(&out.AggregateCast))) && s.then(p.itemEnd())
	return s.end()
}

func (p *parser) cast(out *string) result {
	s := p.sequence()
	_ = s.then(p.text("::")) && s.then(p.identifier(out))
	return s.end()
}

// aggregate takes .sum() and its kind, or nothing.
func (p *parser) aggregate(out *Aggregate) result {
	start := p.pos
	s := p.sequence()
	if !s.then(p.char('.')) {
		return s.end()
	}
	var name Aggregate
	c := p.choice()
	switch {
	case c.or(p.text("sum")):
		name = AggSum
	case c.or(p.text("avg")):
		name = AggAvg
	case c.or(p.text("count")):
		name = AggCount
	case c.or(p.tryText("max")):
		name = AggMax
	case c.or(p.tryText("min")):
		name = AggMin
	}
	if s.then(c.end()) && s.then(p.text("()")) {
		*out = name
	}
	return p.try(start, s.end())
}

// itemEnd succeeds where a select item can end.
func (p *parser) itemEnd() result {
	c := p.choice()
	_ = c.or(p.ahead(")")) || c.or(p.ahead(",")) || c.or(p.end())
	return c.end()
}
