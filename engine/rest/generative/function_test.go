package generative

import (
	"fmt"
	"slices"
	"strings"

	"nexus/schema"
)

// function is one that returns rows of a table.
type function struct {
	name   schema.Ident
	params []schema.Parameter
	// required is how many parameters have no default; they come first.
	required int
}

// functions finds those of a table that take numbers and texts.
func (x *explorer) functions(t *table, snap *schema.Snapshot) {
	for _, overloads := range snap.Routines {
		for _, r := range overloads {
			if len(overloads) > 1 || !r.Return.SetOf || !r.Return.Composite || r.Return.Type != t.id || r.Schema != t.id.Schema {
				continue
			}
			f := &function{name: r.Ident, params: r.Params}
			simple := true
			for _, p := range r.Params {
				simple = simple && slices.Contains([]string{"integer", "numeric", "text"}, p.Type)
				if p.Required {
					f.required++
				}
			}
			if simple {
				t.functions = append(t.functions, f)
			}
		}
	}
	slices.SortFunc(t.functions, func(a, b *function) int { return strings.Compare(a.name.Name, b.name.Name) })
}

// call makes up a call.
func (g *generator) call(t *table) *call {
	c := &call{function: pick(g, t.functions)}
	g.arguments(c, c.function.required+g.IntN(len(c.function.params)-c.function.required+1))
	return c
}

// arguments makes up the first so many arguments of a call.
func (g *generator) arguments(c *call, given int) {
	c.args = make([]string, given)
	for i := range c.args {
		if c.args[i] = pick(g, []string{"5", "20", "100", "350"}); c.function.params[i].Type == "text" {
			c.args[i] = pick(g, []string{"Genre 2", "Genre 5", "%a%", "%\"%", "e%", ""})
		}
	}
}

// params are those of the URL.
func (c *call) params() []param {
	all := make([]param, len(c.args))
	for i, arg := range c.args {
		all[i] = param{c.function.params[i].Name, arg}
	}
	return all
}

// rows is a query for the numbers of the rows that a call returns.
func (c *call) rows(t *table) string {
	args := make([]string, len(c.args))
	for i, arg := range c.args {
		args[i] = literal(arg)
	}
	return fmt.Sprintf("select n from %s all_rows where t::text in (select found::text from %s.%s(%s) found) order by n",
		t.numbered(), quoteSQL(c.function.name.Schema), quoteSQL(c.function.name.Name), strings.Join(args, ", "))
}
