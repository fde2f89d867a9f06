package query

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// TestShapeCoversPlan changes every field of plans, one at a time: whenever the SQL changes, the shape has to change, or
// a cache would give one plan the statement of another.
func TestShapeCoversPlan(t *testing.T) {
	t.Parallel()
	for name, newPlan := range samplePlans() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shape := appendShape(nil, newPlan())
			want, err := newTemplate(newPlan(), true)
			if err != nil {
				t.Fatal(err)
			}
			changed := 0
			for i := 0; ; i++ {
				p := newPlan()
				m := mutator{target: i}
				m.walk(reflect.ValueOf(p), "plan")
				if m.path == "" {
					break
				}
				got, ok := tryTemplate(p)
				if !ok || reflect.DeepEqual(got, want) {
					continue
				}
				changed++
				if bytes.Equal(appendShape(nil, p), shape) {
					t.Errorf("%s changes the SQL but not the shape:\n%s\n%s", m.path, want.main.sql, got.main.sql)
				}
			}
			if changed < 10 {
				t.Errorf("only %d changes had an effect, so nothing was tested", changed)
			}
		})
	}
}

// tryTemplate builds the SQL of a plan that may make no sense any more.
func tryTemplate(p *plan.Plan) (built *template, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	built, err := newTemplate(p, true)
	return built, err == nil
}

// mutator changes the target-th value below the one it walks; path says which one that was, "" when there are fewer.
type mutator struct {
	target int
	seen   int
	path   string
}

// hit counts a place that can be changed and reports whether it is the one to change.
func (m *mutator) hit(path string) bool {
	isTarget := m.seen == m.target
	if m.seen++; isTarget {
		m.path = path
	}
	return isTarget
}

func (m *mutator) walk(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		switch {
		case v.IsNil():
			if v.CanSet() && m.hit(path+" set") {
				v.Set(reflect.New(v.Type().Elem()))
			}
		default:
			if v.CanSet() && m.hit(path+" unset") {
				v.SetZero()
				return
			}
			m.walk(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				m.walk(v.Field(i), path+"."+field.Name)
			}
		}
	case reflect.Slice:
		if m.hit(path + " longer") {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			return
		}
		if v.Len() > 0 && m.hit(path+" shorter") {
			v.Set(v.Slice(0, v.Len()-1))
			return
		}
		for i := range v.Len() {
			m.walk(v.Index(i), path+"[]")
		}
	case reflect.String:
		m.change(path, func() { v.SetString(v.String() + "x") })
	case reflect.Bool:
		m.change(path, func() { v.SetBool(!v.Bool()) })
	case reflect.Int, reflect.Int64:
		m.change(path, func() { v.SetInt(v.Int() + 1) })
	case reflect.Uint8:
		m.change(path, func() { v.SetUint(v.Uint() + 1) })
	}
}

func (m *mutator) change(path string, set func()) {
	if m.hit(path) {
		set()
	}
}

// samplePlans make plans that between them have every part a plan can have.
func samplePlans() map[string]func() *plan.Plan {
	return map[string]func() *plan.Plan{
		"read": func() *plan.Plan {
			limit := int64(3)
			return &plan.Plan{
				Read: sampleNode(), Body: plan.Body{Kind: plan.BodyArray},
				Count: plan.Count{Exact: true, Limit: &limit, Planned: true},
			}
		},
		"custom body": func() *plan.Plan {
			return &plan.Plan{Read: smallNode(), Body: plan.Body{
				Kind: plan.BodyCustom, Function: schema.Ident{Schema: "s", Name: "f"}, Target: schema.Ident{Schema: "s", Name: "t"},
			}}
		},
		"execution plan": func() *plan.Plan {
			return &plan.Plan{Read: smallNode(), Media: request.MediaType{Plan: &request.PlanOptions{JSON: true}}}
		},
		"insert":    func() *plan.Plan { return sampleWrite(plan.Insert) },
		"put":       func() *plan.Plan { return sampleWrite(plan.Put) },
		"update":    func() *plan.Plan { return sampleWrite(plan.Update) },
		"delete":    func() *plan.Plan { return sampleWrite(plan.Delete) },
		"arguments": func() *plan.Plan { return sampleCall(plan.CallArguments) },
		"JSON call": func() *plan.Plan { return sampleCall(plan.CallJSON) },
		"body call": func() *plan.Plan { return sampleCall(plan.CallBody) },
	}
}

// smallNode is for plans whose rows are not what they are about.
func smallNode() *plan.Node {
	return &plan.Node{From: schema.Ident{Name: "t"}, Select: []plan.SelectField{{Field: plan.Field{Name: "a"}}}}
}

func sampleNode() *plan.Node {
	n := embedNode(plan.TopLevel, nil)
	n.Children = []*plan.Node{
		embedNode(plan.EmbedObject, &schema.Relationship{Cardinality: schema.ManyToOne}),
		embedNode(plan.EmbedArray, &schema.Relationship{
			Cardinality: schema.ManyToMany, Junction: &schema.Junction{Table: schema.Ident{Name: "j"}},
		}),
		embedNode(plan.SpreadOne, &schema.Relationship{
			Cardinality: schema.Computed, Function: schema.Ident{Name: "f"}, Table: schema.Ident{Name: "t"},
		}),
		embedNode(plan.SpreadMany, &schema.Relationship{Cardinality: schema.OneToMany}),
	}
	return n
}

