package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestSpreadNames spreads columns into a parent, where names could be mistaken.
func TestSpreadNames(t *testing.T) {
	t.Parallel()
	server := shopServer(t, nil)
	tests := map[string]struct{ target, want string }{
		"all columns": {
			"/addresses?select=...customers(*)&id=eq.3",
			`[{"id":3,"organization_id":2,"first_name":"Chloé","last_name":"Dupont","email":"chloe@example.com","phone":"+33100",` +
				`"tags":["vip"],"score":55,"profile":null,"birthday":"1988-12-31","created_at":"2026-01-01T00:00:00+00:00"}]`,
		},
		"all columns and an embedded resource, through two levels": {
			"/order_items?select=...orders(...customers(*,addresses(city)))&order_id=eq.102",
			`[{"id":3,"organization_id":2,"first_name":"Chloé","last_name":"Dupont","email":"chloe@example.com","phone":"+33100",` +
				`"tags":["vip"],"score":55,"profile":null,"birthday":"1988-12-31","created_at":"2026-01-01T00:00:00+00:00","addresses":[{"city":"Paris"}]}]`,
		},
		"the first rows of an order": {
			"/customers?select=...orders(id)&orders.order=total.desc&orders.limit=1&id=in.(1)",
			`[{"id":[100]}]`,
		},
		"the last row of an order": {
			"/customers?select=...orders(id)&orders.order=total&orders.limit=1&id=in.(1)",
			`[{"id":[101]}]`,
		},
		"an order by long names": {
			"/addresses?select=...orders_shipping_address_id_fkey(id)&orders_shipping_address_id_fkey.order=shipping_address_id,shipping_address_id,id.desc&id=eq.1",
			`[{"id":[101]}]`,
		},
		"a value with the parent's name beside a computed relationship": {
			"/customers?select=...orders(customers(id)),latest_order(id)&orders.limit=1&id=eq.3",
			`[{"customers":[{"id":3}],"latest_order":{"id":102}}]`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := httptest.NewRecorder()
			server.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.target, nil))
			if got.Code != http.StatusOK || !sameJSON(got.Body.Bytes(), []byte(test.want)) {
				t.Errorf("GET %s: %d %s\nwant %s", test.target, got.Code, got.Body, test.want)
			}
		})
	}
}
