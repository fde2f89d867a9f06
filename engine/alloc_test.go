//go:build !race

package engine

import "testing"

// TestMiddlewareAllocationBudget holds down what a request costs before it reaches rest/v1.
func TestMiddlewareAllocationBudget(t *testing.T) {
	budgets := map[string]float64{"plain": 8, "traced": 7, "encoded": 11, "gateway": 8}
	for _, j := range journeys() {
		if got := testing.AllocsPerRun(200, passage(t, j.header)); got > budgets[j.name] {
			t.Errorf("%s: %v allocations, the budget is %v", j.name, got, budgets[j.name])
		}
	}
}
