package query_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// TestTextDependsOnShapeOnly builds requests that differ in their values, which must not show in the text.
func TestTextDependsOnShapeOnly(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	cache := query.NewCache(16)
	for _, pair := range [][2]string{
		{"GET /customers?id=eq.1&limit=5&offset=2", "GET /customers?id=eq.234&limit=5&offset=50"},
		{"GET /customers?limit=1001", "GET /customers?limit=100000"},
		{"GET /customers?id=in.(1,2,3)&tags=cs.{a}", "GET /customers?id=in.()&tags=cs.{}"},
		{"GET /customers?first_name=like(any).{a*,b}&score=gt(all).{1}", "GET /customers?first_name=like(any).{}&score=gt(all).{2,3}"},
		{"GET /customers?profile->>lang=eq.en&order=profile->a->0", "GET /customers?profile->>age=eq.5&order=profile->b->-7"},
		{"GET /products?name=fts(english).a&search=wfts.b", "GET /products?name=fts(simple).c&search=wfts.d%20e"},
		{"GET /customers?or=(id.eq.1,not.and(score.lt.5,phone.eq.x))", "GET /customers?or=(id.eq.7,not.and(score.lt.8,phone.eq.y))"},
		{"GET /customers?select=orders(id)&orders.id=eq.1&orders.offset=1", "GET /customers?select=orders(id)&orders.id=eq.9&orders.offset=7"},
		{"GET /rpc/total?v=1&v=2", "GET /rpc/total?v=3"},
		{"GET /rpc/add?a=1&b=2", "GET /rpc/add?b=4&a=3"},
		{"POST /rpc/add\n\n{\"a\":1}", "POST /rpc/add\n\n{\"a\":27}"},
		{"POST /labels\n\n[{\"id\":1,\"name\":\"x\"}]", "POST /labels\n\n[{\"name\":\"y\",\"id\":2},{\"id\":3,\"name\":\"z\"}]"},
		{"PATCH /labels?id=eq.1\n\n{\"name\":\"x\"}", "PATCH /labels?id=eq.2\n\n{\"name\":\"y\"}"},
		{"PUT /labels?id=eq.1\n\n{\"id\":1,\"name\":\"x\"}", "PUT /labels?id=eq.2\n\n{\"id\":2,\"name\":\"y\"}"},
		{"DELETE /labels?id=eq.1", "DELETE /labels?id=eq.2"},
	} {
		first, second := build(t, snap, cache, pair[0]), build(t, snap, cache, pair[1])
		if first.Main.SQL != second.Main.SQL {
			t.Errorf("%s\n and %s\nhave different texts:\n%s\n%s", pair[0], pair[1], first.Main.SQL, second.Main.SQL)
		}
		if slices.EqualFunc(first.Main.Args, second.Main.Args, slices.Equal) {
			t.Errorf("%s: a cached statement kept the values %q of another request", pair[1], first.Main.Args)
		}
	}
}

func build(t *testing.T, snap *schema.Snapshot, cache *query.Cache, text string) *query.Query {
	t.Helper()
	p, err := plan.Build(allOptions, snap, parseRequest(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	cached, err := cache.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	direct, err := query.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	if render(cached.Main) != render(direct.Main) || render(cached.CountPlan) != render(direct.CountPlan) {
		t.Errorf("%s: the cache has another statement:\n%s\n%s", text, render(cached.Main), render(direct.Main))
	}
	return cached
}

// TestCacheIsSafe builds from several goroutines; the race detector watches.
func TestCacheIsSafe(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	cache := query.NewCache(4)
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(g*100 + i)
				column := []string{"id", "score", "organization_id", "phone", "email"}[i%5]
				q := build(t, snap, cache, "GET /customers?"+column+"=eq."+id)
				if got := string(q.Main.Args[0]); got != id {
					t.Errorf("argument %q, want %q", got, id)
				}
			}
		})
	}
	wait.Wait()
}

// hostile is a name or value that ends every kind of quoting and has every placeholder.
const hostile = `evil'"; drop table x; --$1?$$\E')/*`

// quoted matches everything within quotes of SQL: names, and literals (of which only a name of the catalog can be one).
var quoted = regexp.MustCompile(`"(?:[^"]|"")*"|E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'`)

