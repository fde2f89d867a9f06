package render_test

import (
	"testing"

	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
)

// TestRenderAllocationBudget bounds what the head of an answer costs.
func TestRenderAllocationBudget(t *testing.T) {
	body := []byte(`[{"id":1,"name":"one"}]`)
	for name, c := range map[string]struct {
		action request.Action
		budget float64
	}{
		"read":   {request.ReadRelation, 12},
		"call":   {request.CallRoutine, 10},
		"insert": {request.CreateRows, 10},
		"update": {request.UpdateRows, 10},
	} {
		s := subject(c.action, func(s *render.Subject) { s.Request.Query.Canonical = "id=eq.1&select=id%2Cname" })
		result := &render.Result{Page: 1, Body: body}
		if got := testing.AllocsPerRun(100, func() { _, _ = render.Respond(s, result) }); got > c.budget {
			t.Errorf("%s: %v allocations, the budget is %v", name, got, c.budget)
		}
	}
}
