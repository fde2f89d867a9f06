package query

import (
	"encoding/binary"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/rows"
	"nexus/schema"
)

// shape encodes everything of a plan that its SQL depends on, which is all but the values. Every text has its length
// before it, and every list its number of elements, so that different plans cannot look alike.
type shape []byte

// appendShape appends the shape of a plan whose Read is set.
func appendShape(dst []byte, p *plan.Plan) []byte {
	s := shape(dst)
	s.node(p.Read)
	if format, ok := plainFormat(p); s.flag(ok) && format != rows.CSV && format != rows.Value {
		s.plainTypes(p)
	}
	s.body(&p.Body)
	if s.flag(p.Media.Plan != nil) {
		s.text(explainOptions(p.Media.Plan))
	}
	s.flags(p.Count.Exact, p.Count.Planned, p.Location, p.CountInserted)
	if s.flag(p.Count.Limit != nil) {
		s.number(int(*p.Count.Limit))
	}
	if s.flag(p.Mutation != nil) {
		s.mutation(p.Mutation)
	}
	if s.flag(p.Call != nil) {
		s.call(p.Call)
		s.flags(p.Routine.Return.SetOf, p.Routine.Return.Composite)
	}
	return s
}

func (s *shape) number(n int) { *s = binary.AppendVarint(*s, int64(n)) }

func (s *shape) text(t string) {
	s.number(len(t))
	*s = append(*s, t...)
}

func (s *shape) texts(list []string) {
	s.number(len(list))
	for _, t := range list {
		s.text(t)
	}
}

// flag adds a truth value and returns it.
func (s *shape) flag(b bool) bool {
	if b {
		*s = append(*s, 1)
	} else {
		*s = append(*s, 0)
	}
	return b
}

func (s *shape) flags(list ...bool) {
	for _, b := range list {
		s.flag(b)
	}
}

func (s *shape) ident(id schema.Ident) {
	s.text(id.Schema)
	s.text(id.Name)
}

func (s *shape) node(n *plan.Node) {
	s.ident(n.From)
	s.text(n.Alias)
	s.text(n.Parent)
	if s.flag(n.Relationship != nil) {
		s.relationship(n.Relationship)
	}
	s.number(len(n.On))
	for i := range n.On {
		on := &n.On[i]
		s.ident(on.Left)
		s.text(on.LeftColumn)
		s.ident(on.Right)
		s.text(on.RightColumn)
	}
	s.flags(n.Inner, n.Empty)
	s.number(int(n.Embed))
	s.text(n.Name)
	s.text(n.JoinAlias)
	s.number(len(n.Select))
	for i := range n.Select {
		s.selectField(&n.Select[i])
	}
	s.conditions(n.Where)
	s.order(n.Order)
	s.window(n.Window)
	s.spread(n)
	s.number(len(n.Children))
	for _, child := range n.Children {
		s.node(child)
	}
}

func (s *shape) window(w plan.Window) {
	s.flag(w.HasLimit)
	s.number(int(w.Limit))
	s.number(int(w.Offset))
	if w.HasLimit && w.Limit == 0 {
		s.number(int(w.Rows))
	}
}

func (s *shape) relationship(r *schema.Relationship) {
	if s.flag(r.Cardinality == schema.Computed) {
		s.ident(r.Function)
		s.ident(r.Table)
	}
	if s.flag(r.Junction != nil) {
		s.ident(r.Junction.Table)
	}
}

func (s *shape) spread(n *plan.Node) {
	s.number(len(n.Spread))
	for i := range n.Spread {
		f := &n.Spread[i]
		s.text(f.Name)
		s.text(string(f.Aggregate))
		s.text(f.AggregateCast)
		s.text(f.Alias)
	}
	s.number(len(n.SpreadExtra))
	for i := range n.SpreadExtra {
		s.text(n.SpreadExtra[i].Relation)
		s.selectField(&n.SpreadExtra[i].Field)
	}
	s.order(n.SpreadOrder)
}

func (s *shape) selectField(f *plan.SelectField) {
	s.field(&f.Field)
	s.text(f.Cast)
	s.text(string(f.Aggregate))
	s.text(f.AggregateCast)
	s.text(f.Alias)
}

// plainTypes adds the types of what is selected, which decide what needs to_json.
func (s *shape) plainTypes(p *plan.Plan) {
	*s = binary.LittleEndian.AppendUint64(*s, p.Table.Fingerprint())
	for i := range p.Read.Select {
		s.number(int(p.Read.Select[i].Field.TypeOID))
	}
}

func (s *shape) field(f *plan.Field) {
	s.text(f.Name)
	s.number(len(f.Path))
	for _, step := range f.Path {
		s.flags(step.AsText, step.Index)
		s.number(int(step.Operand))
	}
	s.flags(f.ToJSON, f.Search, f.WholeRow)
	s.number(int(f.Language))
	s.text(f.Type)
	s.text(f.Transform)
	s.text(f.Default)
}

func (s *shape) fields(list []plan.Field) {
	s.number(len(list))
	for i := range list {
		s.field(&list[i])
	}
}

func (s *shape) conditions(list []plan.Condition) {
	s.number(len(list))
	for i := range list {
		c := &list[i]
		s.flags(c.Negate, c.IsGroup, c.Or)
		s.field(&c.Field)
		s.text(string(c.Operator))
		s.text(string(c.Quantifier))
		s.number(int(c.Language))
		s.number(int(c.Value))
		s.text(string(c.Is))
		s.conditions(c.Children)
		s.text(c.Embed)
	}
}

func (s *shape) order(list []plan.OrderTerm) {
	s.number(len(list))
	for i := range list {
		term := &list[i]
		s.text(term.Relation)
		s.field(&term.Field)
		s.text(string(term.Direction))
		s.text(string(term.Nulls))
	}
}

func (s *shape) body(b *plan.Body) {
	s.number(int(b.Kind))
	s.flag(b.StripNulls)
	s.ident(b.Function)
	s.ident(b.Target)
}

func (s *shape) json(b plan.JSONBody) {
	s.number(int(b.Value))
	s.flag(b.IsObject)
}

func (s *shape) mutation(m *plan.Mutation) {
	s.number(int(m.Kind))
	s.ident(m.Into)
	s.fields(m.Columns)
	s.json(m.Body)
	s.flag(m.FillDefaults)
	s.number(int(m.Conflict))
	s.texts(m.ConflictColumns)
	s.conditions(m.Where)
	s.texts(m.Returning)
	s.texts(m.KeyColumns)
}

func (s *shape) call(c *plan.Call) {
	s.ident(c.Function)
	s.number(int(c.Kind))
	s.number(len(c.Arguments))
	for i := range c.Arguments {
		a := &c.Arguments[i]
		s.text(a.Name)
		s.text(a.Type)
		s.flag(a.Variadic)
		s.number(int(a.Value))
	}
	s.json(c.Body)
	s.flag(c.Scalar)
	s.texts(c.Returning)
}