// TestInjection puts hostile texts wherever a request has a name or a value. Outside of quotes there must be nothing of
// them, and values must not be in the text at all.
func TestInjection(t *testing.T) {
	t.Parallel()
	snap := loadSnapshot(t)
	name := url.QueryEscape(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(hostile) + `"`)
	value := url.QueryEscape(hostile)
	inner := url.QueryEscape(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(hostile) + `"`)
	for _, target := range []string{
		"select=" + name, "select=" + name + ":id", "select=id::" + value, "select=id.sum()::" + value, "select=profile->" + name,
		"select=profile->>" + name + "::text", "select=orders(" + name + ")", "select=x:orders(id)&x." + name + "=eq.1",
		"select=" + name + ":orders(id)", "select=" + name + ":orders(id)&" + name + "=not.is.null", "select=orders!" + name + "(id)", "select=" + name + "(id)",
		"select=id,...orders(" + name + ":id)&orders.order=" + name, "select=latest_order(" + name + ":id)",
		"order=" + name + ".desc", "order=profile->" + name, "order=" + name + "(id)", "select=orders(customers(" + name + "))&orders.order=customers(" + name + ")",
		name + "=eq.1", "id=eq." + value, "first_name=like." + value, "first_name=ilike(any).{" + inner + "}", "id=in.(" + inner + ",1)", "id=isdistinct." + value,
		"tags=cs.{" + inner + "}", "first_name=fts(" + value + ").x", "first_name=wfts." + value, "profile->>" + name + "=eq." + value,
		"or=(first_name.eq." + inner + "," + name + ".gt.1)", "and=(id.in.(" + inner + "))", "limit=" + value, "offset=" + value, "columns=" + name,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			checkInjection(t, snap, request.Input{
				Method: method, Path: "/customers", RawQuery: target, Body: []byte(`{"first_name":"` + "evil'; drop table x; --$1?" + `"}`),
				Header: http.Header{"Prefer": {"return=representation, count=exact"}},
			})
		}
	}
	body := `{"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(hostile) + `":1}`
	for _, input := range []request.Input{
		{Method: http.MethodPost, Path: "/labels", Body: []byte(body)},
		{Method: http.MethodPost, Path: "/labels", RawQuery: "columns=" + name, Body: []byte(body)},
		{Method: http.MethodPost, Path: "/labels", RawQuery: "on_conflict=" + name, Body: []byte(`{"id":1}`), Header: http.Header{"Prefer": {"resolution=merge-duplicates"}}},
		{Method: http.MethodPut, Path: "/labels", RawQuery: "id=eq." + value, Body: []byte(`{"id":"evil'--?"}`)},
		{Method: http.MethodGet, Path: "/" + url.PathEscape(hostile)},
		{Method: http.MethodGet, Path: "/rpc/" + url.PathEscape(hostile)},
		{Method: http.MethodGet, Path: "/rpc/greet", RawQuery: "name=" + value},
		{Method: http.MethodGet, Path: "/rpc/greet", RawQuery: value + "=x"},
		{Method: http.MethodGet, Path: "/rpc/total", RawQuery: "v=" + value},
		{Method: http.MethodPost, Path: "/rpc/greet", Body: []byte(`{"name":"evil'--?"}`)},
		{Method: http.MethodPost, Path: "/rpc/echo", Body: []byte(body)},
	} {
		checkInjection(t, snap, input)
	}
}

// checkInjection passes when a stage refuses the request, or the statement is as it has to be.
func checkInjection(t *testing.T, snap *schema.Snapshot, input request.Input) {
	t.Helper()
	if input.Header == nil {
		input.Header = http.Header{}
	}
	req, err := request.Parse(request.Options{Schemas: exposed}, input)
	if err != nil {
		return
	}
	p, err := plan.Build(allOptions, snap, req)
	if err != nil {
		return
	}
	q, err := query.Build(p)
	if err != nil {
		t.Fatalf("%s %s: %v", input.Path, input.RawQuery, err)
	}
	bare := quoted.ReplaceAllString(q.Main.SQL, "")
	if strings.Contains(bare, "evil") || strings.ContainsAny(bare, `;\?"'`) || strings.Contains(bare, "--") || strings.Contains(bare, "/*") {
		t.Errorf("%s %s?%s gets out of its quotes:\n%s", input.Method, input.Path, input.RawQuery, q.Main.SQL)
	}
	if last := fmt.Sprintf("$%d", len(q.Main.Args)+1); strings.Contains(bare, last) {
		t.Errorf("%s?%s: the text has more parameters than the %d arguments:\n%s", input.Path, input.RawQuery, len(q.Main.Args), q.Main.SQL)
	}
}

func BenchmarkBuild(b *testing.B) {
	snap := loadSnapshot(b)
	cache := query.NewCache(64)
	for name, text := range map[string]string{
		"row":   "GET /customers?id=eq.1",
		"page":  "GET /customers?select=id,first_name,score&score=gt.5&order=score.desc&limit=20",
		"embed": "GET /customers?select=id,orders(id,order_items(qty,products(name)))&orders.order=id.desc",
	} {
		req := parseRequest(b, text)
		b.Run("plan/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := plan.Build(allOptions, snap, req); err != nil {
					b.Fatal(err)
				}
			}
		})
		p, err := plan.Build(allOptions, snap, req)
		if err != nil {
			b.Fatal(err)
		}
		for kind, build := range map[string]func(*plan.Plan) (*query.Query, error){"cached/": cache.Build, "query/": query.Build} {
			b.Run(kind+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := build(p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
