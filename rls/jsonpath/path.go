package jsonpath

import (
	"maps"
	"slices"
)

// Path is a parsed query. It may be used by several goroutines at once.
type Path struct {
	text     string
	segments []segment
}

// String returns the query as it was parsed.
func (p *Path) String() string { return p.text }

// All returns the values that the query finds, in order. Values are those of encoding/json, with numbers as json.Number or
// float64.
func (p *Path) All(root any) []any { return query{segments: p.segments}.nodes(root, root) }

// First returns the first value that the query finds; ok is false when it finds none.
func (p *Path) First(root any) (value any, ok bool) {
	if nodes := p.All(root); len(nodes) > 0 {
		return nodes[0], true
	}
	return nil, false
}

// query is a path from the root, or in a filter also from the value that is looked at.
type query struct {
	relative bool
	segments []segment
}

// nodes finds values; current is what a relative query starts from.
func (q query) nodes(current, root any) []any {
	nodes := []any{root}
	if q.relative {
		nodes[0] = current
	}
	for _, s := range q.segments {
		var next []any
		for _, node := range nodes {
			next = s.walk(next, node, root)
		}
		nodes = next
	}
	return nodes
}

// isSingular reports whether the query finds at most one value, whatever it is asked of.
func (q query) isSingular() bool {
	return !slices.ContainsFunc(q.segments, func(s segment) bool {
		if s.descend || len(s.selectors) != 1 {
			return true
		}
		switch s.selectors[0].(type) {
		case name, index:
			return false
		default:
			return true
		}
	})
}

// segment is a step of a query: what its selectors pick of a value, or of it and all that is in it.
type segment struct {
	descend   bool
	selectors []selector
}

// walk appends what the segment finds.
func (s segment) walk(found []any, node, root any) []any {
	for _, pick := range s.selectors {
		found = pick.pick(found, node, root)
	}
	if s.descend {
		for _, child := range children(node) {
			found = s.walk(found, child, root)
		}
	}
	return found
}

// children are the elements of an array, or the members of an object by their names.
func children(node any) []any {
	switch node := node.(type) {
	case []any:
		return node
	case map[string]any:
		out := make([]any, 0, len(node))
		for _, key := range slices.Sorted(maps.Keys(node)) {
			out = append(out, node[key])
		}
		return out
	default:
		return nil
	}
}

// selector picks values that are directly in another, and appends them.
type selector interface {
	pick(found []any, node, root any) []any
}

type (
	name     string
	index    int
	wildcard struct{}
	// slice is [start:end:step]; nil is not given.
	slice struct {
		start, end *int
		step       int
	}
	filter struct{ test expression }
)

func (n name) pick(found []any, node, _ any) []any {
	object, _ := node.(map[string]any)
	if value, ok := object[string(n)]; ok {
		return append(found, value)
	}
	return found
}

func (i index) pick(found []any, node, _ any) []any {
	array, _ := node.([]any)
	at := int(i)
	if at < 0 {
		at += len(array)
	}
	if at < 0 || at >= len(array) {
		return found
	}
	return append(found, array[at])
}

func (wildcard) pick(found []any, node, _ any) []any { return append(found, children(node)...) }

// pick follows RFC 9535, section 2.3.4.2.2.
func (s slice) pick(found []any, node, _ any) []any {
	array, _ := node.([]any)
	n := len(array)
	// A step beyond the array takes one element, as the longest step within it does; the sum stays in range.
	step := min(max(s.step, -n-1), n+1)
	switch {
	case step > 0:
		for i := bound(s.start, 0, n, 0, n); i < bound(s.end, n, n, 0, n); i += step {
			found = append(found, array[i])
		}
	case step < 0:
		for i := bound(s.start, n-1, n, -1, n-1); i > bound(s.end, -1, n, -1, n-1); i += step {
			found = append(found, array[i])
		}
	}
	return found
}

// bound is where a slice of n elements starts or ends: where it says, counted from the end if that is negative, but between
// lowest and highest.
func bound(given *int, otherwise, n, lowest, highest int) int {
	if given == nil {
		return otherwise
	}
	at := *given
	if at < 0 {
		at += n
	}
	return min(max(at, lowest), highest)
}

func (f filter) pick(found []any, node, root any) []any {
	for _, child := range children(node) {
		if f.test.holds(child, root) {
			found = append(found, child)
		}
	}
	return found
}
