package clientip_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"nexus/engine/clientip"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ peer, header, value, want string }{
		{"192.0.2.1:5000", "", "198.51.100.1", "192.0.2.1"},
		{"192.0.2.1:5000", "X-Forwarded-For", "198.51.100.1", "198.51.100.1"},
		{"192.0.2.1:5000", "X-Forwarded-For", "unknown, 198.51.100.1, 10.0.0.1", "198.51.100.1"},
		{"192.0.2.1:5000", "X-Forwarded-For", "nobody", "192.0.2.1"},
		{"[2001:db8::1]:5000", "", "", "2001:db8::1"},
		{"[::ffff:192.0.2.1]:5000", "", "", "192.0.2.1"},
		{"192.0.2.1:5000", "X-Forwarded-For", "fe80::1%eth0", "fe80::1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.value)
		if got := clientip.Of(r, c.header); got.String() != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64",
	} {
		if got := clientip.Key(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s counts as %s", address, got)
		}
	}
}
