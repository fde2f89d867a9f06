package plan_test

import (
	"testing"

	"nexus/engine/rest/plan"
)

// shapes are requests whose plans have budgets.
var shapes = []struct{ name, request string }{
	{"row", "GET /customers?id=eq.1"},
	{"page", "GET /customers?select=id,first_name,last_name,email,score&organization_id=eq.1&score=gte.10&order=last_name.desc,id&limit=25"},
	{"embed", "GET /customers?select=id,first_name,orders(id,status,total)&organization_id=eq.1&order=id&limit=25"},
	{"logic", "GET /orders?select=*&or=(status.eq.open,and(total.gt.10,id.in.(1,2,3)))&order=id&limit=10&offset=20"},
	{"call", "GET /rpc/add?a=1&b=2"},
	{"insert", "POST /labels\n\n{\"id\":9,\"name\":\"x\"}"},
	{"update", "PATCH /labels?id=eq.1\nPrefer: return=representation\n\n{\"name\":\"y\"}"},
}

func BenchmarkBuild(b *testing.B) {
	snap := loadSnapshot(b)
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			req := parse(b, shape.request)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := plan.Build(plan.Options{}, snap, req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
