package jsonpath

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (d *parser) or() (e expression) {
	d.within(func() {
		terms := or{d.and()}
		for d.follows("||") {
			terms = append(terms, d.and())
		}
		e = terms
	})
	return e
}

func (d *parser) and() expression {
	terms := and{d.basic()}
	for d.follows("&&") {
		terms = append(terms, d.basic())
	}
	return terms
}

// follows reads an operator with the blanks around it.
func (d *parser) follows(operator string) bool {
	before := d.pos
	d.blanks()
	if !d.accept(operator) {
		d.pos = before
		return false
	}
	d.blanks()
	return true
}

func (d *parser) basic() expression {
	if d.accept("!") {
		d.blanks()
		if strings.HasPrefix(d.rest(), "(") {
			return not{d.parenthesized()}
		}
		return not{d.test(d.term())}
	}
	if strings.HasPrefix(d.rest(), "(") {
		return d.parenthesized()
	}
	left := d.term()
	for _, operator := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if d.follows(operator) {
			return comparison{d.operand(left), d.operand(d.term()), operator}
		}
	}
	return d.test(left)
}

func (d *parser) parenthesized() expression {
	d.expect("(")
	d.blanks()
	e := d.or()
	d.blanks()
	d.expect(")")
	return e
}

// term is a query, a literal or a function; what it may be used for is known from what stands around it. It is one of
// query, operand and expression.
type term any

func (d *parser) term() term {
	rest := d.rest()
	switch {
	case d.accept("@"):
		return d.query(true)
	case d.accept("$"):
		return d.query(false)
	case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "'"):
		return literal{d.quoted()}
	}
	if text := numberForm.FindString(rest); text != "" {
		d.pos += len(text)
		return literal{json.Number(text)}
	}
	word := functionForm.FindString(rest)
	d.pos += len(word)
	switch {
	case word != "" && d.accept("("):
		return d.function(word)
	case word == "true", word == "false":
		return literal{word == "true"}
	case word == "null":
		return literal{nil}
	}
	d.pos -= len(word)
	d.fail("a query, a literal or a function")
	return nil
}

var (
	numberForm   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?`)
	functionForm = regexp.MustCompile(`^[a-z][a-z_0-9]*`)
)

func (d *parser) query(relative bool) (q query) {
	d.within(func() { q = query{relative, d.segments()} })
	return q
}

// test takes a term for a question of its own.
func (d *parser) test(t term) expression {
	switch t := t.(type) {
	case query:
		return exists{t}
	case expression:
		return t
	}
	d.fail("a comparison")
	return nil
}

// operand takes a term for a single value.
func (d *parser) operand(t term) operand {
	switch t := t.(type) {
	case query:
		if t.isSingular() {
			return only{t}
		}
	case operand:
		return t
	}
	d.fail("a single value")
	return nil
}

// nodes takes a term for all that it finds.
func (d *parser) nodes(t term) query {
	q, ok := t.(query)
	if !ok {
		d.fail("a query")
	}
	return q
}

// function reads the arguments of a function and checks their types (RFC 9535, section 2.4).
func (d *parser) function(called string) (t term) {
	d.within(func() {
		switch called {
		case "length":
			t = length{d.operand(d.argument(true))}
		case "count":
			t = count{d.nodes(d.argument(true))}
		case "value":
			t = only{d.nodes(d.argument(true))}
		case "match", "search":
			m := matches{whole: called == "match", text: d.operand(d.argument(false))}
			d.pattern(&m)
			t = m
		default:
			d.fail("one of the functions length, count, value, match and search before this")
		}
	})
	return t
}

// argument reads one argument and what ends it.
func (d *parser) argument(last bool) term {
	d.blanks()
	t := d.term()
	d.blanks()
	if last {
		d.expect(")")
	} else {
		d.expect(",")
	}
	return t
}

// pattern reads the second argument of match() and search().
func (d *parser) pattern(m *matches) {
	m.pattern = d.operand(d.argument(true))
	given, ok := m.pattern.(literal)
	if !ok {
		return
	}
	text, ok := given.of.(string)
	if !ok {
		return // it never matches
	}
	var err error
	if m.compiled, err = compile(text, m.whole); err != nil {
		d.fail("a regular expression before this")
	}
}

// quoted reads a text in single or double quotes.
func (d *parser) quoted() string {
	quote := d.rest()[:1]
	d.pos++
	var out strings.Builder
	for !d.accept(quote) {
		r, size := utf8.DecodeRuneInString(d.rest())
		switch {
		case size == 0, r < ' ':
			d.fail("a closing " + quote)
		case r == '\\':
			d.pos++
			out.WriteRune(d.escape(quote))
		default:
			d.pos += size
			out.WriteRune(r)
		}
	}
	return out.String()
}

var escapes = map[byte]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '/': '/', '\\': '\\'}

// escape reads what follows a backslash.
func (d *parser) escape(quote string) rune {
	if d.accept(quote) {
		return rune(quote[0])
	}
	if !d.accept("u") {
		if d.rest() == "" {
			d.fail("an escaped character")
		}
		r, ok := escapes[d.rest()[0]]
		if !ok {
			d.fail("an escaped character")
		}
		d.pos++
		return r
	}
	r := d.hex()
	if !utf16.IsSurrogate(r) {
		return r
	}
	d.expect(`\u`)
	if r = utf16.DecodeRune(r, d.hex()); r == utf8.RuneError {
		d.fail("a pair of surrogates before this")
	}
	return r
}

func (d *parser) hex() rune {
	const digits = 4
	rest := d.rest()
	if len(rest) < digits {
		d.fail("four hexadecimal digits")
	}
	n, err := strconv.ParseUint(rest[:digits], 16, 16)
	if err != nil {
		d.fail("four hexadecimal digits")
	}
	d.pos += digits
	return rune(n)
}
