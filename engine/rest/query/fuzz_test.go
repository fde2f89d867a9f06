package query_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/request"
)

// FuzzStatements plans arbitrary requests. Whatever is not refused has to become a statement that has as many arguments as
// parameters, keeps names in quotes, and is the same from the cache.
func FuzzStatements(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/customers?select=id,orders(id,...order_items(sku))&orders.order=id&or=(id.eq.1,orders.is.null)&limit=1", ""},
		{"GET", `/Weird%20Table?select="a?b","quo\"te"::text&"com,ma"=in.("x","?")`, ""},
		{"GET", "/customers?select=profile->a->>0,score.sum()&profile->>b=fts(english).c", ""},
		{"POST", "/labels?on_conflict=name&columns=id", `[{"id":1}]`},
		{"PATCH", "/orders?id=eq.1&select=*,customers!inner(*)", `{"note":"?"}`},
		{"PUT", "/labels?id=eq.1", `{"id":1}`},
		{"DELETE", "/order_items?line=lt.5", ""},
		{"GET", "/rpc/total?v=1&v=2", ""},
		{"POST", "/rpc/add", `{"a":1}`},
	} {
		f.Add(seed[0], seed[1], seed[2], "return=representation,count=estimated,resolution=merge-duplicates")
	}
	snap := loadSnapshot(f)
	cache := query.NewCache(1000)
	f.Fuzz(func(t *testing.T, method, target, body, prefer string) {
		path, raw, _ := strings.Cut(target, "?")
		header := http.Header{"Prefer": {prefer}, "Accept-Profile": {"shop"}}
		if strings.HasPrefix(path, "/Weird") {
			header.Set("Accept-Profile", "odd")
		}
		req, err := request.Parse(request.Options{Schemas: exposed}, request.Input{
			Method: method, Path: path, RawQuery: raw, Header: header, Body: []byte(body),
		})
		if err != nil {
			return
		}
		p, err := plan.Build(allOptions, snap, req)
		if err != nil || p.Read == nil {
			return
		}
		q, err := query.Build(p)
		if err != nil {
			t.Fatal(err)
		}
		bare := quoted.ReplaceAllString(q.Main.SQL, "")
		if strings.ContainsAny(bare, `;\?"'`) {
			t.Errorf("something gets out of its quotes: %s", q.Main.SQL)
		}
		n := len(q.Main.Args)
		if n > 0 && !strings.Contains(q.Main.SQL, fmt.Sprintf("$%d", n)) {
			t.Errorf("%d arguments for %s", n, q.Main.SQL)
		}
		cached, err := cache.Build(p)
		if err != nil || render(cached.Main) != render(q.Main) || render(cached.CountPlan) != render(q.CountPlan) {
			t.Errorf("the cache has %v, error %v, for %s", cached, err, q.Main.SQL)
		}
	})
}
