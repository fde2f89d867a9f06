package generative

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
)

// reference answers a query from the store.
type reference struct {
	ctx     context.Context
	store   *store
	who     *identity
	maxRows int // 0 for no cap
	// fields makes values the fields of CSV.
	fields bool
	pairs  map[*relation]map[int][]int
}

// expected is the right answer.
type expected struct {
	rows *window
	// total is the number of rows without limits, for count=exact.
	total int
}

// failure carries an error of the store out of the evaluation.
type failure struct{ error }

// evaluate answers a query. An error means that the query is none that could be answered.
func (w *world) evaluate(ctx context.Context, q *query) (want *expected, err error) {
	r := &reference{ctx: ctx, store: w.store, who: q.who, pairs: map[*relation]map[int][]int{}}
	if q.limited {
		r.maxRows = maxRows
	}
	defer func() {
		if failed := recover(); failed != nil {
			f, ok := failed.(failure)
			if !ok {
				panic(failed)
			}
			err = f.error
		}
	}()
	all := r.all(q)
	r.fields = q.media == inCSV
	root := *q.root
	root.limit, root.offset, _ = q.window()
	want = &expected{rows: r.find(&root, all).rows}
	if q.media == stripped {
		want.rows.strip()
	}
	for _, row := range all {
		if r.counts(q.root, row) {
			want.total++
		}
	}
	return want, nil
}

// all are the rows that a query is about.
func (r *reference) all(q *query) []int {
	sql := "select n from " + q.root.table.numbered() + " all_rows order by n"
	if q.call != nil {
		sql = q.call.rows(q.root.table)
	}
	answer, err := r.store.query(r.ctx, r.who, sql)
	if err != nil {
		panic(failure{err})
	}
	rows := make([]int, len(answer))
	for i, row := range answer {
		rows[i] = number(*row[0])
	}
	return rows
}

func (r *reference) column(t *table, sql string) []*string {
	values, err := r.store.column(r.ctx, r.who, t, sql)
	if err != nil {
		panic(failure{err})
	}
	return values
}

// entry is a row of a table on its way into a window, with what is embedded in it.
type entry struct {
	row      int
	children map[*node]*found
}

// found is what a row has of an embedded resource.
type found struct {
	rows *window
	// entries are what rows was made of, in the same order.
	entries []entry
}

// find answers a node for some rows of its table.
func (r *reference) find(n *node, rows []int) *found {
	var kept []entry
	for _, row := range rows {
		e := entry{row: row, children: map[*node]*found{}}
		for _, c := range n.children {
			e.children[c] = r.find(c, r.related(c.rel, row))
		}
		if r.keeps(n, &e) {
			kept = append(kept, e)
		}
	}
	if n.aggregates() && !n.lifted() {
		return &found{rows: r.cut(n, r.group(n, kept))}
	}
	ranks := r.sort(n, kept)
	w := &window{}
	for i := range kept {
		w.rows = append(w.rows, ranked{ranks[i], r.object(n, &kept[i])})
	}
	return &found{rows: r.cut(n, w), entries: kept}
}

// related are the rows of the other table that belong to a row.
func (r *reference) related(rel *relation, row int) []int {
	if r.pairs[rel] == nil {
		pairs, err := r.store.query(r.ctx, r.who, rel.pairs())
		if err != nil {
			panic(failure{err})
		}
		r.pairs[rel] = map[int][]int{}
		for _, pair := range pairs {
			one, other := number(*pair[0]), number(*pair[1])
			r.pairs[rel][one] = append(r.pairs[rel][one], other)
		}
	}
	return r.pairs[rel][row]
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(failure{err})
	}
	return n
}

// keeps tells whether a row passes the node's conditions and has what must be there.
func (r *reference) keeps(n *node, e *entry) bool {
	for _, c := range n.children {
		if c.join == "inner" && e.children[c].rows.empty() {
			return false
		}
	}
	exists := func(c *node) bool { return !e.children[c].rows.empty() }
	for _, c := range n.where {
		if r.truth(n, c, e.row, exists) != yes {
			return false
		}
	}
	return true
}

// counts tells whether count=exact counts a row: like keeps, but the limits of embedded resources do not matter.
func (r *reference) counts(n *node, row int) bool {
	exists := func(c *node) bool {
		return slices.ContainsFunc(r.related(c.rel, row), func(other int) bool { return r.counts(c, other) })
	}
	for _, c := range n.children {
		if c.join == "inner" && !exists(c) {
			return false
		}
	}
	for _, c := range n.where {
		if r.truth(n, c, row, exists) != yes {
			return false
		}
	}
	return true
}

// truth is SQL's: false, unknown, true, in this order, so that and is the least and or the greatest.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func (r *reference) truth(n *node, c *cond, row int, exists func(*node) bool) truth {
	var result truth
	switch {
	case c.group != "":
		members := make([]truth, len(c.conds))
		for i, member := range c.conds {
			members[i] = r.truth(n, member, row, exists)
		}
		result = slices.Min(members)
		if c.group == "or" {
			result = slices.Max(members)
		}
	case c.isEmbed:
		result = yes
		if exists(n.child(c.embed)) {
			result = no
		}
	default:
		result = unknown
		if v := r.column(n.table, c.sql())[row]; v != nil {
			result = no
			if *v == "true" {
				result = yes
			}
		}
	}
	if c.not {
		return yes - result
	}
	return result
}

// cut takes the limit, the offset and the server's cap into account.
func (r *reference) cut(n *node, w *window) *window {
	limit, offset := n.limit, max(n.offset, 0)
	if r.maxRows > 0 && (limit < 0 || limit > r.maxRows) {
		limit = r.maxRows
	}
	w.from = min(offset, len(w.rows))
	w.to = len(w.rows)
	if limit >= 0 {
		w.to = min(w.from+limit, w.to)
	}
	return w
}

// sort orders entries and returns the rank of each; those that the order leaves open share one.
func (r *reference) sort(n *node, entries []entry) []int {
	compare := func(a, b entry) int {
		for _, t := range n.order {
			if c := r.compare(n, t, &a, &b); c != 0 {
				return c
			}
		}
		return 0
	}
	slices.SortStableFunc(entries, compare)
	ranks := make([]int, len(entries))
	for i := 1; i < len(entries); i++ {
		ranks[i] = ranks[i-1]
		if compare(entries[i-1], entries[i]) != 0 {
			ranks[i]++
		}
	}
	return ranks
}

func (r *reference) compare(n *node, t term, a, b *entry) int {
	left, right := r.place(n, t, a), r.place(n, t, b)
	if left == 0 || right == 0 { // null
		if left == right {
			return 0
		}
		first := t.nulls == "nullsfirst" || t.nulls == "" && t.desc
		if (left == 0) == first {
			return -1
		}
		return 1
	}
	if t.desc {
		left, right = right, left
	}
	return cmp.Compare(left, right)
}

// place is the place of a row's value among all of its column, from 1; 0 for null.
func (r *reference) place(n *node, t term, e *entry) int {
	table, row := n.table, e.row
	if t.rel != "" {
		child := n.child(t.rel)
		one := e.children[child]
		if one.rows.empty() {
			return 0
		}
		table, row = child.table, one.entries[one.rows.from].row
	}
	return r.placeOf(table, t.field, row)
}

func (r *reference) placeOf(t *table, f *field, row int) int {
	sql := fmt.Sprintf("case when %s is not null then dense_rank() over (order by %s nulls last) end", f.sql, f.sql)
	if place := r.column(t, sql)[row]; place != nil {
		return number(*place)
	}
	return 0
}
