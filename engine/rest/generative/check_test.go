package generative

import (
	"fmt"
	"regexp"
	"slices"
)

// reserved are the parameters that mean something else than a column.
var reserved = []string{"select", "order", "limit", "offset", "and", "or", "columns", "on_conflict"}

// endsInIndex finds a path that ends in an array index.
var endsInIndex = regexp.MustCompile(`->-?[0-9]+$|->>-?[0-9]+$`)

// check tells why a request could not be made, or why its answer would not be known.
func (q *query) check() error {
	if _, _, refused := q.window(); refused {
		return fmt.Errorf("an empty range is refused")
	}
	switch {
	case q.media == inCSV && (len(q.root.children) > 0 || q.root.aggregates() || len(q.root.names()) < 2):
		return fmt.Errorf("CSV of one field, or of more than fields")
	case q.media == inObject && q.count:
		return fmt.Errorf("an object is not counted")
	}
	var found error
	q.root.walk(func(n *node) {
		if found == nil && !n.table.readers[q.who] {
			found = fmt.Errorf("%s cannot read %s", q.who.name, n.table.id)
		}
		if found == nil && q.media == stripped && n.spread && !n.toOne() {
			found = fmt.Errorf("stripped arrays are not known")
		}
		if found == nil {
			found = n.check()
		}
	})
	return found
}

func (n *node) check() error {
	seen := map[string]bool{}
	for _, name := range n.names() {
		if seen[name] {
			return fmt.Errorf("two values are called %s", name)
		}
		seen[name] = true
	}
	for i, c := range n.children {
		for k, other := range n.children { // parameters find an embedded resource by its alias and by its target
			if i != k && (c.name() == other.name() || c.name() == other.target) {
				return fmt.Errorf("two embedded resources are called %s", c.name())
			}
		}
	}
	if len(n.items) > 0 && len(n.children) == 0 && n.rel != nil && endsInIndex.MatchString(n.items[len(n.items)-1].String()) {
		return fmt.Errorf("an index before a parenthesis is read as a key")
	}
	for _, c := range n.where {
		if err := n.checkCond(c, true); err != nil {
			return err
		}
	}
	for _, t := range n.order {
		if err := n.checkTerm(t); err != nil {
			return err
		}
	}
	if n.spread && !n.toOne() && n.aggregates() {
		return fmt.Errorf("to-many spreads do not aggregate")
	}
	if n.aggregates() {
		return n.checkAggregates()
	}
	return nil
}

func (n *node) checkCond(c *cond, alone bool) error {
	switch {
	case c.group != "":
		if len(c.conds) == 0 {
			return fmt.Errorf("an empty group")
		}
		for _, member := range c.conds {
			if err := n.checkCond(member, false); err != nil {
				return err
			}
		}
	case c.isEmbed:
		if n.child(c.embed) == nil {
			return fmt.Errorf("no embedded resource %s", c.embed)
		}
	case alone && slices.Contains(reserved, c.field.name):
		return fmt.Errorf("%s is reserved", c.field.name)
	case c.op == is && n.child(c.field.url) != nil:
		return fmt.Errorf("%s is an embedded resource here", c.field.url)
	}
	return nil
}

func (n *node) checkTerm(t term) error {
	if t.rel == "" {
		return nil
	}
	if endsInIndex.MatchString(t.field.url) {
		return fmt.Errorf("an index before a parenthesis is read as a key")
	}
	c := n.child(t.rel)
	if c == nil || !c.toOne() || c.aggregates() {
		return fmt.Errorf("cannot sort by %s", t.rel)
	}
	f := t.field
	if f.column != nil {
		f = f.column
	}
	// Here the server sorts by what the embedded resource gives: arrays are not turned into JSON, and what a domain is shown
	// as cannot be sorted.
	if !c.selectsAsIs(f) || t.field.column != nil && f.kind == array || f.kind == represented {
		return fmt.Errorf("cannot sort by %s(%s)", t.rel, t.field.url)
	}
	return nil
}

// selectsAsIs tells whether a field is selected under its own name.
func (n *node) selectsAsIs(f *field) bool {
	return slices.ContainsFunc(n.items, func(i item) bool {
		return i.star && f.plain || i.field == f && i.cast == "" && i.alias == "" && i.agg == ""
	})
}

// checkAggregates holds a node that aggregates to what can be grouped, and to one order of it.
func (n *node) checkAggregates() error {
	for _, t := range n.order {
		if n.lifted() {
			break
		}
		grouped := slices.ContainsFunc(n.items, func(i item) bool { return i.field == t.field && i.agg == "" && i.cast == "" })
		if t.rel != "" || !grouped || !t.field.plain { // two equal paths are two expressions
			return fmt.Errorf("sorted by %s, which is not grouped by", t.field.url)
		}
	}
	for _, i := range n.items {
		switch {
		case i.star:
			return fmt.Errorf("* beside an aggregate")
		case i.agg == "" && (!i.field.groups || !i.field.sorts):
			return fmt.Errorf("%s cannot be grouped by", i.field.url)
		case i.agg == "" && i.cast != "" && !slices.Contains(groupable, i.cast):
			return fmt.Errorf("%s cannot be grouped by", i.cast)
		}
	}
	for _, c := range n.children {
		if c.lifted() {
			if err := c.checkAggregates(); err != nil {
				return err
			}
			continue
		}
		if !c.settled() {
			return fmt.Errorf("%s may be in different orders", c.name())
		}
	}
	return nil
}

// groupable are the casts that can be grouped by.
var groupable = []string{"text", "int", "numeric", "bool", "date", "timestamptz", "jsonb", "varchar", "float8"}

// settled tells whether only one answer for a node is right: its rows and those below have a total order.
func (n *node) settled() bool {
	for _, c := range n.children {
		if !c.settled() {
			return false
		}
	}
	if n.toOne() {
		return true
	}
	if len(n.table.key) == 0 || n.aggregates() {
		return false
	}
	for _, k := range n.table.key {
		if !slices.ContainsFunc(n.order, func(t term) bool { return t.field == k && t.rel == "" }) {
			return false
		}
	}
	return true
}
