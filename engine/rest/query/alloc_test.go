package query_test

import (
	"testing"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
)

// TestQueryAllocationBudget bounds what a request costs whose shape is known.
func TestQueryAllocationBudget(t *testing.T) {
	snap := loadSnapshot(t)
	for text, budget := range map[string]float64{
		"GET /customers?select=id,first_name&id=eq.1":                          3,
		"GET /customers?select=id,first_name&id=gt.1&order=id&limit=25":        3,
		"GET /customers?select=id,orders(id,status)&id=gt.1&order=id&limit=25": 3,
		"GET /rpc/add?a=1&b=2": 3,
		"PATCH /labels?id=eq.1\nPrefer: return=representation\n\n{\"name\":\"a label\"}": 3,
	} {
		p, err := plan.Build(allOptions, snap, parseRequest(t, text))
		if err != nil {
			t.Fatal(err)
		}
		cache := query.NewCache(16)
		allocations := testing.AllocsPerRun(100, func() {
			if _, err := cache.Build(p); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > budget {
			t.Errorf("%s: %v allocations, the budget is %v", text, allocations, budget)
		}
	}
}
