// Package clientip tells where requests come from, and what addresses count as one when something is counted per client.
package clientip

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Of is the address of a request's client: the first valid one in a header, if one is named, else the peer's. Only a
// proxy that sets the header itself makes it worth anything.
func Of(r *http.Request, header string) netip.Addr {
	if header != "" {
		for _, value := range r.Header.Values(header) {
			for part := range strings.SplitSeq(value, ",") {
				if a, err := netip.ParseAddr(strings.TrimSpace(part)); err == nil {
					return a.Unmap().WithZone("")
				}
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap().WithZone("")
}

// networkBits is what a customer gets of IPv6: all addresses of it are one.
const networkBits = 64

// Key is what an address counts under.
func Key(a netip.Addr) string {
	if a.Is6() {
		if network, err := a.Prefix(networkBits); err == nil {
			return network.String()
		}
	}
	return a.String()
}
