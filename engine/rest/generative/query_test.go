package generative

import "slices"

// query is a request to be made.
type query struct {
	who *identity
	// limited asks the server that caps rows (maxRows).
	limited bool
	count   bool
	media   media
	// span is the Range header: the first and the last row, -1 for no end.
	span *[2]int
	// call makes the root's rows those that a function returns; nil for all of the table.
	call *call
	root *node
}

// call calls a function that returns rows of a table.
type call struct {
	function *function
	args     []string // as many as are given
}

// media is the type of the answer.
type media string

const (
	inArray  media = ""
	inObject media = "application/vnd.pgrst.object+json"
	stripped media = "application/vnd.pgrst.array+json;nulls=stripped"
	inLines  media = "application/x-ndjson"
	inCSV    media = "text/csv"
)

// window is what the root's parameters and the Range header leave: the offset and the limit, -1 for none. A Range header
// that leaves nothing is refused.
func (q *query) window() (limit, offset int, refused bool) {
	limit, offset = q.root.limit, max(q.root.offset, 0)
	if q.span == nil {
		return limit, offset, limit == 0 && offset > 0
	}
	const open = 1 << 30
	end := open
	if limit >= 0 {
		end = offset + limit
	}
	if q.span[1] >= 0 {
		end = min(end, q.span[1]+1)
	}
	offset = max(offset, q.span[0])
	if end == open {
		return -1, offset, false
	}
	return end - offset, offset, end <= offset
}

// node is a relation that is read: the root, or an embedded resource.
type node struct {
	table *table
	// rel, target, hint, join and spread are of embedded resources: along which relationship, how the URL spells it,
	// "inner", "left" or "", and whether the columns go to the parent.
	rel          *relation
	target, hint string
	alias        string
	join         string
	spread       bool

	// items are empty for rel(). A root without items and children leaves out select and so reads everything.
	items    []item
	children []*node
	where    []*cond // all must hold
	order    []term
	// limit and offset are -1 when not asked for.
	limit, offset int
}

// item is a part of the select list: everything, a field, or an aggregate; count() has no field.
type item struct {
	star    bool
	field   *field
	cast    string
	agg     string
	aggCast string
	alias   string
}

// cond is a condition: a group of conditions, a test of an embedded resource for null, or a test of a field.
type cond struct {
	not bool

	group string // "and", "or"
	conds []*cond

	// embed names the child by its place in the node's children; valid when isEmbed.
	isEmbed bool
	embed   string

	field *field
	op    operator
	// values are the operands: one, several for in and for any and all, none for is.
	values []string
	// quant is "any" or "all" where values are several and op takes one.
	quant string
}

// term is a part of an order: by a field, or by a field of the to-one embedded resource named rel.
type term struct {
	field *field
	rel   string
	desc  bool
	nulls string // "", "nullsfirst", "nullslast"
}

// name is what the answer and the other parameters call an embedded resource.
func (n *node) name() string {
	if n.alias != "" {
		return n.alias
	}
	return n.target
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name() == name {
			return c
		}
	}
	return nil
}

func (n *node) toOne() bool { return n.rel == nil || n.rel.ToOne }

// name is what the answer calls an item.
func (i *item) name() string {
	switch {
	case i.alias != "":
		return i.alias
	case i.agg != "":
		return i.agg
	}
	return i.field.name
}

func (q *query) clone() *query {
	c := *q
	c.root = q.root.clone()
	return &c
}

func (n *node) clone() *node {
	c := *n
	c.items, c.order = slices.Clone(n.items), slices.Clone(n.order)
	c.where = cloneConds(n.where)
	c.children = make([]*node, len(n.children))
	for i, child := range n.children {
		c.children[i] = child.clone()
	}
	return &c
}

func cloneConds(conds []*cond) []*cond {
	cs := make([]*cond, len(conds))
	for i, cond := range conds {
		c := *cond
		c.conds, c.values = cloneConds(cond.conds), slices.Clone(cond.values)
		cs[i] = &c
	}
	return cs
}

// walk visits n and everything below it, parents first.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, c := range n.children {
		c.walk(visit)
	}
}
