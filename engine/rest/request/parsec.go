package request

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The grammars of the URL are parsed by plain methods on parser that keep to the rules of the Parsec library, because
// the position and the "unexpected … expecting …" text of a failure reach the client. A grammar runs once without
// recording errors. Only when it fails it runs twice more with trace set, to find the error's position and then to
// collect the messages there, so a well-formed request pays nothing for error texts and a long one that fails little.
// All runs accept the same inputs by construction.

// result tells how a grammar ended: whether it failed, and whether it took anything from the input. A grammar that ends
// empty leaves the position where it was.
type result uint8

const (
	emptyOK     result = 0
	failedBit   result = 1
	consumedBit result = 2
	consumedOK         = consumedBit
	emptyErr           = failedBit
	consumedErr        = failedBit | consumedBit
)

func (r result) failed() bool   { return r&failedBit != 0 }
func (r result) consumed() bool { return r&consumedBit != 0 }

// messageKind orders the messages of an error as they are shown.
type messageKind uint8

const (
	sysUnexpected messageKind = iota // a character that did not fit; "" is the end of input
	unexpected                       // something a grammar refused on purpose
	expected
	plain
)

type message struct {
	kind messageKind
	text string
}

// parseError is what went wrong, or what could have followed, at one position. No messages means unknown.
type parseError struct {
	pos  int
	msgs []message
}

// someMessages stands for the messages of an error at a position that is not asked for.
var someMessages = []message{{plain, ""}}

// expecting replaces what the error says was expected.
func (e parseError) expecting(text string) parseError {
	msgs := []message{{expected, text}}
	for _, m := range e.msgs {
		if m.kind != expected {
			msgs = append(msgs, m)
		}
	}
	return parseError{e.pos, msgs}
}

// String renders the messages on one line, the way PostgREST fills the details of PGRST100.
func (e parseError) String() string {
	if len(e.msgs) == 0 {
		return "unknown parse error"
	}
	var texts [plain + 1][]string
	endOfInput := false
	msgs := slices.Clone(e.msgs)
	slices.SortStableFunc(msgs, func(a, b message) int { return cmp.Compare(a.kind, b.kind) })
	for i, m := range msgs {
		if i == 0 && m == (message{sysUnexpected, ""}) {
			endOfInput = true
		}
		if m.text != "" && !slices.Contains(texts[m.kind], m.text) {
			texts[m.kind] = append(texts[m.kind], m.text)
		}
	}
	var parts []string
	switch {
	case len(texts[unexpected]) > 0:
		parts = append(parts, "unexpected "+joinOr(texts[unexpected]))
	case endOfInput:
		parts = append(parts, "unexpected end of input")
	case len(texts[sysUnexpected]) > 0:
		parts = append(parts, "unexpected "+texts[sysUnexpected][0])
	}
	if len(texts[expected]) > 0 {
		parts = append(parts, "expecting "+joinOr(texts[expected]))
	}
	if len(texts[plain]) > 0 {
		parts = append(parts, joinOr(texts[plain]))
	}
	return strings.Join(parts, " ")
}