func embedNode(kind plan.EmbedKind, r *schema.Relationship) *plan.Node {
	field := plan.Field{
		Name: "c", ToJSON: true, Search: true, Language: 1, Type: "int", Transform: "tr",
		Path: []plan.PathStep{{Operand: 2}, {AsText: true, Index: true, Operand: 3}},
	}
	order := []plan.OrderTerm{{Field: field, Direction: request.OrderAsc, Nulls: request.NullsLast}}
	return &plan.Node{
		From: schema.Ident{Schema: "s", Name: "t"}, Relationship: r, Parent: "p", Embed: kind, Name: "n", JoinAlias: "ja",
		On:     []plan.JoinCondition{{Left: schema.Ident{Name: "l"}, LeftColumn: "a", Right: schema.Ident{Name: "r"}, RightColumn: "b"}},
		Select: []plan.SelectField{{Field: field, Cast: "int", Alias: "al"}, {Field: field, Aggregate: request.AggSum, AggregateCast: "text"}},
		Where: []plan.Condition{
			{Field: field, Operator: request.OpEq, Quantifier: request.QuantAny, Value: 4},
			{Field: field, Operator: request.OpFTS, Language: 5, Value: 6},
			{Field: field, Operator: request.OpIs, Is: request.IsNull, Negate: true},
			{IsGroup: true, Or: true, Children: []plan.Condition{{Embed: "ja"}, {Field: field, Operator: request.OpIn, Value: 7}}},
		},
		Order: order, Window: plan.Window{Limit: 8, Offset: 9},
		Spread:      []plan.SpreadField{{Name: "x"}, {Name: "y", Aggregate: request.AggMax, AggregateCast: "int", Alias: "z"}},
		SpreadExtra: []plan.ExtraField{{Relation: "rel", Field: plan.SelectField{Field: plan.Field{Name: "e"}, Alias: "ea"}}},
		SpreadOrder: []plan.OrderTerm{{Field: plan.Field{Name: "ea"}, Direction: request.OrderDesc}},
	}
}

func sampleWrite(kind plan.MutationKind) *plan.Plan {
	fields := []plan.Field{{Name: "a", Type: "int", Default: "1"}, {Name: "b", Type: "json", Transform: "tr"}}
	return &plan.Plan{
		Read: smallNode(), Body: plan.Body{Kind: plan.BodyObject}, Location: true, CountInserted: true,
		Mutation: &plan.Mutation{
			Kind: kind, Into: schema.Ident{Schema: "s", Name: "t"}, Columns: fields, Body: plan.JSONBody{Value: 1}, FillDefaults: true,
			Conflict: plan.ConflictMerge, ConflictColumns: []string{"a"}, Returning: []string{"a", "b"}, KeyColumns: []string{"a"},
			Where: []plan.Condition{{Field: plan.Field{Name: "a"}, Operator: request.OpGt, Value: 2}},
		},
	}
}

func sampleCall(kind plan.CallKind) *plan.Plan {
	return &plan.Plan{
		Read: smallNode(), Body: plan.Body{Kind: plan.BodyArray}, Routine: &schema.Routine{Return: schema.ReturnType{SetOf: true}},
		Call: &plan.Call{
			Function: schema.Ident{Schema: "s", Name: "f"}, Kind: kind, Returning: []string{"a"}, Body: plan.JSONBody{Value: 1},
			Arguments: []plan.Argument{{Name: "a", Type: "int", Value: 2}, {Name: "v", Type: "int[]", Variadic: true, Value: 3}},
		},
	}
}

// TestCacheForgets shows that a cache does not grow beyond its size, and that what is used stays.
func TestCacheForgets(t *testing.T) {
	t.Parallel()
	c := NewCache(8)
	used := &plan.Plan{Read: &plan.Node{From: schema.Ident{Name: "used"}}}
	first, err := c.Build(used)
	if err != nil {
		t.Fatal(err)
	}
	kept := c.recent[string(appendShape(nil, used))]
	for i := range 100 {
		name := "t" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		if _, err := c.Build(&plan.Plan{Read: &plan.Node{From: schema.Ident{Name: name}}}); err != nil {
			t.Fatal(err)
		}
		again, err := c.Build(used)
		if err != nil || again.Main.SQL != first.Main.SQL {
			t.Fatalf("the statement changed: %v, error %v", again, err)
		}
		if n := len(c.recent) + len(c.older); n > 8 {
			t.Fatalf("%d shapes are kept", n)
		}
	}
	var all []*template
	for _, m := range []map[string]*template{c.recent, c.older} {
		for _, value := range m {
			all = append(all, value)
		}
	}
	if !slices.Contains(all, kept) {
		t.Error("the shape in use was forgotten and built again")
	}
}
