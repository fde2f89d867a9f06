package request

// orderTerms takes the value of an order parameter.
func (p *parser) orderTerms(out *[]OrderTerm) result {
	*out = make([]OrderTerm, 0, p.itemsAhead())
	return p.separated(func() result {
		last := len(*out)
		*out = append(*out, OrderTerm{})
		return p.orderTerm(&(*out)[last])
	}, p.comma)
}

func (p *parser) orderTerm(out *OrderTerm) result {
	s := p.sequence()
	if s.then(p.blanks()) {
		c := p.choice()
		_ = c.or(p.relationOrder(out)) || c.or(p.fieldOrder(out))
		_ = s.then(c.end()) && s.then(p.blanks())
	}
	return s.end()
}

// relationOrder takes relation(field) with its modifiers, or nothing.
func (p *parser) relationOrder(out *OrderTerm) result {
	start := p.pos
	term := OrderTerm{}
	s := p.sequence()
	if s.then(p.fieldName(&term.Relation)) && s.then(p.char('(')) && s.then(p.field(&term.Field)) &&
		s.then(p.char(')')) && s.then(p.orderModifiers(&term)) {
		*out = term
	}
	return p.try(start, s.end())
}

func (p *parser) fieldOrder(out *OrderTerm) result {
	s := p.sequence()
	_ = s.then(p.field(&out.Field)) && s.then(p.orderModifiers(out))
	return s.end()
}

// orderModifiers takes .asc or .desc, then .nullsfirst or .nullslast, then must be at the end of the term.
func (p *parser) orderModifiers(out *OrderTerm) result {
	s := p.sequence()
	if s.then(p.optional(p.orderDirection(&out.Direction))) {
		c := p.choice()
		_ = c.or(p.orderNullsAndEnd(&out.Nulls)) || c.or(p.orderEnd())
		s.then(c.end())
	}
	return s.end()
}

func (p *parser) orderDirection(out *OrderDirection) result {
	c := p.choice()
	switch {
	case c.or(p.tryDotText("asc")):
		*out = OrderAsc
	case c.or(p.tryDotText("desc")):
		*out = OrderDesc
	}
	return c.end()
}

func (p *parser) orderNullsAndEnd(out *NullsOrder) result {
	s := p.sequence()
	_ = s.then(p.optional(p.orderNulls(out))) && s.then(p.orderEnd())
	return s.end()
}

func (p *parser) orderNulls(out *NullsOrder) result {
	c := p.choice()
	switch {
	case c.or(p.tryDotText("nullsfirst")):
		*out = NullsFirst
	case c.or(p.tryDotText("nullslast")):
		*out = NullsLast
	}
	return c.end()
}

func (p *parser) orderEnd() result {
	c := p.choice()
	_ = c.or(p.ahead(",")) || c.or(p.end())
	return c.end()
}
