// Package redirect decides where links in mails and logins at providers may lead. Who could choose that freely would get the
// tokens of everybody who follows the link.
package redirect

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/gobwas/glob"
)

// Policy knows the places that are allowed. The rules are GoTrue's
// (https://supabase.com/docs/guides/auth/redirect-urls), and stricter where browsers read a URL in another way than Go does.
type Policy struct {
	siteURL string
	site    *url.URL
	allowed []glob.Glob
}

// ErrSiteURL means that the URL of the site is none.
var ErrSiteURL = errors.New("want an absolute URL")

// New makes a policy. In the list * stands for anything but dots and slashes, ** for anything, ? for one character.
func New(siteURL string, allowList []string) (*Policy, error) {
	site, err := url.Parse(siteURL)
	if err != nil || site.Scheme == "" {
		return nil, fmt.Errorf("%q: %w", siteURL, ErrSiteURL)
	}
	p := &Policy{siteURL: siteURL, site: site}
	for _, pattern := range allowList {
		g, err := glob.Compile(pattern, '.', '/')
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		p.allowed = append(p.allowed, g)
	}
	return p, nil
}

// Choose returns the first of the candidates that is allowed, else the site's URL.
func (p *Policy) Choose(candidates ...string) string {
	for _, candidate := range candidates {
		if p.Allowed(candidate) {
			return candidate
		}
	}
	return p.siteURL
}

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	hostname = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`)
	// disguised is what browsers take for an IPv4 address: a last label of digits, or a hexadecimal one.
	disguised = regexp.MustCompile(`(?i)(^|\.)(0x[0-9a-f]*|[0-9]+)$`)
)

// schemes run as part of the page that they are opened from.
var scriptSchemes = map[string]bool{"javascript": true, "data": true, "vbscript": true, "blob": true, "file": true, "about": true}

// Allowed reports whether a link may lead to the target.
func (p *Policy) Allowed(target string) bool {
	if target == "" || strings.ContainsFunc(target, misread) {
		return false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme == "" || u.User != nil || scriptSchemes[u.Scheme] {
		return false
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return p.allowedWeb(u, target)
	}
	return p.isSite(u) || p.listed(target)
}

// misread tells characters that browsers drop, or take for others.
func misread(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }

func (p *Policy) allowedWeb(u *url.URL, target string) bool {
	host := u.Hostname()
	if u.Opaque != "" || host == "" || !strings.HasPrefix(strings.ToLower(target), u.Scheme+"://") {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || p.isSite(u)
	}
	if digits.MatchString(host) || disguised.MatchString(host) || !hostname.MatchString(host) {
		return false
	}
	return p.isSite(u) || p.listed(target)
}

// isSite reports whether the target is on the site itself. On loopback any port is, for apps on the user's own machine take
// what is free (RFC 8252, section 7.3).
func (p *Policy) isSite(u *url.URL) bool {
	return u.Scheme == p.site.Scheme && strings.EqualFold(u.Hostname(), p.site.Hostname()) &&
		(u.Port() == p.site.Port() || isLoopback(u.Hostname())) && (u.Hostname() != "" || u.Opaque == p.site.Opaque)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (p *Policy) listed(target string) bool {
	bare, _, _ := strings.Cut(target, "#")
	for _, g := range p.allowed {
		if g.Match(bare) {
			return true
		}
	}
	return false
}

// WithQuery adds values to a URL's query.
func WithQuery(target string, values url.Values) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	query := u.Query()
	for name, all := range values {
		query[name] = all
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// WithFragment makes the values a URL's fragment, in place of another.
func WithFragment(target string, values url.Values) string {
	bare, _, _ := strings.Cut(target, "#")
	return bare + "#" + values.Encode()
}
