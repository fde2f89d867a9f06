package request

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// charSet is a set of characters with what Parsec calls it when one was expected.
type charSet struct {
	ascii    [utf8.RuneSelf]bool
	nonASCII func(rune) bool
	expects  []message
}

func newCharSet(contains func(rune) bool, expects ...string) *charSet {
	set := &charSet{nonASCII: contains}
	for c := range set.ascii {
		set.ascii[c] = contains(rune(c))
	}
	for _, text := range expects {
		set.expects = append(set.expects, message{expected, text})
	}
	return set
}

func noneOf(chars string) *charSet {
	return newCharSet(func(c rune) bool { return !strings.ContainsRune(chars, c) })
}

// The character classes of the grammar.
var (
	identifierChars = newCharSet(func(c rune) bool {
		return unicode.IsLetter(c) || c >= '0' && c <= '9' || c == '_' || c == ' ' || c == '$'
	}, "letter", "digit")
	jsonKeyChars   = noneOf("(-:.,>)")
	unquotedChars  = noneOf(",)")
	arrayChars     = noneOf("{}")
	digitChars     = newCharSet(func(c rune) bool { return c >= '0' && c <= '9' }, "digit")
	blankChars     = newCharSet(func(c rune) bool { return c == ' ' || c == '\t' })
	quotedChars    = noneOf(`\"`)
	anyCharacter   = noneOf("")
	dashFollowSets = newCharSet(func(c rune) bool { return c == '>' }, `">"`)
	colonFollow    = newCharSet(func(c rune) bool { return c == ':' }, `":"`)
)

func (set *charSet) contains(c rune) bool {
	if c < utf8.RuneSelf {
		return set.ascii[c]
	}
	return set.nonASCII(c)
}

// failAt is the error of a character outside the set.
func (p *parser) failAt(pos int, set *charSet) {
	if p.note(pos) {
		p.err.msgs = append([]message{p.unexpectedAt(pos)}, set.expects...)
	}
}

// skipMany takes as many characters of the set as there are.
func (p *parser) skipMany(set *charSet) result {
	start := p.pos
	for p.pos < len(p.in) {
		if c := p.in[p.pos]; c < utf8.RuneSelf {
			if !set.ascii[c] {
				break
			}
			p.pos++
			continue
		}
		c, width := utf8.DecodeRuneInString(p.in[p.pos:])
		if !set.nonASCII(c) {
			break
		}
		p.pos += width
	}
	p.failAt(p.pos, set)
	if p.pos > start {
		return consumedOK
	}
	return emptyOK
}

// rest takes everything up to the end of the input.
func (p *parser) rest() result {
	start := p.pos
	p.pos = len(p.in)
	p.failAt(p.pos, anyCharacter)
	if p.pos > start {
		return consumedOK
	}
	return emptyOK
}

// skipMany1 is skipMany that wants at least one.
func (p *parser) skipMany1(set *charSet) result {
	if r := p.skipMany(set); r.consumed() {
		return r
	}
	return emptyErr
}

// one takes one character of the set.
func (p *parser) one(set *charSet) result {
	if c, width := p.peek(); width > 0 && set.contains(c) {
		p.pos += width
		return p.settle(consumedOK)
	}
	p.failAt(p.pos, set)
	return emptyErr
}

// char takes the ASCII character c.
func (p *parser) char(c byte) result {
	if p.pos < len(p.in) && p.in[p.pos] == c {
		p.pos++
		return p.settle(consumedOK)
	}
	if p.note(p.pos) {
		p.err.msgs = []message{p.unexpectedAt(p.pos), {expected, quoteHaskell(string(c))}}
	}
	return emptyErr
}

// text takes the ASCII text s. A text that differs after its first character fails as consumed, at the position where
// it began, naming the character that differs.
func (p *parser) text(s string) result {
	if strings.HasPrefix(p.in[p.pos:], s) {
		p.pos += len(s)
		return p.settle(consumedOK)
	}
	r := emptyErr
	if p.pos < len(p.in) && p.in[p.pos] == s[0] {
		r = consumedErr
	}
	if p.note(p.pos) {
		differs := p.pos
		for i := 0; differs < len(p.in) && p.in[differs] == s[i]; i++ {
			differs++
		}
		p.err.msgs = []message{p.unexpectedAt(differs), {expected, quoteHaskell(s)}}
	}
	return r
}

// tryText takes the text s or nothing.
func (p *parser) tryText(s string) result {
	start := p.pos
	return p.try(start, p.text(s))
}

// tryTextDot takes the text s with the delimiter after it, or nothing.
func (p *parser) tryTextDot(s string) result {
	start := p.pos
	seq := p.sequence()
	_ = seq.then(p.text(s)) && seq.then(p.delimiter())
	return p.try(start, seq.end())
}

// tryDotText takes the delimiter with the text s after it, or nothing.
func (p *parser) tryDotText(s string) result {
	start := p.pos
	seq := p.sequence()
	_ = seq.then(p.delimiter()) && seq.then(p.text(s))
	return p.try(start, seq.end())
}

// ahead succeeds without taking anything when the text s follows.
func (p *parser) ahead(s string) result {
	start := p.pos
	r := p.try(start, p.text(s))
	if r.failed() {
		return r
	}
	p.pos = start
	return p.settle(emptyOK)
}

