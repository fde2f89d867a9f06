package request

import (
	"fmt"
	"strings"
	"testing"
)

// anyGrammar runs one of the grammars over a text, for tables that hold several. trace is for a run that records errors;
// a failure is explained in any case.
type anyGrammar func(in string, trace bool) (out any, rest string, err *parseError)

func grammarOf[T any](grammar func(*parser, *T) result) anyGrammar {
	return func(in string, trace bool) (any, string, *parseError) {
		var out T
		p := parser{in: in}
		if trace {
			p = tracer(in, nowhere)
		}
		if grammar(&p, &out).failed() {
			failure := explain(in, grammar)
			return nil, "", &failure
		}
		return out, in[p.pos:], nil
	}
}

var grammars = map[string]anyGrammar{
	"forest":   grammarOf((*parser).selectForest),
	"field":    grammarOf((*parser).selectField),
	"relation": grammarOf((*parser).relationHead),
	"spread":   grammarOf((*parser).spreadHead),
	"name":     grammarOf((*parser).fieldName),
	"jsonpath": grammarOf((*parser).jsonPath),
	"order":    grammarOf((*parser).orderTerms),
	"logic":    grammarOf((*parser).logicTree),
	"columns":  grammarOf((*parser).columnNames),
	"operator": grammarOf((*parser).filterExpr),
}

