package generative

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// maxDepth is how deep resources are embedded.
const maxDepth = 3

// generator makes up requests.
type generator struct {
	*rand.Rand
	world   *world
	who     *identity
	aliases int
}

// neighbourhood is how far back a request may look for one to repeat with other values.
const neighbourhood = 50

// generate makes up the request of a number. The same seed and number make the same request. Some are a former one with
// other values, for what a server keeps of requests that look the same.
func (w *world) generate(seed, number uint64) *query {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, number)), world: w}
	repeat := number > 0 && g.one(4)
	for {
		var q *query
		if repeat {
			q = w.generate(seed, number-1-g.Uint64N(min(number, neighbourhood)))
			g.revalue(q)
		} else {
			q = g.query()
		}
		if q.check() == nil {
			return q
		}
	}
}

// one in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) alias() string {
	g.aliases++
	return fmt.Sprintf(pick(g, []string{"k%d", "K_%d", "ü%d", "k-%d", "k %d", "k.%d", `k"%d`, "اسم%d"}), g.aliases)
}

func (g *generator) query() *query {
	g.aliases = 0
	g.who = pick(g, g.world.identities)
	t := pick(g, g.world.tables)
	for tries := 0; !t.readers[g.who] || tries < 3 && len(t.rels) < 2; tries++ { // rather one with relationships
		t = pick(g, g.world.tables)
	}
	q := &query{who: g.who, count: g.one(3), limited: g.one(8)}
	if g.one(4) {
		q.media = pick(g, []media{inObject, stripped, inLines, inCSV})
	}
	if len(t.functions) > 0 && g.one(4) {
		q.call = g.call(t)
	}
	if g.one(12) {
		q.span = &[2]int{g.IntN(6), g.IntN(12) - 1}
	}
	q.root = g.node(t, 0, g.one(6))
	if !q.root.aggregates() && len(q.root.children) == 0 && g.one(6) {
		q.root.items = nil // everything, by default
	}
	return q
}

// node makes up a node without the way to it.
func (g *generator) node(t *table, depth int, aggregate bool) *node {
	n := &node{table: t, limit: -1, offset: -1}
	g.children(n, depth, aggregate)
	g.items(n, aggregate)
	if depth > 0 && len(n.children) == 0 && !aggregate && g.one(10) {
		n.items = nil
	}
	for range g.IntN(3) {
		if c := g.cond(n, 0); c != nil {
			n.where = append(n.where, c)
		}
	}
	g.sort(n, aggregate)
	if g.one(4) {
		n.limit = pick(g, []int{0, 1, 1, 2, 3, 5, 10, 1000})
	}
	if g.one(5) {
		n.offset = pick(g, []int{0, 1, 1, 2, 4, 8, 50})
	}
	return n
}

func (g *generator) children(n *node, depth int, aggregate bool) {
	if depth == maxDepth {
		return
	}
	for range g.IntN(4 - depth) {
		rel := g.relation(n.table)
		if rel == nil {
			return
		}
		spread := g.one(4)
		lifted := spread && rel.ToOne
		c := g.node(rel.to, depth+1, lifted && aggregate && g.one(2) || !spread && g.one(8))
		c.rel, c.spread = rel, spread
		s := pick(g, rel.spellings)
		c.target, c.hint = s.target, s.hint
		if !spread && (g.one(3) || n.child(c.target) != nil) {
			c.alias = g.alias()
		}
		if g.one(3) {
			c.join = pick(g, []string{"inner", "inner", "left"})
		}
		if spread {
			g.rename(c)
		}
		if aggregate && !lifted {
			g.settle(c)
		}
		n.children = append(n.children, c)
	}
}

