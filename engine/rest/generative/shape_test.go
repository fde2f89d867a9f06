package generative

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is a row of the answer: values by name. Each of arrays holds the values of several names: a list of objects, of
// which the answer has one array for each name.
type object struct {
	values map[string]any
	arrays []arrays
}

type arrays struct {
	names []string
	rows  *window
}

// window is a list of rows, of which those from from to before to are in the answer. Rows with the same rank may be in any
// order.
type window struct {
	rows     []ranked
	from, to int
}

type ranked struct {
	rank  int
	value *object
}

func (w *window) empty() bool { return w.from >= w.to }

// object is a row as the answer has it.
func (r *reference) object(n *node, e *entry) *object {
	o := &object{values: map[string]any{}}
	for _, i := range n.selected() {
		if i.agg == "" {
			o.values[i.name()] = r.value(n.table, i.sql(), e.row)
		}
	}
	for _, c := range n.children {
		r.embed(o, c, e.children[c].rows)
	}
	return o
}

// embed puts what was found of an embedded resource into a row.
func (r *reference) embed(o *object, c *node, w *window) {
	var one *object
	if c.toOne() && !w.empty() {
		one = w.rows[w.from].value
	}
	switch {
	case c.spread && c.toOne():
		for _, name := range c.names() {
			o.values[name] = nil
		}
		if one != nil {
			for name, v := range one.values {
				o.values[name] = v
			}
			for _, a := range one.arrays {
				o.arrays = append(o.arrays, a)
				for _, name := range a.names {
					delete(o.values, name)
				}
			}
		}
	case c.spread:
		o.arrays = append(o.arrays, arrays{c.names(), w})
	case !c.shows():
	case !c.toOne():
		o.values[c.name()] = w
	case one != nil:
		o.values[c.name()] = one
	default:
		o.values[c.name()] = nil
	}
}

// shows tells whether an embedded resource is in the answer: rel() is not, unless something below it is.
func (n *node) shows() bool {
	return len(n.items) > 0 || slices.ContainsFunc(n.children, (*node).shows)
}

// names are those of the values that a node's rows have.
func (n *node) names() []string {
	var names []string
	for _, i := range n.selected() {
		names = append(names, i.name())
	}
	for _, c := range n.children {
		names = append(names, c.given()...)
	}
	return names
}

// given are the names of the values that a node gives to its parent.
func (n *node) given() []string {
	switch {
	case n.spread:
		return n.names()
	case n.shows():
		return []string{n.name()}
	}
	return nil
}

// selected are the node's items with * replaced by the columns.
func (n *node) selected() []item {
	if n.rel == nil && len(n.items) == 0 && len(n.children) == 0 {
		return item{star: true}.expand(n.table)
	}
	var all []item
	for _, i := range n.items {
		all = append(all, i.expand(n.table)...)
	}
	return all
}

func (i item) expand(t *table) []item {
	if !i.star {
		return []item{i}
	}
	items := make([]item, len(t.columns))
	for k, f := range t.columns {
		items[k] = item{field: f}
	}
	return items
}

// sql is the item's expression, before any aggregate.
func (i *item) sql() string {
	switch {
	case i.cast != "":
		return "(" + i.field.sql + ")::" + i.cast
	case i.field.shown != "":
		return i.field.shown
	}
	return i.field.sql
}

// value is an expression's value for a row, as JSON, or as the field of CSV that PostgreSQL writes in a row.
func (r *reference) value(t *table, sql string, row int) any {
	if r.fields {
		text := *r.column(t, "row("+sql+")")[row]
		return unquoted(text[1 : len(text)-1])
	}
	text := r.column(t, "to_json("+sql+")")[row]
	if text == nil {
		return nil
	}
	return decode(*text)
}

// decode reads JSON, with numbers as they are written.
func decode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(failure{fmt.Errorf("%w: %s", err, text)})
	}
	return v
}
