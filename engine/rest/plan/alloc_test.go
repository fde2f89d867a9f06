//go:build !race

package plan_test

import (
	"testing"

	"nexus/engine/rest/plan"
)

// TestBuildAllocationBudget holds down what it costs to plan a request.
func TestBuildAllocationBudget(t *testing.T) {
	budgets := map[string]float64{"row": 5, "page": 6, "embed": 14, "logic": 9, "call": 7, "insert": 4, "update": 7}
	snap := loadSnapshot(t)
	for _, shape := range shapes {
		req := parse(t, shape.request)
		got := testing.AllocsPerRun(100, func() {
			if _, err := plan.Build(plan.Options{}, snap, req); err != nil {
				t.Fatal(err)
			}
		})
		if got > budgets[shape.name] {
			t.Errorf("%s: %v allocations, the budget is %v", shape.name, got, budgets[shape.name])
		}
	}
}