// relation picks a relationship that can be read along.
func (g *generator) relation(t *table) *relation {
	var all []*relation
	for _, r := range t.rels {
		if r.to.readers[g.who] && (r.junction == nil || r.junction.readers[g.who]) {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return pick(g, all)
}

// rename gives the values of a spread names that its parent does not have, mostly.
func (g *generator) rename(n *node) {
	var items []item
	for _, i := range n.items {
		if g.one(4) {
			items = append(items, i)
			continue
		}
		for _, i := range i.expand(n.table) {
			i.alias = g.alias()
			items = append(items, i)
		}
	}
	n.items = items
}

// settle puts everything that is embedded into a total order.
func (g *generator) settle(n *node) {
	n.walk(func(n *node) {
		if n.rel != nil && n.rel.ToOne {
			return
		}
		n.order = nil
		for _, k := range n.table.key {
			n.order = append(n.order, term{field: k, desc: g.one(2)})
		}
	})
}

// field picks a field, rather one of a kind that few have.
func (g *generator) field(t *table) *field {
	f := pick(g, t.fields)
	for tries := 0; tries < 2 && (f.kind == scalar || f.kind == text); tries++ {
		f = pick(g, t.fields)
	}
	return f
}

func (g *generator) items(n *node, aggregate bool) {
	if !aggregate && (g.one(4) || len(n.children) == 0 && g.one(4)) {
		n.items = append(n.items, item{star: true})
		if g.one(2) {
			return
		}
	}
	for range 1 + g.IntN(4) {
		i := item{field: g.field(n.table)}
		switch {
		case aggregate && g.one(6):
			i = item{agg: "count"}
		case aggregate && len(i.field.aggregates) > 0 && g.one(2):
			i.agg = pick(g, i.field.aggregates)
		}
		if i.field != nil && len(i.field.casts) > 0 && g.one(5) && (i.agg == "" || i.agg == "count") {
			i.cast = pick(g, i.field.casts)
		}
		if i.agg != "" && g.one(6) {
			i.aggCast = "text"
		}
		taken := slices.ContainsFunc(n.items, func(other item) bool {
			return other.star && i.field != nil && i.field.plain || !other.star && other.name() == i.name()
		})
		switch {
		case taken || g.one(4):
			i.alias = g.alias()
		case g.one(12):
			i.alias = pick(g, n.table.columns).name // mean something else than it
		}
		n.items = append(n.items, i)
	}
}

func (g *generator) sort(n *node, aggregate bool) {
	for range g.IntN(4) {
		t := term{field: g.field(n.table), desc: g.one(2)}
		var one []*node
		for _, c := range n.children {
			if c.toOne() && len(c.items) > 0 {
				one = append(one, c)
			}
		}
		switch {
		case aggregate:
			if i := pick(g, n.items); i.field != nil && i.agg == "" {
				t.field = i.field
			}
		case len(one) > 0 && g.one(2):
			c := pick(g, one)
			if i := pick(g, c.items); i.star {
				t.rel, t.field = c.name(), pick(g, c.table.columns)
			} else if i.field != nil {
				t.rel, t.field = c.name(), i.field
			}
		}
		if !t.field.sorts {
			continue
		}
		if g.one(3) {
			t.nulls = pick(g, []string{"nullsfirst", "nullslast"})
		}
		n.order = append(n.order, t)
	}
}

// revalue changes the values in a request, and who makes it, but not its shape.
func (g *generator) revalue(q *query) {
	q.who = pick(g, g.world.identities)
	if q.call != nil {
		g.arguments(q.call, len(q.call.args))
	}
	q.root.walk(func(n *node) {
		if n.limit > 0 {
			n.limit = 1 + g.IntN(6)
		}
		if n.offset > 0 {
			n.offset = 1 + g.IntN(3)
		}
		for _, c := range n.where {
			g.revalueCond(c)
		}
	})
}

func (g *generator) revalueCond(c *cond) {
	for _, member := range c.conds {
		g.revalueCond(member)
	}
	if c.field == nil || c.op == is || c.op.function != "" {
		return
	}
	for i := range c.values {
		c.values[i] = g.operand(c)
	}
	if c.op == among && len(c.values) == 1 && c.values[0] == "" {
		c.values = nil
	}
}
