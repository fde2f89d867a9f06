package generative

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// lifted tells of a node whose columns, and so its aggregates, are its parent's: a to-one spread.
func (n *node) lifted() bool { return n.spread && n.toOne() }

// aggregates tells whether a node, or one that is lifted into it, has an aggregate.
func (n *node) aggregates() bool {
	for _, i := range n.items {
		if i.agg != "" {
			return true
		}
	}
	for _, c := range n.children {
		if c.lifted() && c.aggregates() {
			return true
		}
	}
	return false
}

// reach leads from an entry to one that is lifted into it, or nil if there is none.
type reach func(*entry) *entry

// part is an item or an embedded resource of a node that aggregates, or of one that is lifted into it.
type part struct {
	node  *node
	item  item
	child *node // nil for an item
	reach reach
	own   bool // the node is the one that aggregates
}

// parts lists what a node that aggregates selects.
func (n *node) parts(reach reach, own bool) []part {
	var all []part
	for _, i := range n.selected() {
		all = append(all, part{node: n, item: i, reach: reach, own: own})
	}
	for _, c := range n.children {
		if !c.lifted() {
			if len(c.given()) > 0 {
				all = append(all, part{node: n, child: c, reach: reach, own: own})
			}
			continue
		}
		all = append(all, c.parts(func(e *entry) *entry {
			if e = reach(e); e == nil || e.children[c].rows.empty() {
				return nil
			}
			return &e.children[c].entries[e.children[c].rows.from]
		}, false)...)
	}
	return all
}

// group makes a row of each group of entries that agree in everything that is no aggregate. Where all is aggregated there
// is one row, also of nothing.
func (r *reference) group(n *node, entries []entry) *window {
	parts := n.parts(func(e *entry) *entry { return e }, true)
	grouped := false
	for _, p := range parts {
		grouped = grouped || p.item.agg == ""
	}
	var first []entry
	members := map[int][]*entry{} // by the row of the group's first
	if !grouped {
		members[-1] = nil
		for i := range entries {
			members[-1] = append(members[-1], &entries[i])
		}
		return &window{rows: []ranked{{0, r.aggregate(parts, members[-1])}}}
	}
	groups := map[string]int{}
	for i := range entries {
		e := &entries[i]
		key := r.key(parts, e)
		row, ok := groups[key]
		if !ok {
			row = e.row
			groups[key] = row
			first = append(first, *e)
		}
		members[row] = append(members[row], e)
	}
	w := &window{}
	for i, rank := range r.sort(n, first) {
		w.rows = append(w.rows, ranked{rank, r.aggregate(parts, members[first[i].row])})
	}
	return w
}

// key tells entries of different groups apart. Like PostgREST, a field that is cast but has no other name is grouped by its
// value before the cast.
func (r *reference) key(parts []part, e *entry) string {
	var key strings.Builder
	for _, p := range parts {
		switch at := p.reach(e); {
		case p.item.agg != "":
		case p.child != nil: // what is not there is null, as is an embedded resource that is not there
			o := &object{values: map[string]any{}}
			for _, name := range p.child.given() {
				o.values[name] = nil
			}
			if at != nil {
				r.embed(o, p.child, at.children[p.child].rows)
			}
			key.WriteString(render(canonical(plain(o))) + ";")
		case at == nil:
			key.WriteString("0;") // as that of null, see placeOf
		default:
			f := *p.item.field
			if p.item.cast != "" && (p.item.alias != "" && p.item.alias != f.name || !p.own) {
				f.sql = p.item.sql()
			}
			fmt.Fprintf(&key, "%d;", r.placeOf(p.node.table, &f, at.row))
		}
	}
	return key.String()
}

// canonical is a copy of a JSON value in which equal numbers are equal texts.
func canonical(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for k, inner := range v {
			c[k] = canonical(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = canonical(inner)
		}
		return c
	case json.Number:
		if n, ok := new(big.Rat).SetString(string(v)); ok {
			return n.RatString()
		}
	}
	return v
}

// aggregate makes the row of a group.
func (r *reference) aggregate(parts []part, group []*entry) *object {
	o := &object{values: map[string]any{}}
	for _, p := range parts {
		var at []*entry
		for _, e := range group {
			at = append(at, p.reach(e))
		}
		switch {
		case p.item.agg != "":
			o.values[p.item.name()] = r.total(&p, at)
		case p.child != nil && at[0] == nil:
			for _, name := range p.child.given() {
				o.values[name] = nil
			}
		case p.child != nil:
			r.embed(o, p.child, at[0].children[p.child].rows)
		case at[0] == nil:
			o.values[p.item.name()] = nil
		default:
			o.values[p.item.name()] = r.value(p.node.table, p.item.sql(), at[0].row)
		}
	}
	return o
}

// total is an aggregate's value over entries, where nil stands for nulls.
func (r *reference) total(p *part, group []*entry) any {
	rows := make([]string, len(group))
	there := 0
	for i, e := range group {
		if rows[i] = "null"; e != nil {
			rows[i] = fmt.Sprint(e.row)
			there++
		}
	}
	sql := fmt.Sprintf("select to_json(%s)::text", p.item.finish(fmt.Sprintf("%d::bigint", there))) // count() is of rows
	if p.item.field != nil {
		sql = fmt.Sprintf(`select to_json(%s)::text from unnest('{%s}'::int[]) i left join (
			select row_number() over (order by t::text collate "C") - 1 as n, %s as value from %s t) r on n = i`,
			p.item.finish(p.item.agg+"(value)"), strings.Join(rows, ","), p.item.sql(), p.node.table.sql())
	}
	answer, err := r.store.query(r.ctx, r.who, sql)
	if err != nil {
		panic(failure{err})
	}
	if answer[0][0] == nil {
		return nil
	}
	return decode(*answer[0][0])
}

// finish casts an aggregate where the item asks for it.
func (i *item) finish(aggregate string) string {
	if i.aggCast != "" {
		return "(" + aggregate + ")::" + i.aggCast
	}
	return aggregate
}
