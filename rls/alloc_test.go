//go:build !race

package rls_test

import (
	"testing"

	"nexus/rls"
)

// TestSettingsAllocationBudget allows for the list, the search path and the headers as texts.
func TestSettingsAllocationBudget(t *testing.T) {
	identity, facts := usualFacts()
	const budget = 3
	if got := testing.AllocsPerRun(200, func() { rls.Settings(identity, facts) }); got > budget {
		t.Errorf("%v allocations, the budget is %v", got, budget)
	}
}
