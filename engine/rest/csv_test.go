package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCSVHeader checks that the header of CSV has the names of what is below it, also where that is read from the rows of a
// function or of a write.
func TestCSVHeader(t *testing.T) {
	t.Parallel()
	server := shopServer(t, nil)
	for _, test := range []struct{ method, target, body, want string }{
		{http.MethodGet, "/products?select=price,named:name&sku=eq.A-2", "", "price,named\n5.00,\"Blue running socks\""},
		{http.MethodGet, "/rpc/cheap?max=5&select=price,named:name&sku=eq.A-2&order=stock", "", "price,named\n5.00,\"Blue running socks\""},
		{http.MethodGet, "/rpc/cheap?max=5&select=sku,labels(name)&sku=eq.A-2", "", "sku,labels\nA-2,\"[{\"\"name\"\": \"\"sale\"\"}]\""},
		{http.MethodGet, "/rpc/cheap?max=5&select=price,name&sku=eq.none", "", "name,price,sku\n"},
		{http.MethodGet, "/rpc/add?a=1", "", "pgrst_scalar\n2"},
		{http.MethodPatch, "/products?select=stock,named:name&sku=eq.A-2", `{"stock":3}`, "stock,named\n3,\"Blue running socks\""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, strings.NewReader(test.body))
		r.Header.Set("Accept", "text/csv")
		r.Header.Set("Prefer", "return=representation")
		r.Header.Set("Authorization", "Bearer "+token(t, "service_role", nil))
		got := httptest.NewRecorder()
		server.ServeHTTP(got, r)
		if got.Code != http.StatusOK || got.Body.String() != test.want {
			t.Errorf("%s %s: %d %q\nwant %q", test.method, test.target, got.Code, got.Body, test.want)
		}
	}
}
