package request

import "strings"

// operandKind says how far the text goes that an operator takes.
type operandKind uint8

const (
	// filterOperand is the rest of the input.
	filterOperand operandKind = iota
	// logicOperand is quoted, an array in braces, or ends at a separator.
	logicOperand
)

func (p *parser) operand(kind operandKind, out *string) result {
	if kind == logicOperand {
		return p.logicOperand(out)
	}
	*out = p.in[p.pos:]
	return p.rest()
}

var (
	simpleOperators = []Operator{
		OpNeq, OpContains, OpContained, OpOverlap, OpStrictLeft, OpStrictRgt, OpNotExtR, OpNotExtL, OpAdjacent,
	}
	quantifiableOperators = []Operator{OpEq, OpGte, OpGt, OpLte, OpLt, OpLike, OpILike, OpMatch, OpIMatch}
	textSearchOperators   = []Operator{OpFTS, OpPlainFTS, OpPhraseFTS, OpWebFTS}
	isValues              = []IsValue{IsNull, IsNotNull, IsTrue, IsFalse, IsUnknown}
)

// opExpr takes an optional negation and an operator with what it takes.
func (p *parser) opExpr(out *OpExpr, kind operandKind) result {
	*out = OpExpr{}
	s := p.sequence()
	not := p.optional(p.tryTextDot("not"))
	out.Negate = not.consumed()
	if s.then(not) {
		s.then(p.label(p.operation(out, kind), "operator (eq, gt, ...)"))
	}
	return s.end()
}

func (p *parser) operation(out *OpExpr, kind operandKind) result {
	if !p.trace && p.comparison(out) {
		_ = p.operand(kind, &out.Value) // any text is one
		return consumedOK
	}
	c := p.choice()
	_ = c.or(p.inOperation(out)) || c.or(p.isOperation(out)) || c.or(p.isDistinctOperation(out, kind)) ||
		c.or(p.textSearchOperation(out, kind)) || c.or(p.simpleOperation(out, kind)) ||
		c.or(p.quantifiedOperation(out, kind))
	return c.end()
}

// comparison takes one of the usual operators with the delimiter after it. The alternatives of operation would come to the
// same at several times the cost.
func (p *parser) comparison(out *OpExpr) bool {
	word, _, ok := strings.Cut(p.in[p.pos:], ".")
	if !ok {
		return false
	}
	switch op := Operator(word); op {
	case OpEq, OpNeq, OpGt, OpGte, OpLt, OpLte:
		out.Operator = op
		p.pos += len(word) + len(".")
		return true
	default:
		return false
	}
}

func (p *parser) inOperation(out *OpExpr) result {
	s := p.sequence()
	if s.then(p.tryTextDot("in")) && s.then(p.list(&out.List)) {
		out.Operator = OpIn
	}
	return s.end()
}

// list takes values in parentheses; an empty pair is a list of one empty text.
func (p *parser) list(out *[]string) result {
	s := p.sequence()
	if !s.then(p.lexemeChar('(')) {
		return s.end()
	}
	*out = make([]string, 0, p.itemsAhead())
	_ = s.then(p.separated(func() result {
		var value string
		c := p.choice()
		_ = c.or(p.quotedWhole(&value)) || c.or(p.unquoted(&value))
		r := c.end()
		if !r.failed() {
			*out = append(*out, value)
		}
		return r
	}, p.comma)) && s.then(p.lexemeChar(')'))
	return s.end()
}

func (p *parser) isOperation(out *OpExpr) result {
	s := p.sequence()
	if s.then(p.tryTextDot("is")) && s.then(p.isValue(&out.Is)) {
		out.Operator = OpIs
	}
	return s.end()
}

func (p *parser) isValue(out *IsValue) result {
	c := p.choice()
	for _, value := range isValues {
		if c.or(p.tryTextFold(string(value))) {
			*out = value
			break
		}
	}
	return p.label(c.end(), "isVal: (null, not_null, true, false, unknown)")
}

// tryTextFold takes the lower-case text s in any case, or nothing.
func (p *parser) tryTextFold(s string) result {
	start := p.pos
	for i := range len(s) {
		if p.pos == len(p.in) || lowerASCII(p.in[p.pos]) != s[i] {
			if p.note(p.pos) {
				p.err.msgs = []message{p.unexpectedAt(p.pos), {expected, quoteHaskell(s[i : i+1])}}
			}
			return p.try(start, emptyErr)
		}
		p.pos++
	}
	return p.settle(consumedOK)
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (p *parser) isDistinctOperation(out *OpExpr, kind operandKind) result {
	s := p.sequence()
	if s.then(p.tryTextDot("isdistinct")) && s.then(p.operand(kind, &out.Value)) {
		out.Operator = OpIsDistinct
	}
	return s.end()
}

// textSearchOperation takes a full-text operator with an optional language in parentheses.
func (p *parser) textSearchOperation(out *OpExpr, kind operandKind) result {
	start := p.pos
	var op Operator
	s := p.sequence()
	if s.then(p.oneOperator(textSearchOperators, &op)) && s.then(p.optional(p.language(&out.Language))) &&
		s.then(p.delimiter()) && s.then(p.operand(kind, &out.Value)) {
		out.Operator = op
	}
	return p.try(start, s.end())
}

func (p *parser) language(out *string) result {
	start := p.pos
	var name string
	s := p.sequence()
	if s.then(p.char('(')) && s.then(p.identifier(&name)) && s.then(p.char(')')) {
		*out = name
	}
	return p.try(start, s.end())
}

func (p *parser) simpleOperation(out *OpExpr, kind operandKind) result {
	start := p.pos
	var op Operator
	s := p.sequence()
	if s.then(p.oneOperator(simpleOperators, &op)) && s.then(p.delimiter()) && s.then(p.operand(kind, &out.Value)) {
		out.Operator = op
	}
	return p.try(start, s.end())
}

// quantifiedOperation takes an operator that any or all in parentheses may follow.
func (p *parser) quantifiedOperation(out *OpExpr, kind operandKind) result {
	start := p.pos
	var op Operator
	s := p.sequence()
	if s.then(p.oneOperator(quantifiableOperators, &op)) && s.then(p.optional(p.quantifier(&out.Quantifier))) &&
		s.then(p.delimiter()) && s.then(p.operand(kind, &out.Value)) {
		out.Operator = op
	}
	return p.try(start, s.end())
}

func (p *parser) quantifier(out *Quantifier) result {
	start := p.pos
	var quantifier Quantifier
	s := p.sequence()
	if s.then(p.char('(')) {
		c := p.choice()
		switch {
		case c.or(p.tryText("any")):
			quantifier = QuantAny
		case c.or(p.text("all")):
			quantifier = QuantAll
		}
		if s.then(c.end()) && s.then(p.char(')')) {
			*out = quantifier
		}
	}
	return p.try(start, s.end())
}

// oneOperator takes the first operator of the list that the input begins with.
func (p *parser) oneOperator(operators []Operator, out *Operator) result {
	c := p.choice()
	for _, op := range operators {
		if c.or(p.tryText(string(op))) {
			*out = op
			break
		}
	}
	return c.end()
}
