package plan_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// TestValues checks that values keep to themselves: an empty one is no null, and long and short ones share no bytes.
func TestValues(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	long := strings.Repeat("x", 100)
	p := build(t, snap, plan.Options{}, "GET /labels?name=eq.&id=gt.1&name=neq."+long+"&id=lt.22&name=neq.abc&id=neq.")
	want := []string{"", "1", long, "22", "abc", ""}
	if len(p.Values) != len(want) {
		t.Fatalf("values %q", p.Values)
	}
	for i, value := range p.Values {
		if value == nil || string(value) != want[i] || cap(value) != len(value) {
			t.Errorf("value %d is %q (nil: %v, room for %d), want %q", i, value, value == nil, cap(value), want[i])
		}
	}
	if p = build(t, snap, plan.Options{}, "GET /labels?name=eq."); p.Values[0] == nil {
		t.Error("the empty text became null")
	}
}

// TestTransactions checks which requests may write, and what functions ask of their transaction.
func TestTransactions(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	for _, test := range []struct {
		request  string
		readOnly bool
	}{
		{"GET /labels", true},
		{"GET /", true},
		{"POST /labels\n\n{}", false},
		{"PATCH /labels\n\n{}", false},
		{"DELETE /labels", false},
		{"GET /rpc/log?kind=x", true},
		{"POST /rpc/log\n\n{\"kind\":\"x\"}", false},
		{"POST /rpc/cheap\n\n{\"max\":1}", true},
		{"POST /rpc/add\n\n{\"a\":1}", true},
	} {
		if p := build(t, snap, plan.Options{}, test.request); p.ReadOnly != test.readOnly {
			t.Errorf("%s: read only is %v", test.request, p.ReadOnly)
		}
	}
	p := build(t, snap, plan.Options{}, "GET /rpc/strict_read\nAccept-Profile: extra")
	if p.IsolationLevel != "serializable" || !slices.Contains(p.Settings, schema.Setting{Name: "statement_timeout", Value: "5s"}) {
		t.Errorf("isolation level %q, settings %v", p.IsolationLevel, p.Settings)
	}
}

// TestNegotiation checks what body and media type a request gets.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	lines := plan.Body{Kind: plan.BodyCustom, Function: schema.Ident{Schema: "extra", Name: "lines"}, Target: schema.AnyElement}
	for _, test := range []struct {
		request string
		media   string
		body    plan.Body
	}{
		{"GET /labels", "application/json", plan.Body{Kind: plan.BodyArray}},
		{"HEAD /labels", "application/json", plan.Body{}},
		{"GET /labels\nAccept: text/unknown, text/csv", "text/csv", plan.Body{Kind: plan.BodyCSV}},
		{"GET /labels\nAccept: application/geo+json", "application/geo+json", plan.Body{Kind: plan.BodyGeoJSON}},
		{"GET /labels\nAccept: application/vnd.pgrst.object", "application/vnd.pgrst.object+json", plan.Body{Kind: plan.BodyObject}},
		{"GET /labels\nAccept: application/vnd.pgrst.array;nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped", plan.Body{Kind: plan.BodyArray, StripNulls: true}},
		{"GET /labels\nAccept: application/vnd.lines", "application/vnd.lines", lines},
		{"GET /labels?select=id\nAccept: application/vnd.pgrst.plan; for=\"application/vnd.lines\"", `application/vnd.pgrst.plan+text; for="application/vnd.lines"`, lines},
		{"POST /labels\n\n{}", "application/json", plan.Body{}},
		{"POST /labels\nPrefer: return=representation\n\n{}", "application/json", plan.Body{Kind: plan.BodyArray}},
		{"GET /rpc/page\nAccept: text/html", "text/html", plan.Body{
			Kind: plan.BodyCustom, Function: schema.Ident{Schema: "shop", Name: "text/html"}, Target: schema.Ident{Schema: "shop", Name: "page"},
		}},
		{"HEAD /rpc/add?a=1", "application/json", plan.Body{}},
		{"GET /", "application/openapi+json", plan.Body{}},
	} {
		p := build(t, snap, plan.Options{PlanEnabled: true}, test.request)
		if p.Media.Mime() != test.media || p.Body != test.body {
			t.Errorf("%s\n got %s %+v\nwant %s %+v", test.request, p.Media.Mime(), p.Body, test.media, test.body)
		}
	}
}

