package jsonpath

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// expression is what a filter asks of each value.
type expression interface {
	holds(current, root any) bool
}

type (
	or     []expression
	and    []expression
	not    struct{ of expression }
	exists struct{ query query }
	// comparison compares two values, of which each may be missing.
	comparison struct {
		left, right operand
		operator    string
	}
	// matches is match(), for the whole text, or search(), for a part of it.
	matches struct {
		text, pattern operand
		whole         bool
		// compiled is the pattern if it is a literal.
		compiled *regexp.Regexp
	}
)

func (e or) holds(current, root any) bool {
	return slices.ContainsFunc(e, func(x expression) bool { return x.holds(current, root) })
}

func (e and) holds(current, root any) bool {
	return !slices.ContainsFunc(e, func(x expression) bool { return !x.holds(current, root) })
}

func (e not) holds(current, root any) bool { return !e.of.holds(current, root) }

func (e exists) holds(current, root any) bool { return len(e.query.nodes(current, root)) > 0 }

func (e matches) holds(current, root any) bool {
	value, _ := e.text.value(current, root)
	text, ok := value.(string)
	if !ok {
		return false
	}
	compiled := e.compiled
	if compiled == nil {
		pattern, _ := e.pattern.value(current, root)
		source, ok := pattern.(string)
		if !ok {
			return false
		}
		var err error
		if compiled, err = compile(source, e.whole); err != nil {
			return false
		}
	}
	return compiled.MatchString(text)
}

func compile(pattern string, whole bool) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err // as it stands, since what is around it below could complete it
	}
	if whole {
		pattern = `\A(?:` + pattern + `)\z`
	}
	return regexp.Compile(pattern)
}

// holds follows RFC 9535, section 2.3.5.2.2.
func (e comparison) holds(current, root any) bool {
	left, hasLeft := e.left.value(current, root)
	right, hasRight := e.right.value(current, root)
	same := hasLeft == hasRight && (!hasLeft || equal(left, right))
	both := hasLeft && hasRight
	switch e.operator {
	case "==":
		return same
	case "!=":
		return !same
	case "<":
		return both && less(left, right)
	case "<=":
		return same || both && less(left, right)
	case ">":
		return both && less(right, left)
	default: // >=
		return same || both && less(right, left)
	}
}

// number reads a value as a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	default:
		return 0, false
	}
}

func less(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x < y
	}
	x, ok := a.(string)
	y, alsoText := b.(string)
	return ok && alsoText && strings.Compare(x, y) < 0
}

func equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case string, bool, nil, json.Number:
		switch b.(type) {
		case string, bool, nil, json.Number:
			return a == b
		}
	}
	return false
}

// operand is a value in a comparison or an argument; ok is false for one that is missing.
type operand interface {
	value(current, root any) (v any, ok bool)
}

type (
	literal struct{ of any }
	// only is the value of a query that finds exactly one.
	only   struct{ query query }
	length struct{ of operand }
	count  struct{ query query }
)

func (l literal) value(_, _ any) (any, bool) { return l.of, true }

func (o only) value(current, root any) (any, bool) {
	if nodes := o.query.nodes(current, root); len(nodes) == 1 {
		return nodes[0], true
	}
	return nil, false
}

func (l length) value(current, root any) (any, bool) {
	v, _ := l.of.value(current, root)
	switch v := v.(type) {
	case string:
		return float64(utf8.RuneCountInString(v)), true
	case []any:
		return float64(len(v)), true
	case map[string]any:
		return float64(len(v)), true
	default:
		return nil, false
	}
}

func (c count) value(current, root any) (any, bool) {
	return float64(len(c.query.nodes(current, root))), true
}