// notAhead succeeds without taking anything when no character of the set follows.
func (p *parser) notAhead(set *charSet) result {
	c, width := p.peek()
	if width > 0 && set.contains(c) {
		if p.note(p.pos + width) {
			p.err.msgs = []message{{unexpected, quoteHaskellChar(c)}}
		}
		return emptyErr
	}
	p.failAt(p.pos, set)
	return emptyOK
}

// end succeeds at the end of the input.
func (p *parser) end() result {
	c, width := p.peek()
	atEnd := width == 0
	if p.note(p.pos) {
		p.err.msgs = []message{{sysUnexpected, ""}, {expected, "end of input"}}
		if !atEnd {
			p.err.msgs[0] = message{unexpected, quoteHaskellChar(c)}
		}
	}
	if atEnd {
		return emptyOK
	}
	return emptyErr
}

// blanks skips spaces and tabs.
func (p *parser) blanks() result { return p.skipMany(blankChars) }

// lexemeChar takes c with blanks around it.
func (p *parser) lexemeChar(c byte) result {
	s := p.sequence()
	_ = s.then(p.blanks()) && s.then(p.char(c)) && s.then(p.blanks())
	return s.end()
}

func (p *parser) comma() result       { return p.char(',') }
func (p *parser) lexemeComma() result { return p.lexemeChar(',') }

func (p *parser) delimiter() result { return p.label(p.char('.'), "delimiter (.)") }

// identifier takes letters, digits, _, $ and inner spaces; spaces around it are dropped.
func (p *parser) identifier(out *string) result {
	start := p.pos
	r := p.skipMany1(identifierChars)
	*out = trimSpace(p.in[start:p.pos])
	return r
}

// nameMemo remembers the last name, because the alternatives of a select item begin with the same one.
type nameMemo struct {
	start, end int
	value      string
}

// fieldName takes a quoted name or identifiers joined by dashes.
func (p *parser) fieldName(out *string) result {
	if !p.trace && p.name.end > p.name.start && p.name.start == p.pos {
		*out, p.pos = p.name.value, p.name.end
		return consumedOK
	}
	start := p.pos
	c := p.choice()
	_ = c.or(p.quoted(out)) || c.or(p.dashed(identifierChars, out))
	r := p.label(c.end(), "field name (* or [a..z0..9_$])")
	if r == consumedOK {
		p.name = nameMemo{start, p.pos, *out}
	}
	return r
}

// dashed takes runs of characters joined by dashes that are not arrows; spaces around each run are dropped.
func (p *parser) dashed(set *charSet, out *string) result {
	start := p.pos
	r := p.separated(func() result { return p.skipMany1(set) }, p.dash)
	if r == consumedOK {
		*out = trimRuns(p.in[start:p.pos])
	}
	return r
}

func (p *parser) dash() result {
	start := p.pos
	s := p.sequence()
	_ = s.then(p.char('-')) && s.then(p.notAhead(dashFollowSets))
	return p.try(start, s.end())
}

// trimRuns drops the spaces around each run between dashes.
func trimRuns(s string) string {
	if !strings.ContainsFunc(s, isSpace) {
		return s
	}
	runs := strings.Split(s, "-")
	for i, run := range runs {
		runs[i] = trimSpace(run)
	}
	return strings.Join(runs, "-")
}

func trimSpace(s string) string { return strings.TrimFunc(s, isSpace) }

// isSpace is Haskell's notion of white space.
func isSpace(c rune) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c > utf8.RuneSelf && unicode.Is(unicode.Zs, c)
}

// quoted takes a text in double quotes, where a backslash makes the next character stand for itself.
func (p *parser) quoted(out *string) result {
	s := p.sequence()
	if !s.then(p.char('"')) {
		return s.end()
	}
	start := p.pos
	escaped := false
	body := p.many(func() result {
		c := p.choice()
		_ = c.or(p.one(quotedChars)) || c.or(p.escape(&escaped))
		return c.end()
	})
	stop := p.pos
	if s.then(body) && s.then(p.char('"')) {
		*out = p.in[start:stop]
		if escaped {
			*out = unescape(*out)
		}
	}
	return s.end()
}

func (p *parser) escape(escaped *bool) result {
	s := p.sequence()
	_ = s.then(p.char('\\')) && s.then(p.one(anyCharacter))
	*escaped = *escaped || s.r == consumedOK
	return s.end()
}

// unescape drops the backslashes that make the next character stand for itself.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// quotedWhole takes a quoted text that a value in a list may be: nothing but a comma, a parenthesis or the end follows.
func (p *parser) quotedWhole(out *string) result {
	start := p.pos
	s := p.sequence()
	_ = s.then(p.quoted(out)) && s.then(p.notAhead(unquotedChars))
	return p.try(start, s.end())
}

// unquoted takes everything up to a comma or a closing parenthesis.
func (p *parser) unquoted(out *string) result {
	start := p.pos
	r := p.skipMany(unquotedChars)
	*out = p.in[start:p.pos]
	return r
}

// uniqueSorted sorts names and drops duplicates, in place.
func uniqueSorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
