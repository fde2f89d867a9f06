package request

import (
	"fmt"
	"slices"

	"nexus/engine/apierr"
)

// parse runs a grammar over a whole parameter; the grammar need not take all of it. source is how an error's message
// names the input, and value what it shows of it.
func parse[T any](p *parser, source, value, in string, out *T, grammar func(*parser, *T) result) *apierr.Error {
	p.reset(in)
	if !grammar(p, out).failed() {
		return nil
	}
	failure := explain(p, in, grammar)
	line, column := lineColumn(in, failure.pos)
	return errSyntax(fmt.Sprintf("\"%s (%s)\" (line %d, column %d)", source, value, line, column), failure.String())
}

// explain runs a grammar that failed again: once to find out where, once to find out what to say.
func explain[T any](p *parser, in string, grammar func(*parser, *T) result) parseError {
	at := nowhere
	for range 2 {
		var discarded T
		p.resetTrace(in, at)
		grammar(p, &discarded)
		at = p.err.pos
	}
	return p.err
}

// treePath is a parameter's name: the names of the embedded relations down to a field.
type treePath struct {
	names []string
	json  []JSONOp
}

// embedPath is the path of the level; it is nil for the top.
func (t *treePath) embedPath() []string {
	if len(t.names) < 2 {
		return nil
	}
	return slices.Clone(t.names[:len(t.names)-1])
}

func (t *treePath) field() Field { return Field{Name: t.names[len(t.names)-1], Path: t.json} }

func (p *parser) treePath(out *treePath) result {
	s := p.sequence()
	out.names = out.names[:0]
	_ = s.then(p.names(&out.names, '.')) && s.then(p.jsonPath(&out.json))
	return s.end()
}

// names takes field names with delimiters (dots) or commas between them.
func (p *parser) names(out *[]string, separator byte) result {
	return p.separated(func() result {
		var name string
		r := p.fieldName(&name)
		if !r.failed() {
			*out = append(*out, name)
		}
		return r
	}, func() result {
		if separator == '.' {
			return p.delimiter()
		}
		return p.lexemeChar(separator)
	})
}
