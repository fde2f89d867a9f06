package generative

import "slices"

// shrink takes parts away from a request for as long as it still fails.
func shrink(q *query, fails func(*query) bool) *query {
	for {
		i := slices.IndexFunc(q.smaller(), func(s *query) bool { return s.check() == nil && fails(s) })
		if i < 0 {
			return q
		}
		q = q.smaller()[i]
	}
}

// smaller lists requests with one part less, the largest parts first.
func (q *query) smaller() []*query {
	var all []*query
	edit := func(change func(*query)) {
		c := q.clone()
		change(c)
		all = append(all, c)
	}
	if q.count {
		edit(func(q *query) { q.count = false })
	}
	if q.limited {
		edit(func(q *query) { q.limited = false })
	}
	if q.media != inArray {
		edit(func(q *query) { q.media = inArray })
	}
	if q.span != nil {
		edit(func(q *query) { q.span = nil })
	}
	if q.call != nil {
		edit(func(q *query) { q.call = nil })
	}
	count := 0
	q.root.walk(func(n *node) {
		at := count
		count++
		for _, change := range n.reductions() {
			edit(func(q *query) { change(q.root.nth(at)) })
		}
		if n.rel != nil { // let it be the request
			edit(func(q *query) {
				q.root, q.call = q.root.nth(at), nil
				q.root.rel, q.root.target, q.root.hint, q.root.alias, q.root.join, q.root.spread = nil, "", "", "", "", false
			})
		}
	})
	return all
}

// nth is the node that walk visits after n others.
func (n *node) nth(at int) *node {
	var found *node
	n.walk(func(c *node) {
		if at == 0 {
			found = c
		}
		at--
	})
	return found
}

// reductions are the ways to take one part away from a node.
func (n *node) reductions() []func(*node) {
	var all []func(*node)
	for i := range n.children {
		all = append(all, func(n *node) { n.children = slices.Delete(n.children, i, i+1) })
	}
	for i := range n.where {
		all = append(all, func(n *node) { n.where = slices.Delete(n.where, i, i+1) })
	}
	for i := range n.order {
		all = append(all, func(n *node) { n.order = slices.Delete(n.order, i, i+1) })
	}
	for i := range n.items {
		all = append(all, func(n *node) { n.items = slices.Delete(n.items, i, i+1) })
	}
	if n.limit >= 0 {
		all = append(all, func(n *node) { n.limit = -1 })
	}
	if n.offset >= 0 {
		all = append(all, func(n *node) { n.offset = -1 })
	}
	if n.join != "" {
		all = append(all, func(n *node) { n.join = "" })
	}
	if n.spread {
		all = append(all, func(n *node) { n.spread = false })
	}
	for i, c := range n.where {
		for _, change := range c.reductions() {
			all = append(all, func(n *node) { n.where[i] = change(n.where[i]) })
		}
	}
	for i, item := range n.items {
		if item.alias != "" {
			all = append(all, func(n *node) { n.items[i].alias = "" })
		}
		if item.cast != "" {
			all = append(all, func(n *node) { n.items[i].cast = "" })
		}
		if item.agg != "" && item.field != nil {
			all = append(all, func(n *node) { n.items[i].agg, n.items[i].aggCast = "", "" })
		}
		if item.aggCast != "" {
			all = append(all, func(n *node) { n.items[i].aggCast = "" })
		}
		if item.star {
			all = append(all, func(n *node) { n.items[i].star, n.items[i].field = false, n.table.columns[0] })
		}
	}
	for i, t := range n.order {
		if t.nulls != "" {
			all = append(all, func(n *node) { n.order[i].nulls = "" })
		}
		if t.desc {
			all = append(all, func(n *node) { n.order[i].desc = false })
		}
	}
	return all
}

// reductions are the ways to take one part away from a condition.
func (c *cond) reductions() []func(*cond) *cond {
	var all []func(*cond) *cond
	for i, member := range c.conds {
		all = append(all, func(c *cond) *cond { return c.conds[i] })
		if len(c.conds) > 1 {
			all = append(all, func(c *cond) *cond { c.conds = slices.Delete(c.conds, i, i+1); return c })
		}
		for _, change := range member.reductions() {
			all = append(all, func(c *cond) *cond { c.conds[i] = change(c.conds[i]); return c })
		}
	}
	if c.not {
		all = append(all, func(c *cond) *cond { c.not = false; return c })
	}
	if len(c.values) > 1 {
		for i := range c.values {
			all = append(all, func(c *cond) *cond { c.values = slices.Delete(c.values, i, i+1); return c })
		}
	}
	if c.quant != "" && len(c.values) == 1 {
		all = append(all, func(c *cond) *cond { c.quant = ""; return c })
	}
	return all
}