// TestGrammarErrors compares positions and texts with what Parsec gives PostgREST's grammar.
func TestGrammarErrors(t *testing.T) {
	t.Parallel()
	const (
		nameLabel  = `field name (* or [a..z0..9_$])`
		opLabel    = `operator (eq, gt, ...)`
		fieldTail  = `letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input`
		indexTail  = `digit, "->", "::", ".", "," or end of input`
		logicStart = nameLabel + `, negation operator (not) or logic operator (and, or)`
		isLabel    = `isVal: (null, not_null, true, false, unknown)`
	)
	for _, tt := range []struct {
		grammar, in string
		column      int
		want        string
	}{
		{"name", ":", 1, `unexpected ":" expecting ` + nameLabel},
		{"name", `"open`, 6, `unexpected end of input expecting "\\" or "\""`},
		{"name", `"open\`, 7, `unexpected end of input`},
		{"name", "", 1, `unexpected end of input expecting ` + nameLabel},

		{"jsonpath", "->>-78xy", 7, `unexpected 'x' expecting ` + indexTail},
		{"jsonpath", "->>--34", 5, `unexpected "-" expecting digit`},
		{"jsonpath", "->>-xy-4", 5, `unexpected "x" expecting digit`},
		{"jsonpath", "->", 3, `unexpected end of input expecting "-", digit or any non reserved character different from: .,>()`},

		{"forest", "id,clients(name[])", 16, `unexpected '[' expecting ` + fieldTail},
		{"forest", "data->>-78xy", 11, `unexpected 'x' expecting ` + indexTail},
		{"forest", "a,,b", 3, `unexpected "," expecting "...", ` + nameLabel + `, "*" or "count()"`},
		{"forest", "a,b(", 5, `unexpected end of input expecting "...", ` + nameLabel + `, "*", "count()" or ")"`},
		{"forest", "total.median()", 7, `unexpected "m" expecting "sum", "avg", "count", "max" or "min"`},
		{"forest", "total.sum(", 10, `unexpected end of input expecting "()"`},
		{"forest", "a,..x(*)", 3, `unexpected "." expecting "...", ` + nameLabel + `, "*" or "count()"`},
		{"forest", "a->(b", 4, `unexpected "(" expecting "-", digit or any non reserved character different from: .,>()`},
		{"forest", "a?b", 2, `unexpected '?' expecting ` + fieldTail},
		{"forest", "a\u00e9!", 3, `unexpected '!' expecting ` + fieldTail},
		{"forest", "a\u20ac", 2, `unexpected '\8364' expecting ` + fieldTail},
		{"forest", "a\t'", 9, `unexpected '\'' expecting "::", ".", ")", "," or end of input`},

		{"relation", "rel->jsonpath(*)", 6, `unexpected '>'`},
		{"relation", "rel->jsonpath!hint(*)", 6, `unexpected '>'`},
		{"field", "name!hint", 5, `unexpected '!' expecting ` + fieldTail},
		{"field", "*!hint", 2, `unexpected '!' expecting ")", "," or end of input`},
		{"field", "name::", 7, `unexpected end of input expecting letter or digit`},
		{"spread", "rel(*)", 1, `unexpected "r" expecting "..."`},
		{"spread", "alias:...rel(*)", 1, `unexpected "a" expecting "..."`},
		{"spread", "...rel->jsonpath(*)", 9, `unexpected '>'`},

		{"operator", "noop.0", 1, `unexpected "o" expecting "not" or ` + opLabel},
		{"operator", "val", 1, `unexpected "v" expecting "not" or ` + opLabel},
		{"operator", "", 1, `unexpected end of input expecting "not" or ` + opLabel},
		{"operator", "eq", 3, `unexpected end of input expecting ` + opLabel},
		{"operator", "nope.1", 1, `unexpected "p" expecting "not" or ` + opLabel},
		{"operator", "fts().value", 5, `unexpected ")" expecting ` + opLabel},
		{"operator", "eq().value", 4, `unexpected ")" expecting ` + opLabel},
		{"operator", "is().value", 3, `unexpected "(" expecting ` + opLabel},
		{"operator", "in().value", 3, `unexpected "(" expecting ` + opLabel},
		{"operator", "not.not.eq.1", 5, `unexpected "n" expecting ` + opLabel},
		{"operator", "is.5", 4, `unexpected "5" expecting ` + isLabel},
		{"operator", "is.nul", 7, `unexpected end of input expecting ` + isLabel},
		{"operator", "in.1,2", 4, `unexpected "1" expecting "("`},
		{"operator", "in.(1,2", 8, `unexpected end of input expecting "," or ")"`},
		{"operator", "in.(", 5, `unexpected end of input expecting "\"", "," or ")"`},

		{"order", "", 1, `unexpected end of input expecting ` + nameLabel},
		{"order", "clients(name,id)", 8, `unexpected '(' expecting letter, digit, "-", "->>", "->", delimiter (.), "," or end of input`},
		{"order", "id.ac", 4, `unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"order", "id.descc", 8, `unexpected 'c' expecting delimiter (.), "," or end of input`},
		{"order", "id.nulsfist", 4, `unexpected "n" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"order", "id.nullslasttt", 13, `unexpected 't' expecting "," or end of input`},
		{"order", "id.smth34", 4, `unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"order", "id.asc.nlsfst", 8, `unexpected "l" expecting "nullsfirst" or "nullslast"`},
		{"order", "id.asc.nullslasttt", 17, `unexpected 't' expecting "," or end of input`},
		{"order", "id.asc.smth34", 8, `unexpected "s" expecting "nullsfirst" or "nullslast"`},
		{"order", "id.asc.desc", 8, `unexpected "d" expecting "nullsfirst" or "nullslast"`},

		{"logic", "or()", 4, `unexpected ")" expecting ` + logicStart},
		{"logic", "or(id.in.1,2,id.eq.3)", 10, `unexpected "1" expecting "("`},
		{"logic", "or)(", 3, `unexpected ")" expecting "("`},
		{"logic", "and(ord(id.eq.1,id.eq.1),id.eq.2)", 7, `unexpected "d" expecting "("`},
		{"logic", "or(id.eq.1,not.xor(id.eq.2,id.eq.3))", 16, `unexpected "x" expecting logic operator (and, or)`},
		{"logic", "or(id.eq.1", 11, `unexpected end of input expecting "," or ")"`},
		{"logic", "or(id.eq.1,)", 12, `unexpected ")" expecting ` + logicStart},

		{"columns", "", 1, `unexpected end of input expecting ` + nameLabel},
		{"columns", "a,", 3, `unexpected end of input expecting ` + nameLabel},
	} {
		_, _, err := grammars[tt.grammar](tt.in, true)
		if err == nil {
			t.Errorf("%s %q: accepted", tt.grammar, tt.in)
			continue
		}
		line, column := lineColumn(tt.in, err.pos)
		if got := err.String(); line != 1 || column != tt.column || got != tt.want {
			t.Errorf("%s %q:\n got column %d %s\nwant column %d %s", tt.grammar, tt.in, column, got, tt.column, tt.want)
		}
	}
}

