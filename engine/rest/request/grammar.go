package request

import (
	"fmt"

	"nexus/engine/apierr"
)

// syntaxError says why a grammar failed on a whole parameter. source is how the message names the input, and value what it
// shows of it.
func syntaxError[T any](source, value, in string, grammar func(*parser, *T) result) *apierr.Error {
	failure := explain(in, grammar)
	line, column := lineColumn(in, failure.pos)
	return errSyntax(fmt.Sprintf("\"%s (%s)\" (line %d, column %d)", source, value, line, column), failure.String())
}

// explain runs a grammar that failed again: once to find out where, once to find out what to say.
func explain[T any](in string, grammar func(*parser, *T) result) parseError {
	var failure parseError
	at := nowhere
	for range 2 {
		var discarded T
		p := tracer(in, at)
		grammar(&p, &discarded)
		failure, at = p.err, p.err.pos
	}
	return failure
}

// treePath is a parameter's name: the embedded relations down to a field, nil at the top, and the field.
type treePath struct {
	relations []string
	name      string
	json      []JSONOp
}

func (t *treePath) field() Field { return Field{Name: t.name, Path: t.json} }

func (p *parser) treePath(out *treePath) result {
	s := p.sequence()
	_ = s.then(p.treeNames(out)) && s.then(p.jsonPath(&out.json))
	return s.end()
}

// treeNames takes field names with delimiters (dots) between them.
func (p *parser) treeNames(out *treePath) result {
	names := 0
	return p.separated(func() result {
		var name string
		r := p.fieldName(&name)
		if r.failed() {
			return r
		}
		if names++; names > 1 {
			out.relations = append(out.relations, out.name)
		}
		out.name = name
		return r
	}, p.delimiter)
}

// columnNames takes field names with commas between them.
func (p *parser) columnNames(out *[]string) result {
	return p.separated(func() result {
		var name string
		r := p.fieldName(&name)
		if !r.failed() {
			*out = append(*out, name)
		}
		return r
	}, p.lexemeComma)
}
