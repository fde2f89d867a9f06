package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is how deep parentheses, functions and queries in filters may be in one another.
	maxDepth = 50
	// maxInteger is the largest index (RFC 9535, section 2.1, after RFC 7493).
	maxInteger = 1<<53 - 1
)

// Error is a query that is none. It names what was expected, and at which character, counted from one.
type Error struct {
	At   int
	Want string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("expected %s at character %d", e.Want, e.At) }

// Parse parses a query, which begins with $. Its error is an *Error.
func Parse(text string) (p *Path, err error) {
	d := parser{text: text}
	defer func() {
		if failed := recover(); failed != nil {
			problem, ok := failed.(*Error)
			if !ok {
				panic(failed)
			}
			p, err = nil, problem
		}
	}()
	if !utf8.ValidString(text) {
		d.fail("UTF-8")
	}
	d.expect("$")
	p = &Path{text: text, segments: d.segments()}
	if d.pos < len(text) {
		d.fail("a segment or the end")
	}
	return p, nil
}

// parser reads a query from left to right. It panics with an *Error, which Parse returns.
type parser struct {
	text  string
	pos   int
	depth int
}

func (d *parser) fail(want string) {
	panic(&Error{At: utf8.RuneCountInString(d.text[:d.pos]) + 1, Want: want})
}

func (d *parser) rest() string { return d.text[d.pos:] }

func (d *parser) accept(token string) bool {
	if strings.HasPrefix(d.rest(), token) {
		d.pos += len(token)
		return true
	}
	return false
}

func (d *parser) expect(token string) {
	if !d.accept(token) {
		d.fail(`"` + token + `"`)
	}
}

func (d *parser) blanks() { d.pos = len(d.text) - len(strings.TrimLeft(d.rest(), " \t\n\r")) }

// within reads something that may hold its like.
func (d *parser) within(read func()) {
	if d.depth++; d.depth > maxDepth {
		d.fail("less nesting")
	}
	read()
	d.depth--
}

func (d *parser) segments() []segment {
	var out []segment
	for {
		start := d.pos
		d.blanks()
		switch {
		case d.accept(".."):
			out = append(out, segment{descend: true, selectors: d.shorthandOrBrackets()})
		case d.accept("."):
			out = append(out, segment{selectors: []selector{d.shorthand()}})
		case d.accept("["):
			out = append(out, segment{selectors: d.brackets()})
		default:
			d.pos = start // blanks belong to what follows
			return out
		}
	}
}

func (d *parser) shorthandOrBrackets() []selector {
	if d.accept("[") {
		return d.brackets()
	}
	return []selector{d.shorthand()}
}

func isNameStart(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
}

// shorthand reads what follows a dot: a star or a name.
func (d *parser) shorthand() selector {
	if d.accept("*") {
		return wildcard{}
	}
	rest := d.rest()
	first, _ := utf8.DecodeRuneInString(rest)
	if rest == "" || !isNameStart(first) {
		d.fail("a name or *")
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !isNameStart(r) && (r < '0' || r > '9') })
	if end < 0 {
		end = len(rest)
	}
	d.pos += end
	return name(rest[:end])
}

// brackets reads selectors up to the closing bracket.
func (d *parser) brackets() []selector {
	var out []selector
	for {
		d.blanks()
		out = append(out, d.selector())
		d.blanks()
		if d.accept("]") {
			return out
		}
		if !d.accept(",") {
			d.fail(`"," or "]"`)
		}
	}
}

func (d *parser) selector() selector {
	rest := d.rest()
	switch {
	case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "'"):
		return name(d.quoted())
	case d.accept("*"):
		return wildcard{}
	case d.accept("?"):
		d.blanks()
		return filter{d.or()}
	default:
		return d.indexOrSlice()
	}
}

func (d *parser) indexOrSlice() selector {
	start := d.optionalInteger()
	before := d.pos
	d.blanks()
	if !d.accept(":") {
		d.pos = before
		if start == nil {
			d.fail("a selector")
		}
		return index(*start)
	}
	d.blanks()
	s := slice{start: start, end: d.optionalInteger(), step: 1}
	before = d.pos
	d.blanks()
	if !d.accept(":") {
		d.pos = before
		return s
	}
	before = d.pos
	d.blanks()
	if step := d.optionalInteger(); step != nil {
		s.step = *step
	} else {
		d.pos = before
	}
	return s
}

// optionalInteger reads an integer without leading zeros; -0 is none.
func (d *parser) optionalInteger() *int {
	digits := strings.TrimPrefix(d.rest(), "-")
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	negative := len(d.rest()) - len(digits)
	switch {
	case end == 0 && negative == 0:
		return nil
	case end == 0, digits[0] == '0' && (end > 1 || negative > 0):
		d.fail("an integer")
	}
	n, err := strconv.ParseInt(d.rest()[:negative+end], 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger {
		d.fail("a smaller integer")
	}
	d.pos += negative + end
	whole := int(n)
	return &whole
}
