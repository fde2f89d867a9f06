package request

// maxNesting is how deep embedded relations and logic groups may nest.
const maxNesting = 100

// enter notes one more level of nesting; it fails for good when there are too many.
func (p *parser) enter() result {
	p.depth++
	if p.depth > maxNesting {
		return p.fail(consumedErr, p.pos, message{plain, "nesting is limited to 100 levels"})
	}
	return p.succeed(emptyOK)
}

func (p *parser) leave() { p.depth-- }

// selectForest takes the items of the select parameter or of an embedded relation; there may be none.
func (p *parser) selectForest(out *[]SelectItem) result {
	return p.optional(p.separated(func() result {
		var item SelectItem
		r := p.selectItem(&item)
		if !r.failed() {
			*out = append(*out, item)
		}
		return r
	}, p.lexemeComma))
}

func (p *parser) selectItem(out *SelectItem) result {
	c := p.choice()
	_ = c.or(p.selectNested(out, p.spreadHead)) || c.or(p.selectNested(out, p.relationHead)) || c.or(p.selectField(out))
	return c.end()
}

// selectNested takes a relation's head and its children in parentheses.
func (p *parser) selectNested(out *SelectItem, head func(*SelectItem) result) result {
	s := p.sequence()
	if s.then(head(out)) {
		_ = s.then(p.enter()) && s.then(p.char('(')) && s.then(p.selectForest(&out.Children)) && s.then(p.char(')'))
		p.leave()
	}
	return s.end()
}

// spreadHead takes ...relation!hint!join when an opening parenthesis follows.
func (p *parser) spreadHead(out *SelectItem) result {
	start := p.pos
	item := SelectItem{Kind: SelectSpread}
	s := p.sequence()
	if s.then(p.blanks()) && s.then(p.text("...")) && s.then(p.fieldName(&item.Relation)) &&
		s.then(p.embedParams(&item)) && s.then(p.ahead("(")) && s.then(p.blanks()) {
		*out = item
	}
	return p.try(start, s.end())
}

// relationHead takes alias:relation!hint!join when an opening parenthesis follows. count() is the aggregate.
func (p *parser) relationHead(out *SelectItem) result {
	start := p.pos
	item := SelectItem{Kind: SelectRelation}
	s := p.sequence()
	if s.then(p.blanks()) && s.then(p.optional(p.alias(&item.Alias))) && s.then(p.fieldName(&item.Relation)) &&
		s.then(p.notCount(item.Relation)) && s.then(p.embedParams(&item)) && s.then(p.ahead("(")) && s.then(p.blanks()) {
		*out = item
	}
	return p.try(start, s.end())
}

func (p *parser) notCount(name string) result {
	if name == "count" {
		return p.fail(emptyErr, p.pos)
	}
	return p.succeed(emptyOK)
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

// embedParams takes up to two of !hint, !inner and !left; of two of a kind the first counts.
func (p *parser) embedParams(out *SelectItem) result {
	s := p.sequence()
	if s.then(p.optional(p.embedParam(out))) {
		s.then(p.optional(p.embedParam(out)))
	}
	return s.end()
}

func (p *parser) embedParam(out *SelectItem) result {
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
		if out.Join == JoinDefault {
			out.Join = join
		}
		if out.Hint == "" {
			out.Hint = hint
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
	item := SelectItem{Field: Field{Name: "*"}, Aggregate: AggCount}
	s := p.sequence()
	if s.then(p.optional(p.alias(&item.Alias))) && s.then(p.text("count()")) &&
		s.then(p.optional(p.cast(&item.AggregateCast))) && s.then(p.itemEnd()) {
		*out = item
	}
	return p.try(start, s.end())
}

func (p *parser) selectColumn(out *SelectItem) result {
	item := SelectItem{}
	s := p.sequence()
	if s.then(p.optional(p.alias(&item.Alias))) && s.then(p.field(&item.Field)) &&
		s.then(p.optional(p.cast(&item.Cast))) && s.then(p.optional(p.aggregate(&item.Aggregate))) &&
		s.then(p.optional(p.cast(&item.AggregateCast))) && s.then(p.itemEnd()) {
		*out = item
	}
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