// TestReturning checks which columns of written rows and of a function's rows are asked for.
func TestReturning(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	for _, test := range []struct {
		request string
		want    []string
	}{
		{"PATCH /orders\n\n{}", nil},
		{"PATCH /orders\nPrefer: return=representation\n\n{}", []string{"*"}},
		{"PATCH /orders?select=note\nPrefer: return=representation\n\n{}", []string{"id", "note"}},
		{"PATCH /orders?select=note,customers(id),billing:billing_address_id(city)\nPrefer: return=representation\n\n{}", []string{"billing_address_id", "customer_id", "id", "note"}},
		{"PATCH /products?select=name,labels(name)\nPrefer: return=representation\n\n{}", []string{"name", "sku"}},
		{"PATCH /customers?select=id,latest_order(id)\nPrefer: return=representation\n\n{}", []string{"*"}},
		{"POST /orders?select=note\nPrefer: return=headers-only\n\n{}", []string{"id", "note"}},
		{"GET /rpc/cheap?max=1", []string{"*"}},
		{"GET /rpc/cheap?max=1&select=name&stock=gt.1&or=(price.gt.1,labels.is.null)", []string{"labels", "name", "price", "stock"}},
		{"GET /rpc/cheap?max=1&select=name,labels(id)&labels=not.is.null", []string{"name", "sku"}},
		{"GET /rpc/cheap?max=1&select=name,labels(id)&labels.id=gt.1&labels.order=id", []string{"name", "sku"}},
		{"GET /rpc/cheap?max=1&select=name&order=price,sizes->0", []string{"name", "price", "sizes"}},
	} {
		p := build(t, snap, plan.Options{}, test.request)
		var got []string
		if p.Mutation != nil {
			got = p.Mutation.Returning
		} else {
			got = p.Call.Returning
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s\n got %q\nwant %q", test.request, got, test.want)
		}
	}
}

// TestLevels checks that the parts of the query string arrive at their levels, and in PostgREST's order.
func TestLevels(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	p := build(t, snap, plan.Options{}, "GET /customers?select=id,addresses(id),o:orders(id,order_items(qty))"+
		"&o.order_items.qty=gt.1&orders.order=id&o.order=total&o.limit=3&o.id=in.(1,2)&o.or=(id.eq.1)&score=gt.5")
	orders := p.Read.Children[0]
	if orders.Name != "o" {
		t.Fatalf("the first level is %s, want the one that was addressed", orders.Name)
	}
	if len(p.Read.Where) != 1 || len(orders.Where) != 2 || !orders.Where[0].IsGroup || orders.Where[1].Operator != request.OpIn {
		t.Errorf("conditions %+v and %+v", p.Read.Where, orders.Where)
	}
	if len(orders.Order) != 1 || orders.Order[0].Field.Name != "id" {
		t.Errorf("order %+v, want the first one given", orders.Order)
	}
	if want := (plan.Window{HasLimit: true, Rows: 3}); orders.Window != want {
		t.Errorf("window %+v, want %+v", orders.Window, want)
	}
	if items := orders.Children[0]; len(items.Where) != 1 || items.Embed != plan.EmbedArray || items.JoinAlias != "orders_order_items_2" {
		t.Errorf("the innermost level is %+v", items)
	}
}

// TestMaxRows checks the limit on rows: of every level of reads and calls, and never of writes.
func TestMaxRows(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	limit := int64(10)
	opts := plan.Options{MaxRows: &limit}
	for _, test := range []struct {
		request    string
		top, embed string
	}{
		{"GET /customers?select=id,orders(id)", "10", "10"},
		{"GET /customers?select=id,orders(id)&limit=3&orders.limit=11", "3", "10"},
		{"GET /customers?select=id,orders(id)&limit=0&orders.limit=0", "0", "0"},
		{"GET /rpc/cheap?max=1&select=sku,labels(id)", "10", "10"},
		{"PATCH /customers?select=id,orders(id)&limit=3\nPrefer: return=representation\n\n{}", "", ""},
	} {
		p := build(t, snap, opts, test.request)
		for i, level := range []*plan.Node{p.Read, p.Read.Children[0]} {
			var got string
			if level.Window.HasLimit {
				got = strconv.FormatInt(level.Window.Rows, 10)
			}
			if want := []string{test.top, test.embed}[i]; got != want {
				t.Errorf("%s: limit %q at level %d, want %q", test.request, got, i, want)
			}
		}
	}
}

