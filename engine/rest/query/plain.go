package query

import (
	"slices"

	sq "github.com/Masterminds/squirrel"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/rows"
	"nexus/schema"
)

// response reads what functions of the database have set for the answer.
var response = Statement{SQL: "SELECT " + setting("response.headers") + ", " + setting("response.status")}

// plainFormat reports whether PostgreSQL can leave the making of the body to package rows, and what it is to make. It can
// for reads of relations, unless rows are grouped, and for functions that return one value.
func plainFormat(p *plan.Plan) (rows.Format, bool) {
	if isPlainValue(p) {
		return rows.Value, true
	}
	isRead := p.Mutation == nil && p.Call == nil && p.Table != nil
	if !isRead || p.Media.Plan != nil || p.Body.StripNulls || aggregates(p.Read) ||
		len(p.Read.Select)+len(p.Read.Children) == 0 || slices.ContainsFunc(p.Read.Children, spreadsAll) {
		return 0, false
	}
	switch p.Body.Kind {
	case plan.BodyArray:
		return rows.Array, true
	case plan.BodyObject:
		return rows.Object, true
	case plan.BodyLines:
		return rows.Lines, true
	case plan.BodyCSV:
		return rows.CSV, true
	default:
		return 0, false
	}
}

// spreadsAll reports whether a level spreads a *, so that this level does not know what its columns are.
func spreadsAll(n *plan.Node) bool {
	return slices.ContainsFunc(n.Spread, func(s plan.SpreadField) bool { return s.Name == "*" })
}

// isPlainValue is true of the call of a function that returns one value, with nothing asked of it that is meant for rows.
func isPlainValue(p *plan.Plan) bool {
	n := p.Read
	return isScalar(p) && p.Media.Plan == nil && p.Body.Kind == plan.BodyArray && !p.Body.StripNulls && !p.Count.Exact &&
		len(n.Where) == 0 && len(n.Order) == 0 && n.Window == plan.Window{} && len(n.Children) == 0 && !aggregates(n) &&
		len(n.Select) == 1 && n.Select[0].Field.Name == "*" && n.Select[0].Cast == "" && n.Select[0].Alias == ""
}

// plainStatement selects the rows of the answer. CSV takes the text of any value; for JSON, values whose JSON is not plain
// from their text come as JSON.
func plainStatement(p *plan.Plan, format rows.Format) sq.SelectBuilder {
	switch format {
	case rows.Value:
		return from(sq.Select("to_json(pgrst_call.pgrst_scalar)"), sql("(").add(call(p.Call)).sql(") pgrst_call"))
	case rows.CSV:
		return selectRows(p.Read)
	}
	return selectThese(p.Read, plainList(p))
}

// plainCount counts all rows, for a transaction in which all statements see the same snapshot.
func plainCount(p *plan.Plan) *fragment {
	return sql("SELECT pg_catalog.count(*) FROM (").add(countQuery(p)).sql(") ").sql(rowsName)
}

func plainList(p *plan.Plan) []*fragment {
	n := p.Read
	var list []*fragment
	for i := range n.Select {
		s := &n.Select[i]
		switch {
		case s.Field.Name == "*" && len(s.Field.Path) == 0:
			list = append(list, plainColumns(n.Qualifier(), p.Table)...)
		case isPlain(s):
			list = append(list, new(fragment).selected(n.Qualifier(), s))
		default:
			list = append(list, toJSON(new(fragment).value(n.Qualifier(), s), nameOf(s.Alias, s.Field.Name)))
		}
	}
	for _, child := range n.Children {
		if !child.IsSpread() {
			list = append(list, embedded(child)...)
			continue
		}
		for i := range child.Spread {
			s := &child.Spread[i]
			value := new(fragment).column(schema.Ident{Name: child.JoinAlias}, s.Name)
			list = append(list, toJSON(value, nameOf(s.Alias, s.Name)))
		}
	}
	if len(list) == 0 {
		list = append(list, new(fragment))
	}
	return list
}

// plainColumns selects all columns: by a star if they are all plain, so that the statement survives new ones.
func plainColumns(qualifier schema.Ident, table *schema.Table) []*fragment {
	list := make([]*fragment, len(table.Columns))
	allPlain := true
	for i, c := range table.Columns {
		list[i] = new(fragment).column(qualifier, c.Name)
		if !rows.Plain(c.TypeOID) {
			allPlain = false
			list[i] = toJSON(list[i], c.Name)
		}
	}
	if allPlain {
		return []*fragment{new(fragment).column(qualifier, "*")}
	}
	return list
}

// isPlain reports whether the text of the field's value is enough to make its JSON.
func isPlain(s *plan.SelectField) bool {
	switch {
	case s.Cast != "":
		return s.Cast == "text"
	case s.Field.Transform != "" || s.Field.WholeRow:
		return false
	case len(s.Field.Path) > 0: // JSON, or its text
		return true
	default:
		return rows.Plain(s.Field.TypeOID)
	}
}

func toJSON(value *fragment, name string) *fragment {
	return sql("to_json(").add(value).sql(")").as(name)
}

func nameOf(alias, name string) string {
	if alias != "" {
		return alias
	}
	return name
}
