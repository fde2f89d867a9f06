package request

// logicTree takes a filter, or and/or with trees in parentheses.
func (p *parser) logicTree(out *LogicTree) result {
	c := p.choice()
	if c.or(p.logicFilter(out)) {
		return c.end()
	}
	*out = LogicTree{}
	s := p.sequence()
	if s.then(p.logicNot(&out.Negate)) && s.then(p.logicOperator(&out.Or)) && s.then(p.lexemeChar('(')) && s.then(p.enter()) {
		out.Children = make([]LogicTree, 0, p.itemsAhead())
		_ = s.then(p.separated(func() result {
			last := len(out.Children)
			out.Children = append(out.Children, LogicTree{})
			return p.logicTree(&out.Children[last])
		}, p.lexemeComma)) && s.then(p.lexemeChar(')'))
		p.leave()
	}
	c.or(s.end())
	return c.end()
}

// logicFilter takes field.operator.value, or nothing.
func (p *parser) logicFilter(out *LogicTree) result {
	start := p.pos
	var field Field
	s := p.sequence()
	if s.then(p.field(&field)) && s.then(p.delimiter()) {
		filter := &Filter{Field: field}
		if s.then(p.opExpr(&filter.Expr, logicOperand)) {
			*out = LogicTree{Filter: filter}
		}
	}
	return p.try(start, s.end())
}

func (p *parser) logicNot(out *bool) result {
	r := p.optional(p.tryTextDot("not"))
	*out = r.consumed()
	return p.label(r, "negation operator (not)")
}

func (p *parser) logicOperator(or *bool) result {
	c := p.choice()
	if !c.or(p.tryText("and")) {
		*or = c.or(p.text("or"))
	}
	return p.label(c.end(), "logic operator (and, or)")
}

// logicOperand takes a quoted text, a PostgreSQL array in braces, or everything up to a separator.
func (p *parser) logicOperand(out *string) result {
	c := p.choice()
	_ = c.or(p.quotedWhole(out)) || c.or(p.arrayLiteral(out)) || c.or(p.unquoted(out))
	return c.end()
}

func (p *parser) arrayLiteral(out *string) result {
	start := p.pos
	s := p.sequence()
	if s.then(p.char('{')) && s.then(p.skipMany(arrayChars)) && s.then(p.char('}')) {
		*out = p.in[start:p.pos]
	}
	return p.try(start, s.end())
}