// TestLargeLimits checks which limits are values of the statement.
func TestLargeLimits(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	if p := build(t, snap, plan.Options{}, "GET /labels?limit=1000"); p.Read.Window.Limit != 0 {
		t.Errorf("window %+v of a page is bound", p.Read.Window)
	}
	p := build(t, snap, plan.Options{}, "GET /labels?limit=1001&offset=7")
	if w := p.Read.Window; w.Limit == 0 || string(p.Value(w.Limit)) != "1001" || string(p.Value(w.Offset)) != "7" {
		t.Errorf("window %+v with values %q", w, p.Values)
	}
}

// TestCounts checks what is counted and how.
func TestCounts(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	limit := int64(10)
	opts := plan.Options{MaxRows: &limit}
	for _, test := range []struct {
		request string
		want    plan.Count
	}{
		{"GET /labels", plan.Count{}},
		{"GET /labels\nPrefer: count=exact", plan.Count{Exact: true}},
		{"GET /labels\nPrefer: count=planned", plan.Count{Planned: true}},
		{"GET /labels\nPrefer: count=estimated", plan.Count{Exact: true, Planned: true, Limit: &limit}},
		{"GET /rpc/cheap?max=1\nPrefer: count=estimated", plan.Count{Exact: true}},
		{"PATCH /labels\nPrefer: count=exact\n\n{}", plan.Count{}},
	} {
		if p := build(t, snap, opts, test.request); !reflect.DeepEqual(p.Count, test.want) {
			t.Errorf("%s: %+v, want %+v", test.request, p.Count, test.want)
		}
	}
}

// TestCalls checks how functions get their arguments.
func TestCalls(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	for _, test := range []struct {
		request string
		kind    plan.CallKind
		want    []string // the bound values
	}{
		{"GET /rpc/nothing", plan.CallPlain, nil},
		{"GET /rpc/add?b=2&a=1", plan.CallArguments, []string{"1", "2"}},
		{"GET /rpc/add?a=1&a=3", plan.CallArguments, []string{"3"}},
		{"GET /rpc/total?v=1&v=2", plan.CallArguments, []string{`{"1","2"}`}},
		{"POST /rpc/total\nContent-Type: application/x-www-form-urlencoded\n\nv=1&v=2", plan.CallArguments, []string{`{"1","2"}`}},
		{"POST /rpc/add\n\n{\"a\":1}", plan.CallJSON, []string{`{"a":1}`}},
		{"POST /rpc/echo\n\n{\"a\":1}", plan.CallBody, []string{`{"a":1}`}},
		{"POST /rpc/size_of\nContent-Profile: extra\nContent-Type: application/octet-stream\n\nab", plan.CallBody, []string{`\x6162`}},
		{"GET /rpc/overloaded?a=1&b=x", plan.CallArguments, []string{"1", "x"}},
		{"GET /rpc/overloaded?a=1", plan.CallArguments, []string{"1"}},
	} {
		t.Run(test.request, func(t *testing.T) {
			t.Parallel()
			p := build(t, snap, plan.Options{}, test.request)
			var got []string
			for _, value := range p.Values {
				got = append(got, string(value))
			}
			if p.Call.Kind != test.kind || !slices.Equal(got, test.want) {
				t.Errorf("kind %d with %q, want %d with %q", p.Call.Kind, got, test.kind, test.want)
			}
		})
	}
}

// TestInformation checks what OPTIONS gets.
func TestInformation(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	if p := build(t, snap, plan.Options{}, "OPTIONS /labels"); p.Table == nil || p.Table.Name != "labels" || p.Read != nil {
		t.Errorf("a relation's plan is %+v", p)
	}
	if p := build(t, snap, plan.Options{}, "OPTIONS /rpc/nothing"); p.Routine == nil || p.Routine.Name != "nothing" || p.Read != nil {
		t.Errorf("a function's plan is %+v", p)
	}
	if p := build(t, snap, plan.Options{}, "OPTIONS /"); p.Read != nil || p.Table != nil {
		t.Errorf("the root's plan is %+v", p)
	}
}
