package request

import (
	"fmt"

	"nexus/engine/apierr"
)

// parse runs a grammar over a whole parameter. The grammar need not take all of the input. When it fails it runs again
// with errors recorded; source is how the message names the input.
func parse[T any](source, value, in string, grammar func(*parser, *T) result) (T, *apierr.Error) {
	var out T
	p := parser{in: in}
	if !grammar(&p, &out).failed() {
		return out, nil
	}
	var discarded T
	p = parser{in: in, trace: true}
	grammar(&p, &discarded)
	line, column := lineColumn(in, p.err.pos)
	return out, errSyntax(fmt.Sprintf("\"%s (%s)\" (line %d, column %d)", source, value, line, column), p.err.String())
}

// treePath is a parameter's name: the names of the embedded relations down to a field.
type treePath struct {
	path  []string
	field Field
}

func parseTreePath(key string) (treePath, *apierr.Error) {
	return parse("failed to parse tree path", key, key, func(p *parser, out *treePath) result {
		s := p.sequence()
		if s.then(p.names(&out.path, p.delimiter)) {
			last := len(out.path) - 1
			out.field.Name = out.path[last]
			if out.path = out.path[:last]; last == 0 {
				out.path = nil
			}
			s.then(p.jsonPath(&out.field.Path))
		}
		return s.end()
	})
}

// names takes field names with separators between them.
func (p *parser) names(out *[]string, separator func() result) result {
	return p.separated(func() result {
		var name string
		r := p.fieldName(&name)
		if !r.failed() {
			*out = append(*out, name)
		}
		return r
	}, separator)
}
