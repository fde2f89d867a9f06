package generative

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"nexus/schema"
)

// TestReach makes up as many requests as reached, and has the reference answer as many as answered.
const (
	reached  = 6000
	answered = 600
)

// TestReach demands that what is made up has everything that a request can have, and that enough of the answers have rows:
// otherwise TestGenerated would compare less than it seems to.
func TestReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]int{}
	for number := range uint64(reached) {
		q := w.generate(1, number)
		q.mark(seen)
		if number >= answered {
			continue
		}
		want, err := w.evaluate(t.Context(), q)
		if err != nil {
			t.Fatalf("request %d: %v", number, err)
		}
		if !want.rows.empty() {
			seen["rows"]++
		}
		want.rows.mark(seen)
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[name], name)
	}
	wanted := []string{
		"depth 1", "depth 2", "depth 3", "spread to one", "spread to many", "alias", "hint", "join inner", "join left", "rel()",
		"item *", "item cast", "item alias", "item path", "item computed", "item represented", "condition on represented", "aggregate sum", "aggregate avg", "aggregate min",
		"aggregate max", "aggregate count", "aggregate count()", "aggregate cast", "aggregate in a spread",
		"aggregate of an embedded resource", "group", "group by an embedded resource",
		"group and", "group or", "group not", "condition on embedded", "condition on whether embedded", "condition not",
		"any", "all", "order", "order desc", "order nullsfirst", "order nullslast", "order path", "order related",
		"order of embedded", "limit", "offset", "limit of embedded", "offset of embedded", "count", "capped", "range", "call", "value quoted",
		"answer with an array of objects", "answer with an object", "answer with correlated arrays", "answer with ties",
	}
	for _, who := range w.identities {
		wanted = append(wanted, "as "+who.name)
	}
	for _, m := range []media{inArray, inObject, stripped, inLines, inCSV} {
		wanted = append(wanted, "media "+string(m))
	}
	for _, c := range []schema.Cardinality{schema.ManyToOne, schema.OneToMany, schema.OneToOne, schema.ManyToMany, schema.Computed} {
		wanted = append(wanted, fmt.Sprint("cardinality ", c))
	}
	for _, ops := range [][]operator{{is, among, overlap}, comparison, patterns, regexps, containing, positions} {
		for _, op := range ops {
			wanted = append(wanted, "operator "+op.url)
		}
	}
	wanted = append(wanted, "operator fts", "operator plfts", "operator phfts", "operator wfts")
	for _, table := range w.tables {
		wanted = append(wanted, "table "+table.id.String())
	}
	for _, name := range wanted {
		if seen[name] < 3 {
			t.Errorf("%s: %d times", name, seen[name])
		}
	}
	if seen["rows"] < answered/2 {
		t.Errorf("%d of %d answers have rows", seen["rows"], answered)
	}
}

// mark counts what a request has.
func (q *query) mark(seen map[string]int) {
	seen["as "+q.who.name]++
	seen["media "+string(q.media)]++
	tell := func(is bool, what string) {
		if is {
			seen[what]++
		}
	}
	tell(q.count, "count")
	tell(q.limited, "capped")
	tell(q.span != nil, "range")
	tell(q.call != nil, "call")
	q.root.mark(0, tell)
}

func (n *node) mark(depth int, tell func(bool, string)) {
	tell(true, "table "+n.table.id.String())
	tell(true, fmt.Sprint("depth ", depth))
	of := ""
	if n.rel != nil {
		of = " of embedded"
		tell(true, fmt.Sprint("cardinality ", n.rel.Cardinality))
		tell(n.spread && n.toOne(), "spread to one")
		tell(n.spread && !n.toOne(), "spread to many")
		tell(n.alias != "", "alias")
		tell(n.hint != "", "hint")
		tell(n.join != "", "join "+n.join)
		tell(!n.shows(), "rel()")
		tell(len(n.where) > 0, "condition on embedded")
	}
	tell(n.limit >= 0, "limit"+of)
	tell(n.offset >= 0, "offset"+of)
	tell(len(n.order) > 0, "order"+of)
	for _, i := range n.items {
		tell(i.star, "item *")
		tell(i.cast != "", "item cast")
		tell(i.alias != "", "item alias")
		tell(i.agg != "" && i.field != nil, "aggregate "+i.agg)
		tell(i.agg != "" && i.field == nil, "aggregate count()")
		tell(i.aggCast != "", "aggregate cast")
		tell(i.agg != "" && n.lifted(), "aggregate in a spread")
		tell(i.agg != "" && n.rel != nil && !n.spread, "aggregate of an embedded resource")
		tell(i.agg == "" && n.aggregates(), "group")
		tell(i.field != nil && i.field.kind == represented, "item represented")
		tell(i.field != nil && i.field.column != nil, "item path")
		tell(i.field != nil && i.field.column == nil && !i.field.plain, "item computed")
	}
	for _, t := range n.order {
		tell(t.desc, "order desc")
		tell(t.nulls != "", "order "+t.nulls)
		tell(t.rel != "", "order related")
		tell(t.field.column != nil, "order path")
	}
	for _, c := range n.where {
		c.mark(tell)
	}
	for _, c := range n.children {
		tell(n.aggregates() && c.shows() && !c.spread, "group by an embedded resource")
		c.mark(depth+1, tell)
	}
}

func (c *cond) mark(tell func(bool, string)) {
	tell(c.group != "", "group "+c.group)
	tell(c.group != "" && c.not, "group not")
	tell(c.group == "" && c.not, "condition not")
	tell(c.isEmbed, "condition on whether embedded")
	tell(c.op.url != "", "operator "+c.op.url)
	tell(c.quant != "", c.quant)
	if c.field != nil {
		tell(c.field.kind == represented, "condition on represented")
		tell(strings.Contains(c.test(true), `"`), "value quoted")
	}
	for _, member := range c.conds {
		member.mark(tell)
	}
}

// mark counts what an answer has.
func (w *window) mark(seen map[string]int) {
	for i, row := range w.rows[w.from:w.to] {
		if i > 0 && w.rows[w.from+i-1].rank == row.rank {
			seen["answer with ties"]++
		}
		row.value.mark(seen)
	}
}

func (o *object) mark(seen map[string]int) {
	for _, v := range o.values {
		switch v := v.(type) {
		case *window:
			if !v.empty() {
				seen["answer with an array of objects"]++
			}
			v.mark(seen)
		case *object:
			seen["answer with an object"]++
			v.mark(seen)
		}
	}
	for _, a := range o.arrays {
		if !a.rows.empty() {
			seen["answer with correlated arrays"]++
		}
		a.rows.mark(seen)
	}
}
