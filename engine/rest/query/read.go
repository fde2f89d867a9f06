package query

import (
	"strconv"

	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// selectRows builds the SELECT for the rows of a level, with those of the levels embedded in it.
func selectRows(n *plan.Node) sq.SelectBuilder { return selectThese(n, selectList(n)) }

// selectThese is selectRows with another select list.
func selectThese(n *plan.Node, list []*fragment) sq.SelectBuilder {
	s := sq.Select()
	for _, column := range list {
		s = s.Column(column)
	}
	s = from(s, source(n))
	for _, child := range n.Children {
		s = s.JoinClause(join(child))
	}
	s = where(s, n, joinedEmbed)
	s = s.GroupBy(grouping(n)...)
	if len(n.Order) > 0 {
		s = s.OrderByClause(new(fragment).order(n.Qualifier(), n.Order))
	}
	return window(s, n.Window)
}

// selectList is what a level selects: its own fields, those its order needs, and what the levels embedded in it give. A
// level without any has all its columns here, for the level above to leave out.
func selectList(n *plan.Node) []*fragment {
	qualifier := n.Qualifier()
	var list []*fragment
	for i := range n.Select {
		list = append(list, new(fragment).selected(qualifier, &n.Select[i]))
	}
	if len(n.Select) == 0 && len(n.Children) == 0 {
		list = append(list, new(fragment).column(qualifier, "*"))
	}
	for i := range n.SpreadExtra {
		extra := &n.SpreadExtra[i]
		relation := qualifier
		if extra.Relation != "" {
			relation = schema.Ident{Name: extra.Relation}
		}
		list = append(list, new(fragment).selected(relation, &extra.Field))
	}
	for _, child := range n.Children {
		if n.IsSpread() && spreadsAll(child) {
			// All there is, once: the level above this one finds it by name.
			list = append(list, new(fragment).column(schema.Ident{Name: child.JoinAlias}, "*"))
			continue
		}
		list = append(list, embedded(child)...)
	}
	if len(list) == 0 {
		list = append(list, new(fragment)) // PostgreSQL allows rows without columns, squirrel wants something
	}
	return list
}

// embedded is what a level gives to the select list of the level above.
func embedded(n *plan.Node) []*fragment {
	join := schema.Ident{Name: n.JoinAlias}
	switch {
	case n.Embed == plan.EmbedObject && !n.Empty:
		return []*fragment{sql("row_to_json(").column(join, "*").sql(")::jsonb").as(n.Name)}
	case n.Embed == plan.EmbedArray && !n.Empty:
		return []*fragment{sql("COALESCE(").column(join, n.JoinAlias).sql(", '[]')").as(n.Name)}
	}
	list := make([]*fragment, len(n.Spread))
	for i := range n.Spread {
		s := &n.Spread[i]
		list[i] = new(fragment).aggregate(s.Aggregate, s.AggregateCast, new(fragment).column(join, s.Name)).as(s.Alias)
	}
	return list
}

// source is what a level's FROM clause names: its relation, the function of a computed relationship, or the relation and
// its junction.
func source(n *plan.Node) *fragment {
	f := new(fragment)
	r := n.Relationship
	if r != nil && r.Cardinality == schema.Computed {
		// The cast picks the function of that table among overloads, as rows of a common table expression have no type. The
		// star is for a relation that is joined and has a column of the parent's name, which the bare name would mean.
		f.ident(r.Function).sql("((").name(n.Parent).sql(".*)::").ident(r.Table).sql(")")
	} else {
		f.ident(n.From)
	}
	f.as(n.Alias)
	if r != nil && r.Junction != nil {
		f.sql(", ").ident(r.Junction.Table)
	}
	return f
}

// join joins an embedded level to the level above: one row as it is, many rows as an array of objects and, if the level
// is spread, an array for each column.
func join(n *plan.Node) *fragment {
	f := sql("LEFT")
	if n.Inner {
		f = sql("INNER")
	}
	f.sql(" JOIN LATERAL (")
	isMany := n.Embed == plan.EmbedArray || n.Embed == plan.SpreadMany
	if isMany {
		f.add(aggregateRows(n))
	} else {
		f.add(selectRows(n))
	}
	f.sql(") AS ").name(n.JoinAlias).sql(" ON ")
	if isMany && n.Inner {
		return f.name(n.JoinAlias).sql(" IS NOT NULL")
	}
	return f.sql("TRUE")
}

// aggregateRows builds the SELECT that makes one row of the many of a level.
func aggregateRows(n *plan.Node) sq.SelectBuilder {
	join := schema.Ident{Name: n.JoinAlias}
	s := sq.Select().Column(sql("json_agg(").name(n.JoinAlias).sql(")::jsonb").as(n.JoinAlias))
	for i := range n.Spread {
		spread := &n.Spread[i]
		column := sql("COALESCE(json_agg(").column(join, spread.Name)
		if len(n.SpreadOrder) > 0 {
			column.sql(" ORDER BY ").order(join, n.SpreadOrder)
		}
		s = s.Column(column.sql("), '[]')::jsonb").as(spread.Name))
	}
	return from(s, sql("(").add(selectRows(n)).sql(")").as(n.JoinAlias))
}

// where adds the conditions of a level.
func where(s sq.SelectBuilder, n *plan.Node, test embedTest) sq.SelectBuilder {
	for i := range n.Where {
		s = s.Where(new(fragment).condition(n.Qualifier(), &n.Where[i], test))
	}
	for i := range n.On {
		s = s.Where(new(fragment).joinCondition(&n.On[i]))
	}
	return s
}

// grouping are the keys that an aggregating level groups by: everything it selects that is no aggregate. What is no column
// is meant by its place in the select list, because its name could as well be that of a column.
func grouping(n *plan.Node) []string {
	if !aggregates(n) {
		return nil
	}
	var keys []string
	for i := range n.Select {
		switch s := &n.Select[i]; {
		case s.Aggregate != request.AggNone:
		case groupsByColumn(s):
			keys = append(keys, string(new(fragment).column(n.Qualifier(), s.Field.Name).text))
		default:
			keys = append(keys, strconv.Itoa(i+1))
		}
	}
	place := len(n.Select) + len(n.SpreadExtra)
	for _, child := range n.Children {
		switch {
		case child.IsSpread():
			place += len(child.Spread)
		case !child.Empty:
			place++
			keys = append(keys, strconv.Itoa(place))
		}
		for i := range child.Spread {
			if s := &child.Spread[i]; s.Aggregate == request.AggNone {
				keys = append(keys, string(new(fragment).column(schema.Ident{Name: child.JoinAlias}, s.Name).text))
			}
		}
	}
	return keys
}

// groupsByColumn reports whether a field is grouped by as it is stored. As in PostgREST, that is also so for one that is
// cast but has no other name.
func groupsByColumn(s *plan.SelectField) bool {
	return len(s.Field.Path) == 0 && !s.Field.WholeRow && (s.Cast == "" || s.Alias == "" || s.Alias == s.Field.Name)
}

// aggregates reports whether a level selects an aggregate, of its own or of a spread level.
func aggregates(n *plan.Node) bool {
	for i := range n.Select {
		if n.Select[i].Aggregate != request.AggNone {
			return true
		}
	}
	for _, child := range n.Children {
		for i := range child.Spread {
			if child.Spread[i].Aggregate != request.AggNone {
				return true
			}
		}
	}
	return false
}

// window restricts rows to a limit and offset.
func window(s sq.SelectBuilder, w plan.Window) sq.SelectBuilder {
	f := new(fragment)
	switch {
	case w.Limit != 0:
		f.sql("LIMIT ").param(w.Limit)
	case w.HasLimit:
		f.sql("LIMIT " + strconv.FormatInt(w.Rows, 10))
	}
	if w.Offset != 0 {
		f.sql(" OFFSET ").param(w.Offset)
	}
	if len(f.text) == 0 {
		return s
	}
	return s.SuffixExpr(f)
}
