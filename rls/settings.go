package rls

import (
	"net/http"
	"slices"
	"strings"

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
	out := make([]byte, 0, 256) // on the stack for most configurations
	for i, name := range schemas {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = schema.AppendIdent(out, name)
	}
	return string(out)
}

// headersJSON renders the headers with names in lower case; cookies have a setting of their own. Of a repeated header the
// last value counts.
func headersJSON(header http.Header, host string) string {
	out := make([]byte, 0, 2048) // on the stack for most requests
	out = append(out, '{')
	if host != "" {
		out = appendPair(out, "host", host)
	}
	names := make([]string, 0, 32) // few requests have more, and these need no allocation
	for name, values := range header {
		if len(values) > 0 && name != "Cookie" && (name != "Host" || host == "") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		values, start := header[name], len(out)
		out = appendPair(out, name, "")
		lowerASCII(out[start:])
		out = appendJSONString(out[:len(out)-len(`""`)], values[len(values)-1])
	}
	return string(append(out, '}'))
}

// lowerASCII is enough for the names of headers (RFC 9110, section 5.1).
func lowerASCII(text []byte) {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			text[i] = c + ('a' - 'A')
		}
	}
}

// cookiesJSON renders the pairs of a Cookie header as PostgREST splits it: at semicolons and at the first equals sign, with
// spaces before the name dropped and all else kept. Of a repeated cookie the last value counts.
func cookiesJSON(header string) string {
	if header == "" {
		return "{}"
	}
	values := make(map[string]string)
	var names []string
	for header != "" {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		name, value, _ := strings.Cut(pair, "=")
		name = strings.TrimLeft(name, " ")
		if _, seen := values[name]; !seen {
			names = append(names, name)
		}
		values[name] = value
	}
	out := make([]byte, 0, 128)
	out = append(out, '{')
	for _, name := range names {
		out = appendPair(out, name, values[name])
	}
	return string(append(out, '}'))
}