// TestGrammarLeavesRest holds texts that a grammar accepts although it does not understand all of them.
func TestGrammarLeavesRest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ grammar, in, rest string }{
		{"forest", "", ""},
		{"forest", "..x(*)", "..x(*)"},
		{"forest", "id)garbage", ")garbage"},
		{"forest", "rel(*)garbage", "garbage"},
		{"jsonpath", "->0,other", ",other"},
		{"jsonpath", "->0.desc", ".desc"},
		{"columns", "a!b", "!b"},
		{"operator", "in.(1,2)garbage", "garbage"},
		{"operator", "is.nullable", "able"},
		{"logic", "or(id.eq.1)garbage", "garbage"},
	} {
		if _, rest, err := grammars[tt.grammar](tt.in, false); err != nil || rest != tt.rest {
			t.Errorf("%s %q: left %q (%v), want %q", tt.grammar, tt.in, rest, err, tt.rest)
		}
	}
}

func TestNestingIsLimited(t *testing.T) {
	t.Parallel()
	nested := func(open, inner string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(")", depth)
	}
	for _, tt := range []struct{ grammar, open, inner string }{
		{"forest", "a(", "id"},
		{"forest", "...a(", "id"},
		{"logic", "and(", "id.eq.1"},
		{"logic", "not.or(", "id.eq.1"},
	} {
		if _, rest, err := grammars[tt.grammar](nested(tt.open, tt.inner, maxNesting), false); err != nil || rest != "" {
			t.Errorf("%s: %d levels of %q were refused", tt.grammar, maxNesting, tt.open)
		}
		_, _, err := grammars[tt.grammar](nested(tt.open, tt.inner, maxNesting+1), true)
		if want := fmt.Sprintf("nesting is limited to %d levels", maxNesting); err == nil || err.String() != want {
			t.Errorf("%s: %d levels of %q: got %v, want %s", tt.grammar, maxNesting+1, tt.open, err, want)
		}
		if _, _, err := grammars[tt.grammar](nested(tt.open, tt.inner, 1_000_000), false); err == nil {
			t.Errorf("%s: a million levels of %q were accepted", tt.grammar, tt.open)
		}
	}
}

func TestLineColumn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in           string
		pos          int
		line, column int
	}{
		{"abc", 0, 1, 1},
		{"abc", 3, 1, 4},
		{"\u00e9\u20acx", 5, 1, 3},
		{"a\nbc", 3, 2, 2},
		{"\tx", 1, 1, 9},
		{"abc\tx", 4, 1, 9},
	} {
		if line, column := lineColumn(tt.in, tt.pos); line != tt.line || column != tt.column {
			t.Errorf("%q at %d: got %d:%d, want %d:%d", tt.in, tt.pos, line, column, tt.line, tt.column)
		}
	}
}

func TestQuoteHaskell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a":          `"a"`,
		`"\'`:        `"\"\\'"`,
		"\x00\n\x7f": `"\NUL\n\DEL"`,
		"\u00e91":    `"\233\&1"`,
		"\x0eH":      `"\SO\&H"`,
		"\u20ac":     `"\8364"`,
	} {
		if got := quoteHaskell(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[rune]string{'a': `'a'`, '\'': `'\''`, '"': `'"'`, '\t': `'\t'`, '\u00e9': `'\233'`} {
		if got := quoteHaskellChar(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
