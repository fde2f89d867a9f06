//go:build !race

package request_test

import (
	"testing"

	"nexus/engine/rest/request"
)

// TestParseAllocationBudget holds down what it costs to read a request.
func TestParseAllocationBudget(t *testing.T) {
	budgets := map[string]float64{
		"row": 2, "page": 6, "embed": 7, "logic": 13, "call": 2, "insert": 6, "insert100": 8, "syntax error": 160,
	}
	opts := request.Options{Schemas: []string{"public"}}
	for _, s := range shapes() {
		if got := testing.AllocsPerRun(100, func() { _, _ = request.Parse(opts, s.in) }); got > budgets[s.name] {
			t.Errorf("%s: %v allocations, the budget is %v", s.name, got, budgets[s.name])
		}
	}
}
