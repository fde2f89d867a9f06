package rls

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"nexus/schema"
)

// Facts are what a request tells the database beside its identity.
type Facts struct {
	// SearchPath lists schemas, the request's own first.
	SearchPath []string
	Method     string
	Path       string
	Host       string
	Header     http.Header
	// Timezone is a known time zone's name, "" for the server's own.
	Timezone string
	// RoleSettings are those of the identity's role; they are set before the role is taken, because the login role may have
	// been granted the right to set them.
	RoleSettings []schema.Setting
	// FunctionSettings are those of the function to call, AppSettings those of the configuration.
	FunctionSettings []schema.Setting
	AppSettings      []schema.Setting
}

// Settings lists the transaction settings of a request in the order PostgREST sets them, under its names
// (https://docs.postgrest.org/en/v14/references/transactions.html#transaction-scoped-settings).
func Settings(identity *Identity, f *Facts) []schema.Setting {
	out := make([]schema.Setting, 0, 7+len(f.RoleSettings)+len(f.FunctionSettings)+len(f.AppSettings))
	out = append(out, schema.Setting{Name: "search_path", Value: searchPath(f.SearchPath)})
	out = append(out, f.RoleSettings...)
	out = append(out,
		schema.Setting{Name: "role", Value: identity.Role},
		schema.Setting{Name: "request.jwt.claims", Value: identity.Claims},
		schema.Setting{Name: "request.method", Value: f.Method},
		schema.Setting{Name: "request.path", Value: f.Path},
		schema.Setting{Name: "request.headers", Value: headersJSON(f.Header, f.Host)},
		schema.Setting{Name: "request.cookies", Value: cookiesJSON(f.Header.Get("Cookie"))},
	)
	if f.Timezone != "" {
		out = append(out, schema.Setting{Name: "timezone", Value: f.Timezone})
	}
	out = append(out, f.FunctionSettings...)
	return append(out, f.AppSettings...)
}

func searchPath(schemas []string) string {
	var b strings.Builder
	for i, s := range schemas {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(schema.QuoteIdent(s))
	}
	return b.String()
}

// headersJSON renders the headers with names in lower case; cookies have a setting of their own. Of a repeated header the
// last value counts.
func headersJSON(header http.Header, host string) string {
	out := make([]byte, 0, 512)
	out = append(out, '{')
	if host != "" {
		out = appendPair(out, "host", host)
	}
	names := make([]string, 0, len(header))
	for name := range header {
		if name != "Cookie" && (name != "Host" || host == "") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if values := header[name]; len(values) > 0 {
			out = appendPair(out, strings.ToLower(name), values[len(values)-1])
		}
	}
	return string(append(out, '}'))
}

// cookiesJSON renders the pairs of a Cookie header (RFC 6265, section 4.2) without decoding their values.
func cookiesJSON(header string) string {
	pairs := make(map[string]string)
	var names []string
	for pair := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if name == "" {
			continue
		}
		if _, seen := pairs[name]; !seen {
			names = append(names, name)
		}
		pairs[name] = value
	}
	out := make([]byte, 0, len(header)+2)
	out = append(out, '{')
	for _, name := range names {
		out = appendPair(out, name, pairs[name])
	}
	return string(append(out, '}'))
}

func appendPair(out []byte, name, value string) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = appendJSONString(out, name)
	out = append(out, ':')
	return appendJSONString(out, value)
}

const hexDigits = "0123456789abcdef"

// appendJSONString quotes a text for JSON. Bytes that are not UTF-8 become U+FFFD, because the setting must be valid text.
func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20 || c == 0x7f:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		i++
	}
	return append(out, '"')
}
