package openapi

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Server is where clients reach what a document describes.
type Server struct {
	Scheme   string // "http" or "https"
	Host     string // a name or address, or one of PostgREST's special host names, such as "!4"
	Port     int
	BasePath string // begins with a slash; "" means "/"
}

// ErrProxyURI says that a proxy URI is not what ParseProxyURI takes. Its text is PostgREST's.
var ErrProxyURI = errors.New("Malformed proxy uri, a correct example: https://example.com:8443/basePath") //nolint:staticcheck // clients and tests know the text

// proxyURI is the part of RFC 3986 that is allowed: an absolute http or https URI without user, query and fragment.
var proxyURI = regexp.MustCompile(`^(?i:(https?))://` +
	`(\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)` +
	`(?::([0-9]+))?` +
	`((?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*)$`)

// ParseProxyURI reads the URI under which a proxy offers the API (PostgREST's openapi-server-proxy-uri). Without a port the
// scheme's is meant. It fails with ErrProxyURI.
func ParseProxyURI(uri string) (Server, error) {
	parts := proxyURI.FindStringSubmatch(uri)
	if parts == nil {
		return Server{}, ErrProxyURI
	}
	s := Server{Scheme: strings.ToLower(parts[1]), Host: parts[2], BasePath: parts[4], Port: 80}
	if address, isLiteral := strings.CutPrefix(s.Host, "["); isLiteral {
		if ip, err := netip.ParseAddr(strings.TrimSuffix(address, "]")); err != nil || !ip.Is6() {
			return Server{}, ErrProxyURI
		}
	}
	if s.Scheme == "https" {
		s.Port = 443
	}
	if parts[3] == "" {
		return s, nil
	}
	port, err := strconv.ParseUint(parts[3], 10, 16)
	if err != nil || port == 0 {
		return Server{}, ErrProxyURI
	}
	s.Port = int(port)
	return s, nil
}

// authority is host and port as the document names them. A server that listens on every address is named by 0.0.0.0.
func (s Server) authority() string {
	host := s.Host
	switch host {
	case "*", "*4", "!4", "*6", "!6":
		host = "0.0.0.0"
	}
	return host + ":" + strconv.Itoa(s.Port)
}

func (s Server) basePath() string {
	if s.BasePath == "" {
		return "/"
	}
	return s.BasePath
}

func (s Server) scheme() string {
	if s.Scheme == "http" {
		return "http"
	}
	return "https"
}
