package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"nexus/engine/rest"
)

// TestNames asks for what has the name of something else as well.
func TestNames(t *testing.T) {
	t.Parallel()
	server := shopServer(t, func(cfg *rest.Config) { cfg.AggregatesEnabled = true })
	tests := map[string]struct{ target, want string }{
		"all columns of a spread": {
			"/addresses?select=...customers(*)&id=eq.3",
			`[{"id":3,"organization_id":2,"first_name":"Chloé","last_name":"Dupont","email":"chloe@example.com","phone":"+33100",` +
				`"tags":["vip"],"score":55,"profile":null,"birthday":"1988-12-31","created_at":"2026-01-01T00:00:00+00:00"}]`,
		},
		"all columns of a spread and an embedded resource, through two levels": {
			"/order_items?select=...orders(...customers(*,addresses(city)))&order_id=eq.102",
			`[{"id":3,"organization_id":2,"first_name":"Chloé","last_name":"Dupont","email":"chloe@example.com","phone":"+33100",` +
				`"tags":["vip"],"score":55,"profile":null,"birthday":"1988-12-31","created_at":"2026-01-01T00:00:00+00:00","addresses":[{"city":"Paris"}]}]`,
		},
		"the first rows of an ordered spread": {
			"/customers?select=...orders(id)&orders.order=total.desc&orders.limit=1&id=in.(1)",
			`[{"id":[100]}]`,
		},
		"the last row of an ordered spread": {
			"/customers?select=...orders(id)&orders.order=total&orders.limit=1&id=in.(1)",
			`[{"id":[101]}]`,
		},
		"the order of a spread by long names": {
			"/addresses?select=...orders_shipping_address_id_fkey(id)&orders_shipping_address_id_fkey.order=shipping_address_id,shipping_address_id,id.desc&id=eq.1",
			`[{"id":[101]}]`,
		},
		"a value with the parent's name beside a computed relationship": {
			"/customers?select=...orders(customers(id)),latest_order(id)&orders.limit=1&id=eq.3",
			`[{"customers":[{"id":3}],"latest_order":{"id":102}}]`,
		},
		"groups by an embedded resource that is called like its foreign key": {
			"/addresses?select=count(),customer_id(first_name)&customer_id=eq.3",
			`[{"count":1,"customer_id":{"first_name":"Chloé"}}]`,
		},
		"groups by a path that is called like a column": {
			"/customers?select=phone:profile->>lang,count()&profile->>lang=eq.ar",
			`[{"phone":"ar","count":1}]`,
		},
		"a group beside nothing of an embedded resource": {
			"/addresses?select=count(),customers!inner()",
			`[{"count":3}]`,
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
