package request

import (
	"net/http"

	"nexus/schema"
)

// Options is what of the configuration and the snapshot decides how a request reads.
type Options struct {
	// Schemas are the exposed schemas, the default first; there is at least one.
	Schemas []string
	// OpenAPIDisabled refuses the root path.
	OpenAPIDisabled bool
	// RootSpec is the function that answers the root path, nil for the OpenAPI description.
	RootSpec *schema.Ident
	// AllowTxOverride honours Prefer: tx=….
	AllowTxOverride bool
	// KnownTimezone reports whether the database knows a time zone; nil knows none.
	KnownTimezone func(name string) bool
}

// Input is an HTTP request as it arrived.
type Input struct {
	Method string
	// Path is the raw path below the mount point, still percent-encoded.
	Path string
	// RawQuery is the raw query string without the question mark.
	RawQuery string
	// Header has canonical keys; of a repeated header the first counts, but for Prefer.
	Header http.Header
	// Body is kept and passed on, so it must not change afterwards.
	Body []byte
}

// Parse turns an HTTP request into a Request. Its errors are *apierr.Error with PostgREST's codes, the first in the
// order in which PostgREST finds them: path, schema, method, query string, window, body.
func Parse(opts Options, in Input) (*Request, error) {
	res, err := parsePath(in.Path, &opts)
	if err != nil {
		return nil, err
	}
	r := &Request{Method: in.Method, Path: in.Path}
	if r.Schema, r.ProfileNegotiated, err = chooseSchema(in.Method, in.Header, opts.Schemas); err != nil {
		return nil, err
	}
	if err = r.setAction(res); err != nil {
		return nil, err
	}
	all, err := parseQuery(in.RawQuery, r.SafeCall, &r.Query)
	if err != nil {
		return nil, err
	}
	if r.TopRange, err = topRange(in.Method, all.top, in.Header); err != nil {
		return nil, err
	}
	r.Query.Ranges = all.embedded
	r.ContentType = MediaType{Name: TypeJSON}
	if contentType := in.Header["Content-Type"]; len(contentType) > 0 {
		r.ContentType = DecodeMediaType(contentType[0])
	}
	if err = r.parsePayload(in.Body); err != nil {
		return nil, err
	}
	r.Accept = anyMediaType
	if accept := in.Header["Accept"]; len(accept) > 0 {
		r.Accept = parseAccept(accept[0])
	}
	r.Preferences = parsePreferences(in.Header["Prefer"], opts.AllowTxOverride, opts.KnownTimezone)
	return r, nil
}
