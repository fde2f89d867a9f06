package plan

import (
	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

// level is what the request says about one level of a read, before any name of it is resolved.
type level struct {
	relation string
	alias    string
	hint     string
	inner    bool
	spread   bool

	fields   []*request.SelectItem
	logic    []*request.LogicTree
	filters  []*request.Filter
	order    []request.OrderTerm
	window   request.Range
	children []*level
}

// name is what the request calls the level.
func (l *level) name() string {
	if l.alias != "" {
		return l.alias
	}
	return l.relation
}

// newLevel makes a level and those below it of select items.
func newLevel(items []request.SelectItem) *level {
	l := &level{}
	for i := range items {
		item := &items[i]
		if item.Kind == request.SelectField {
			l.fields = append(l.fields, item)
			continue
		}
		child := newLevel(item.Children)
		child.relation, child.hint = item.Relation, item.Hint
		child.inner = item.Join == request.JoinInner
		if child.spread = item.Kind == request.SelectSpread; !child.spread {
			child.alias = item.Alias
		}
		l.children = append(l.children, child)
	}
	return l
}

// levels sorts the parts of the query string to their levels. Later parameters come first, so that of several errors, or
// of several orders of one level, PostgREST's one wins.
func (b *builder) levels() (*level, *apierr.Error) {
	q := &b.req.Query
	top := newLevel(q.Select)
	isWrite := b.plan.Mutation != nil
	for i := len(q.Filters) - 1; i >= 0; i-- {
		f := &q.Filters[i]
		if isWrite && len(f.Path) == 0 {
			continue // it selects what is written
		}
		l, err := top.at(f.Path)
		if err != nil {
			return nil, err
		}
		l.filters = append(l.filters, &f.Filter)
	}
	for i := len(q.Order) - 1; i >= 0; i-- {
		l, err := top.at(q.Order[i].Path)
		if err != nil {
			return nil, err
		}
		l.order = q.Order[i].Terms
	}
	if !isWrite {
		for i := len(q.Ranges) - 1; i >= 0; i-- {
			l, err := top.at(q.Ranges[i].Path)
			if err != nil {
				return nil, err
			}
			l.window = q.Ranges[i].Range
		}
		top.window = b.req.TopRange
	}
	for i := len(q.Logic) - 1; i >= 0; i-- {
		l, err := top.at(q.Logic[i].Path)
		if err != nil {
			return nil, err
		}
		l.logic = append(l.logic, &q.Logic[i].Tree)
	}
	return top, nil
}

// at finds the level of a path. As in PostgREST, a level that is addressed becomes the first one among its neighbours,
// which the order of keys in the answer shows.
func (l *level) at(path []string) (*level, *apierr.Error) {
	for _, name := range path {
		i := l.indexOf(name)
		if i < 0 {
			return nil, errNotEmbedded(name)
		}
		child := l.children[i]
		copy(l.children[1:i+1], l.children[:i])
		l.children[0] = child
		l = child
	}
	return l, nil
}

func (l *level) indexOf(name string) int {
	for i, child := range l.children {
		if child.relation == name || child.alias != "" && child.alias == name {
			return i
		}
	}
	return -1
}
