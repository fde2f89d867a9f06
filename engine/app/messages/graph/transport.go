package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	dialTimeout  = 5 * time.Second
	idleTimeout  = 90 * time.Second
	maxRedirects = 3
)

// errPrivate refuses addresses inside networks: whoever names a file's address must not reach what only this server can.
var errPrivate = errors.New("graph: the address is not a public one")

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// newTransport connects with dial, past any proxy because it would hide where a connection leads; nil is the usual way.
func newTransport(dial dialFunc) *http.Transport {
	proxy := http.ProxyFromEnvironment
	if dial != nil {
		proxy = nil
	} else {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &http.Transport{
		Proxy: proxy, DialContext: dial, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		IdleConnTimeout: idleTimeout, TLSHandshakeTimeout: dialTimeout,
	}
}

// guarded connects to public addresses only, and to the API itself wherever it is.
func guarded(base *url.URL) dialFunc {
	free := &net.Dialer{Timeout: dialTimeout}
	public := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		ip := at.Addr().Unmap()
		if !ip.IsGlobalUnicast() || ip.IsPrivate() || sharedSpace.Contains(ip) {
			return errPrivate
		}
		return nil
	}}
	own := net.JoinHostPort(base.Hostname(), port(base))
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == own {
			return free.DialContext(ctx, network, address)
		}
		return public.DialContext(ctx, network, address)
	}
}

// sharedSpace is that of carriers and clouds (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func fewRedirects(_ *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return fmt.Errorf("graph: more than %d redirections", maxRedirects)
	}
	return nil
}

// withoutURL keeps addresses, which may have tokens in their queries, out of errors.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
