package plan

import (
	"slices"

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

	items    []request.SelectItem // those of kind SelectField are the level's own
	fields   int                  // how many these are
	logic    []*request.LogicTree
	filters  []*request.Filter
	order    []request.OrderTerm
	window   request.Range
	children []*level

	// calledByRelation is set when the request called the level by its relation's name although it has an alias.
	calledByRelation bool
}

// name is what the request calls the level.
func (l *level) name() string {
	if l.alias != "" {
		return l.alias
	}
	return l.relation
}

// newLevel makes a level and those below it of select items.
func newLevel(items []request.SelectItem) level {
	l := level{items: items}
	for i := range items {
		if items[i].Kind == request.SelectField {
			l.fields++
		}
	}
	if l.fields == len(items) {
		return l
	}
	l.children = make([]*level, 0, len(items)-l.fields)
	for i := range items {
		item := &items[i]
		if item.Kind == request.SelectField {
			continue
		}
		child := newLevel(item.Children)
		child.relation, child.hint = item.Relation, item.Hint
		child.inner = item.Join == request.JoinInner
		if child.spread = item.Kind == request.SelectSpread; !child.spread {
			child.alias = item.Alias
		}
		l.children = append(l.children, &child)
	}
	return l
}

// distribute sorts the parts of the query string to their levels. Later parameters come first, so that of several errors,
// or of several orders of one level, PostgREST's one wins.
func (b *builder) distribute(top *level) *apierr.Error {
	q := &b.req.Query
	isWrite := b.plan.Mutation != nil
	for i := len(q.Filters) - 1; i >= 0; i-- {
		f := &q.Filters[i]
		if isWrite && len(f.Path) == 0 {
			continue // it selects what is written
		}
		l, err := b.at(top, f.Path)
		if err != nil {
			return err
		}
		l.filters = append(slices.Grow(l.filters, i+1), &f.Filter)
	}
	for i := len(q.Order) - 1; i >= 0; i-- {
		l, err := b.at(top, q.Order[i].Path)
		if err != nil {
			return err
		}
		l.order = q.Order[i].Terms
	}
	if !isWrite {
		for i := len(q.Ranges) - 1; i >= 0; i-- {
			l, err := b.at(top, q.Ranges[i].Path)
			if err != nil {
				return err
			}
			l.window = q.Ranges[i].Range
		}
		top.window = b.req.TopRange
	}
	for i := len(q.Logic) - 1; i >= 0; i-- {
		if isWrite && len(q.Logic[i].Path) == 0 {
			continue // PostgREST forgot this before 14.4, and lost the rows that a write made different
		}
		l, err := b.at(top, q.Logic[i].Path)
		if err != nil {
			return err
		}
		l.logic = append(l.logic, &q.Logic[i].Tree)
	}
	return nil
}

// at finds the level of a path. As in PostgREST, a level that is addressed becomes the first one among its neighbours,
// which the order of keys in the answer shows.
func (b *builder) at(l *level, path []string) (*level, *apierr.Error) {
	for _, name := range path {
		i := l.indexOf(name, b.opts.AliasesOnly)
		if i < 0 {
			if i = l.indexOf(name, false); i >= 0 {
				return nil, errAliased(name, l.children[i].alias)
			}
			return nil, errNotEmbedded(name)
		}
		child := l.children[i]
		copy(l.children[1:i+1], l.children[:i])
		l.children[0] = child
		l = child
		l.calledByRelation = l.calledByRelation || l.alias != "" && l.alias != name
	}
	return l, nil
}

func (l *level) indexOf(name string, aliasesOnly bool) int {
	return slices.IndexFunc(l.children, func(child *level) bool {
		return child.name() == name || !aliasesOnly && child.relation == name
	})
}

// legacyTargets lists the levels below that were called by their relations' names.
func (l *level) legacyTargets() []LegacyTarget {
	var found []LegacyTarget
	for _, child := range l.children {
		if child.calledByRelation {
			found = append(found, LegacyTarget{child.relation, child.alias})
		}
		found = append(found, child.legacyTargets()...)
	}
	return found
}
