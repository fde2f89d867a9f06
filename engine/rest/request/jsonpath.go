package request

// field takes a name with an optional JSON path, and the blanks around them.
func (p *parser) field(out *Field) result {
	s := p.sequence()
	_ = s.then(p.blanks()) && s.then(p.fieldName(&out.Name)) && s.then(p.jsonPath(&out.Path)) && s.then(p.blanks())
	return s.end()
}

// jsonPath takes any number of -> and ->> with their keys or indexes.
func (p *parser) jsonPath(out *[]JSONOp) result {
	*out = nil
	return p.manyRecalling(func() result {
		var op JSONOp
		s := p.sequence()
		if s.then(p.jsonArrow(&op)) && s.then(p.jsonOperand(&op)) {
			*out = append(*out, op)
		}
		return s.end()
	})
}

func (p *parser) jsonArrow(op *JSONOp) result {
	c := p.choice()
	if c.or(p.tryText("->>")) {
		op.AsText = true
		return c.end()
	}
	c.or(p.tryText("->"))
	return c.end()
}

func (p *parser) jsonOperand(op *JSONOp) result {
	c := p.choice()
	if c.or(p.jsonIndex(op)) {
		op.Index = true
		return c.end()
	}
	c.or(p.jsonKey(op))
	return c.end()
}

// jsonIndex takes a number that is the whole operand.
func (p *parser) jsonIndex(op *JSONOp) result {
	start := p.pos
	s := p.sequence()
	if s.then(p.optional(p.char('-'))) && s.then(p.skipMany1(digitChars)) {
		op.Operand = p.in[start:p.pos]
		s.then(p.jsonIndexEnd())
	}
	return p.try(start, s.end())
}

func (p *parser) jsonIndexEnd() result {
	c := p.choice()
	_ = c.or(p.ahead("->")) || c.or(p.ahead("::")) || c.or(p.ahead(".")) || c.or(p.ahead(",")) || c.or(p.end())
	return c.end()
}

func (p *parser) jsonKey(op *JSONOp) result {
	start := p.pos
	c := p.choice()
	_ = c.or(p.quoted(&op.Operand)) || c.or(p.dashed(jsonKeyChars, &op.Operand))
	return p.try(start, p.label(c.end(), "any non reserved character different from: .,>()"))
}