func joinOr(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// parser is the state of a run over one input.
type parser struct {
	in    string
	pos   int
	depth int // of nested select or logic levels
	// trace makes the grammars record errors; err is the error that goes with the last result. Messages are collected at
	// the position at only.
	trace bool
	at    int
	err   parseError
	open  []parseError // of the sequences and choices that have not ended

	name nameMemo
}

// nowhere is the position of a run that collects no messages.
const nowhere = -1

// tracer is a parser that records errors, with their messages at the position at.
func tracer(in string, at int) parser { return parser{in: in, trace: true, at: at} }

// peek returns the next character and its width; the width is 0 at the end of the input.
func (p *parser) peek() (rune, int) {
	if p.pos >= len(p.in) {
		return 0, 0
	}
	if c := p.in[p.pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(p.in[p.pos:])
}

// lineColumn turns a position into a line and a column, both from 1; a tab advances to the next multiple of eight.
func lineColumn(in string, pos int) (line, column int) {
	line, column = 1, 1
	for _, c := range in[:min(pos, len(in))] {
		switch c {
		case '\n':
			line, column = line+1, 1
		case '\t':
			column += 8 - (column-1)%8
		default:
			column++
		}
	}
	return line, column
}

// settle ends a grammar with nothing more to say about its result.
func (p *parser) settle(r result) result {
	if p.trace {
		p.err = parseError{pos: p.pos}
	}
	return r
}

// note records an error at pos and reports whether its messages are wanted.
func (p *parser) note(pos int) bool {
	if !p.trace {
		return false
	}
	p.err = parseError{pos, someMessages}
	return pos == p.at
}

// unexpectedAt is the message for the character at pos.
func (p *parser) unexpectedAt(pos int) message {
	if pos >= len(p.in) {
		return message{sysUnexpected, ""}
	}
	c, _ := utf8.DecodeRuneInString(p.in[pos:])
	return message{sysUnexpected, quoteHaskell(string(c))}
}

// merge keeps the error at the later position and joins errors at the same one.
func (p *parser) merge(e, other parseError) parseError {
	switch {
	case len(other.msgs) == 0 && len(e.msgs) > 0:
		return e
	case len(e.msgs) == 0 && len(other.msgs) > 0:
		return other
	case e.pos > other.pos:
		return e
	case e.pos < other.pos:
		return other
	case e.pos != p.at:
		return e
	default:
		return parseError{e.pos, slices.Concat(e.msgs, other.msgs)}
	}
}

// try makes a failure leave the input untouched; start is the position where the grammar began.
func (p *parser) try(start int, r result) result {
	if r.failed() {
		p.pos = start
		return emptyErr
	}
	return r
}

// optional turns an empty failure into an empty success that remembers what could have been there.
func (p *parser) optional(r result) result {
	if r == emptyErr {
		return emptyOK
	}
	return r
}

// label replaces what an empty result expected by a description.
func (p *parser) label(r result, text string) result {
	if p.trace && !r.consumed() && (r.failed() || len(p.err.msgs) > 0) {
		if p.err.pos == p.at {
			p.err = p.err.expecting(text)
		} else {
			p.err.msgs = someMessages
		}
	}
	return r
}

// sequence runs grammars one after the other: _ = s.then(a()) && s.then(b()); return s.end().
type sequence struct {
	p    *parser
	r    result
	open int
}

func (p *parser) sequence() sequence { return sequence{p: p, open: p.begin()} }

func (s *sequence) then(r result) bool {
	if s.p.trace {
		s.p.follow(s.open, r)
	}
	s.r |= r
	return r&failedBit == 0
}

func (s *sequence) end() result {
	if s.p.trace {
		s.p.finish(s.open)
	}
	return s.r
}

// choice runs grammars until one does not fail empty: _ = c.or(a()) || c.or(b()); return c.end().
type choice struct {
	p    *parser
	r    result
	open int
}

func (p *parser) choice() choice { return choice{p: p, open: p.begin()} }

func (c *choice) or(r result) bool {
	if c.p.trace {
		c.p.follow(c.open, r)
	}
	c.r = r
	return r != emptyErr
}

func (c *choice) end() result {
	if c.p.trace {
		c.p.finish(c.open)
	}
	return c.r
}

// begin opens a sequence or choice, whose error so far is kept by the parser: it would take the parser to the heap if it
// were kept beside the pointer to it.
func (p *parser) begin() int {
	if p.trace {
		p.open = append(p.open, parseError{})
	}
	return len(p.open) - 1
}

// follow joins the error of the last result to those before it: what an empty result could have been is still open, and
// is settled as soon as something is consumed.
func (p *parser) follow(open int, r result) {
	if r.consumed() {
		p.open[open] = p.err
	} else {
		p.open[open] = p.merge(p.open[open], p.err)
	}
}

// finish closes a sequence or choice with the error it has come to.
func (p *parser) finish(open int) {
	p.err = p.open[open]
	p.open = p.open[:open]
}

// many repeats step until it fails empty; what its last success could have been continued with is forgotten.
func (p *parser) many(step func() result) result {
	r := emptyOK
	for {
		switch step() {
		case emptyErr:
			return r
		case consumedErr:
			return consumedErr
		default:
			r = consumedOK
		}
	}
}

// manyRecalling is many, but what its last success could have been continued with is kept.
func (p *parser) manyRecalling(step func() result) result {
	r := emptyOK
	var last parseError
	for {
		switch step() {
		case emptyErr:
			if p.trace {
				p.err = p.merge(last, p.err)
			}
			return r
		case consumedErr:
			return consumedErr
		default:
			r = consumedOK
			if p.trace {
				last = p.err
			}
		}
	}
}

// separated is one or more items with separators between them.
func (p *parser) separated(item, separator func() result) result {
	s := p.sequence()
	_ = s.then(item()) && s.then(p.many(func() result {
		s := p.sequence()
		_ = s.then(separator()) && s.then(item())
		return s.end()
	}))
	return s.end()
}

// maxItemsAhead and maxBytesAhead bound what is allocated, and looked at, before a list is read.
const (
	maxItemsAhead = 64
	maxBytesAhead = 512
)

// itemsAhead guesses how many items the list that begins here has, by its commas outside of parentheses.
func (p *parser) itemsAhead() int {
	items, depth := 1, 0
	stop := min(len(p.in), p.pos+maxBytesAhead)
	for i := p.pos; i < stop && items < maxItemsAhead; i++ {
		switch p.in[i] {
		case ',':
			if depth == 0 {
				items++
			}
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return items
			}
			depth--
		}
	}
	return items
}
