package query

import (
	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
)

// countedRows builds the SELECT whose rows are those of a level regardless of its window. It selects nothing, so that
// nothing is computed; embedded levels matter only where they restrict the level.
func countedRows(n *plan.Node) sq.SelectBuilder {
	s := from(sq.Select("1"), source(n))
	s = where(s, n, func(f *fragment, joinAlias string, absent bool) {
		for _, child := range n.Children {
			if child.JoinAlias != joinAlias {
				continue
			}
			if absent {
				f.sql("NOT ")
			}
			f.sql("EXISTS (").add(countedRows(child)).sql(")")
			return
		}
	})
	for _, child := range n.Children {
		if child.Inner {
			s = s.Where(sql("EXISTS (").add(countedRows(child)).sql(")"))
		}
	}
	return s
}
