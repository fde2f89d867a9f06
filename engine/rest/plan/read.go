package plan

import (
	"slices"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// planRead plans the rows of the answer. relation is what the names of the top level mean; from is where its rows come
// from: the relation itself, or the source of a write or a call.
func (b *builder) planRead(relation, from schema.Ident) *apierr.Error {
	levels := newLevel(b.req.Query.Select)
	if err := b.distribute(&levels); err != nil {
		return err
	}
	b.plan.LegacyTargets = levels.legacyTargets()
	top := &b.planned.top
	top.From, top.table = from, relation
	if from != relation {
		// Relationships of the top level are found by its alias.
		top.Alias = relation.Name
	}
	if err := b.relate(&levels, top, relation.Schema); err != nil {
		return err
	}
	b.resolve(&levels, top, false)
	if err := relateOrders(top); err != nil {
		return err
	}
	relateNullFilters(top)
	if err := b.checkAggregates(top); err != nil {
		return err
	}
	exposeEmbeds(top)
	hoistAggregates(top)
	b.plan.Read = top
	return moveSpreadOrders(top)
}

// resolve finds the fields of a level and of those below it. aggregated is true below a level that is aggregated.
func (b *builder) resolve(l *level, n *Node, aggregated bool) {
	table := b.snap.Table(n.table)
	n.Select = b.resolveSelect(l, table)
	aggregated = aggregated || n.hasAggregate() || n.Embed == SpreadMany
	b.expandStars(n, table, aggregated)
	for i := range n.Select {
		nameField(&n.Select[i], n.IsSpread())
	}
	if conditions := len(l.logic) + len(l.filters); conditions > 0 {
		n.Where = make([]Condition, 0, conditions)
	}
	for _, tree := range slices.Backward(l.logic) {
		n.Where = append(n.Where, b.resolveLogic(table, tree))
	}
	for _, filter := range slices.Backward(l.filters) {
		n.Where = append(n.Where, b.resolveFilter(table, filter))
	}
	if len(l.order) > 0 {
		n.Order = make([]OrderTerm, len(l.order))
	}
	for i := range l.order {
		n.Order[i] = b.resolveOrder(table, &l.order[i])
	}
	n.Window = b.window(l.window)
	for i, child := range l.children {
		b.resolve(child, n.Children[i], aggregated)
	}
}

// resolveSelect finds the fields that a level selects.
func (b *builder) resolveSelect(l *level, table *schema.Table) []SelectField {
	selected := make([]SelectField, 0, l.fields)
	for i := range l.items {
		item := &l.items[i]
		if item.Kind != request.SelectField {
			continue
		}
		field := SelectField{
			Field: b.resolveOutput(table, item.Field), Cast: item.Cast,
			Aggregate: item.Aggregate, AggregateCast: item.AggregateCast, Alias: item.Alias,
		}
		if item.Alias == "" && item.Aggregate == request.AggNone {
			field.Alias = lastKey(item.Field)
		}
		selected = append(selected, field)
	}
	return selected
}

// expandStars replaces * by the columns where PostgreSQL's own * would not do: where columns have to be named for a
// grouping, or converted to their representation. In a spread level count() has to count that level's rows only.
func (b *builder) expandStars(n *Node, table *schema.Table, aggregated bool) {
	stars := slices.ContainsFunc(n.Select, func(f SelectField) bool {
		return f.Field.Name == star && (f.Aggregate == request.AggNone || n.IsSpread() && f.Aggregate == request.AggCount)
	})
	if !stars || !aggregated && !b.hasRepresentations(table) {
		return
	}
	var expanded []SelectField
	for _, f := range n.Select {
		switch {
		case f.Field.isStar() && f.Aggregate == request.AggNone:
			expanded = b.appendColumns(expanded, f, table)
			continue
		case f.Field.isStar() && f.Aggregate == request.AggCount && n.IsSpread():
			f.Field.WholeRow = true
		}
		expanded = append(expanded, f)
	}
	n.Select = expanded
}

func (b *builder) appendColumns(fields []SelectField, like SelectField, table *schema.Table) []SelectField {
	if table == nil {
		return fields
	}
	for _, c := range table.Columns {
		like.Field = b.transform(columnField(c), jsonFormat, true)
		fields = append(fields, like)
	}
	return fields
}

func (b *builder) hasRepresentations(table *schema.Table) bool {
	if table == nil || len(b.snap.Representations) == 0 {
		return false
	}
	return slices.ContainsFunc(table.Columns, func(c *schema.Column) bool {
		_, ok := b.snap.Representations[schema.RepresentationKey{Source: c.NominalType, Target: jsonFormat}]
		return ok
	})
}

// lastKey is the name that a field at the end of a JSON path goes by: the last key in it, or the column; "" without a path.
func lastKey(f request.Field) string {
	if len(f.Path) == 0 {
		return ""
	}
	for _, op := range slices.Backward(f.Path) {
		if !op.Index {
			return op.Operand
		}
	}
	return f.Name
}

// nameField names what PostgreSQL would name after a function: a converted column keeps its name, and an aggregate of a
// spread level needs one for the level above to refer to.
func nameField(f *SelectField, spread bool) {
	switch {
	case f.Alias != "":
	case f.Aggregate != request.AggNone:
		if spread {
			f.Alias = string(f.Aggregate)
		}
	case f.Field.Transform != "":
		f.Alias = f.Field.Name
	}
}

// resolveOrder finds the field of an order term. What is taken out of a json column as
// json becomes jsonb, because json has no ordering.
func (b *builder) resolveOrder(table *schema.Table, t *request.OrderTerm) OrderTerm {
	term := OrderTerm{Relation: t.Relation, Direction: t.Direction, Nulls: t.Nulls}
	if t.Relation != "" {
		// It is a column of the embedded rows, as they were selected.
		term.Field = Field{Name: t.Field.Name, Path: b.bindPath(t.Field.Path)}
		return term
	}
	term.Field = b.resolveField(table, t.Field)
	if last := len(term.Field.Path) - 1; last >= 0 && !term.Field.Path[last].AsText && term.Field.Type == "json" {
		term.Field.ToJSON = true
	}
	return term
}

// window restricts a level to the requested rows, and those of reads and calls to the configured limit.
func (b *builder) window(r request.Range) Window {
	if b.plan.Mutation == nil {
		switch {
		case r.HasLimit && r.Offset+r.Limit == 0:
			r = request.Range{HasLimit: true}
		case b.opts.MaxRows != nil:
			r = r.Restrict(*b.opts.MaxRows)
		}
	}
	if r.IsAll() {
		return Window{}
	}
	w := Window{HasLimit: r.HasLimit}
	if r.HasLimit {
		w.Rows = r.Limit
		if r.Limit > MaxFixedLimit {
			w.Limit = b.bindInt(r.Limit)
		}
	}
	if r.Offset != 0 {
		w.Offset = b.bindInt(r.Offset)
	}
	return w
}
