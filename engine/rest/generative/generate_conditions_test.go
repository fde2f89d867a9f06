package generative

import (
	"slices"
	"strings"
)

// cond makes up a condition on a node, or nil.
func (g *generator) cond(n *node, depth int) *cond {
	c := &cond{not: g.one(5)}
	switch {
	case depth < 3 && g.one(4):
		c.group = pick(g, []string{"and", "or"})
		for range 1 + g.IntN(3) {
			if member := g.cond(n, depth+1); member != nil {
				c.conds = append(c.conds, member)
			}
		}
		if len(c.conds) == 0 {
			return nil
		}
	case len(n.children) > 0 && g.one(4):
		c.isEmbed, c.embed = true, pick(g, n.children).name()
	default:
		c.field = g.field(n.table)
		c.op = pick(g, c.field.operators())
		g.operands(c)
	}
	return c
}

// operators are those that suit a field.
func (f *field) operators() []operator {
	ops := []operator{is}
	if len(f.samples) == 0 {
		return ops
	}
	search := []operator{{url: "fts", function: "to_tsquery"}, {url: "plfts", function: "plainto_tsquery"}, {url: "phfts", function: "phraseto_tsquery"}, {url: "wfts", function: "websearch_to_tsquery"}}
	for _, language := range []string{"english", "simple"} {
		for _, op := range search[:4] {
			op.language = language
			search = append(search, op)
		}
	}
	if !f.plain {
		search = nil // only columns are turned into what can be searched
	}
	switch f.kind {
	case scalar, boolean:
		return append(ops, comparison...)
	case text:
		ops = slices.Concat(ops, comparison, comparison, patterns, patterns, regexps)
		return append(ops, search...)
	case represented:
		return append(ops, equality, among, comparison[1], comparison[4], comparison[7])
	case array:
		return append(slices.DeleteFunc(slices.Concat(ops, comparison, containing, containing), func(op operator) bool { return op == among }), overlap)
	case ranged:
		return slices.Concat(ops, comparison, containing, positions, positions, positions, []operator{overlap, overlap})
	case jsonb:
		return slices.Concat(ops, comparison, containing)
	case jsonText:
		return append(ops, search...)
	case lexemes:
		return append(ops, search...)
	}
	return ops
}

// operands makes up what a condition compares with: values that some row has, mostly.
func (g *generator) operands(c *cond) {
	switch {
	case c.op == is:
		c.values = []string{pick(g, []string{"null", "null", "not_null"})}
		if c.field.kind == boolean {
			c.values[0] = pick(g, []string{"null", "not_null", "true", "false", "unknown"})
		}
	case c.op.function != "":
		c.values = []string{pick(g, []string{"cat", "red", "shoes", "running"})}
		if c.op.function != "to_tsquery" {
			c.values[0] += pick(g, []string{"", " " + pick(g, []string{"rats", "shoes", "fat"})})
		} else if g.one(2) {
			c.values[0] += pick(g, []string{" & ", " | ", " & !"}) + "blue"
		}
	case c.op == among:
		for range g.IntN(4) {
			c.values = append(c.values, pick(g, c.field.samples))
		}
		if len(c.values) == 1 && c.values[0] == "" {
			c.values = nil
		}
	default:
		c.values = []string{g.operand(c)}
		if c.op.quantified && c.field.kind != array && c.field.kind != represented && g.one(5) {
			c.quant = pick(g, []string{"any", "all"})
			for range g.IntN(3) {
				c.values = append(c.values, g.operand(c))
			}
		}
	}
}

func (g *generator) operand(c *cond) string {
	sample := pick(g, c.field.samples)
	runes := []rune(sample)
	if len(runes) == 0 || !c.op.pattern && c.op.sql != "~" && c.op.sql != "~*" {
		return sample
	}
	start := g.IntN(len(runes))
	piece := string(runes[start : start+1+g.IntN(len(runes)-start)])
	if c.op.pattern {
		piece = strings.ReplaceAll(piece, `\`, `\\`)
		return pick(g, []string{"*" + piece + "*", piece + "*", "*" + piece, piece, "_*" + piece + "%"})
	}
	for _, special := range `\.*+?()[]{}|^$` {
		piece = strings.ReplaceAll(piece, string(special), ".")
	}
	return pick(g, []string{piece, "^" + piece, piece + "$", ".?" + piece})
}
