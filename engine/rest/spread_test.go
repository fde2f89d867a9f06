package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestSpreadAllColumns spreads a * into the parent, which then has the child's columns by their names.
func TestSpreadAllColumns(t *testing.T) {
	t.Parallel()
	server := shopServer(t, nil)
	for target, want := range map[string]string{
		"/addresses?select=...customers(*)&id=eq.3": `[{"id":3,"organization_id":2,"first_name":"Chloé","last_name":"Dupont","email":"chloe@example.com","phone":"+33100",` +
			`"tags":["vip"],"score":55,"profile":null,"birthday":"1988-12-31","created_at":"2026-01-01T00:00:00+00:00"}]`,
	} {
		got := httptest.NewRecorder()
		server.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if got.Code != http.StatusOK || !sameJSON(got.Body.Bytes(), []byte(want)) {
			t.Errorf("GET %s: %d %s\nwant %s", target, got.Code, got.Body, want)
		}
	}
}
