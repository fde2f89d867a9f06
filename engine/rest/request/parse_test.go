package request_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
	"nexus/schema"
)

// headers builds a header from "Name: value" texts.
func headers(lines ...string) http.Header {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return header
}

func asAPIError(t *testing.T, err error) *apierr.Error {
	t.Helper()
	var apiErr *apierr.Error
	if err != nil && !errors.As(err, &apiErr) {
		t.Fatalf("%v (%T) is no *apierr.Error", err, err)
	}
	return apiErr
}

var twoSchemas = request.Options{Schemas: []string{"api", "other"}}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	get := func(path, query string, lines ...string) request.Input {
		return request.Input{Method: "GET", Path: path, RawQuery: query, Header: headers(lines...)}
	}
	do := func(method, path, query, body string, lines ...string) request.Input {
		return request.Input{Method: method, Path: path, RawQuery: query, Header: headers(lines...), Body: []byte(body)}
	}
	badRequest := func(code, message string, details any) apierr.Error {
		return apierr.Error{Status: 400, Code: code, Message: message, Details: details}
	}
	notFound := apierr.Error{Status: 404, Code: "PGRST125", Message: "Invalid path specified in request URL"}
	unknownSchema := apierr.Error{
		Status: 406, Code: "PGRST106", Message: "Invalid schema: nope", Hint: "Only the following schemas are exposed: api, other",
	}
	negativeLimit := apierr.Error{
		Status: 416, Code: "PGRST103", Message: "Requested range not satisfiable",
		Details: "Limit should be greater than or equal to zero.",
	}
	invertedRange := apierr.Error{
		Status: 416, Code: "PGRST103", Message: "Requested range not satisfiable",
		Details: "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
	}
	putWindow := badRequest("PGRST114", "limit/offset querystring parameters are not allowed for PUT", nil)
	badText := func(b string) apierr.Error {
		return badRequest("22021", `invalid byte sequence for encoding "UTF8": 0x`+b, nil)
	}
	for _, tt := range []struct {
		name string
		in   request.Input
		want apierr.Error
	}{
		{"three segments", get("/a/b/c", ""), notFound},
		{"two segments", get("/items/1", ""), notFound},
		{"slash after a relation", get("/items/", ""), notFound},
		{"double slash", get("//", ""), notFound},
		{"path of a call is too long", get("/rpc/f/x", ""), notFound},
		{"path before schema", get("/a/b", "", "Accept-Profile: nope"), notFound},

		{"schema to read", get("/items", "", "Accept-Profile: nope"), unknownSchema},
		{"schema to write", do("POST", "/items", "", "{}", "Content-Profile: nope"), unknownSchema},
		{"schema before method", do("LOCK", "/items", "", "", "Accept-Profile: nope"), unknownSchema},
		{"the first profile counts", get("/items", "", "Accept-Profile: nope", "Accept-Profile: api"), unknownSchema},

		{"method on a relation", do("LOCK", "/items", "", ""), apierr.Error{
			Status: 405, Code: "PGRST117", Message: "Unsupported HTTP method: LOCK",
		}},
		{"method on the root", do("POST", "/", "", ""), apierr.Error{
			Status: 405, Code: "PGRST117", Message: "Unsupported HTTP method: POST",
		}},
		{"method on a function", do("DELETE", "/rpc/f", "", ""), apierr.Error{
			Status: 405, Code: "PGRST101", Message: "Cannot use the DELETE method on RPC",
		}},
		{"method before query", do("LOCK", "/items", "order=", ""), apierr.Error{
			Status: 405, Code: "PGRST117", Message: "Unsupported HTTP method: LOCK",
		}},

		{"order before select, wherever they stand", get("/items", "select=a,,b&order=a.b"), badRequest(
			"PGRST100", `"failed to parse order (a.b)" (line 1, column 3)`,
			`unexpected "b" expecting "asc", "desc", "nullsfirst" or "nullslast"`,
		)},
		{"name of a filter", get("/items", ".x=eq.1"), badRequest(
			"PGRST100", `"failed to parse tree path (.x)" (line 1, column 1)`,
			`unexpected "." expecting field name (* or [a..z0..9_$])`,
		)},
		{"name of a filter before its value", get("/items", ".x=1"), badRequest(
			"PGRST100", `"failed to parse tree path (.x)" (line 1, column 1)`,
			`unexpected "." expecting field name (* or [a..z0..9_$])`,
		)},
		{"name of a window", get("/items", "..limit=1"), badRequest(
			"PGRST100", `"failed to parse tree path (..limit)" (line 1, column 1)`,
			`unexpected "." expecting field name (* or [a..z0..9_$])`,
		)},
		{"name of a logic tree", get("/items", ".or=(a.eq.1)"), badRequest(
			"PGRST100", `"failed to parse logic path (.or)" (line 1, column 1)`,
			`unexpected "." expecting field name (* or [a..z0..9_$])`,
		)},
		{"columns of a logic tree count its operator", get("/items", "not.or=(x)"), badRequest(
			"PGRST100", `"failed to parse logic tree ((x))" (line 1, column 9)`,
			`unexpected ")" expecting letter, digit, "-", "->>", "->" or delimiter (.)`,
		)},
		{"columns", do("POST", "/items", "columns=", "{}"), badRequest(
			"PGRST100", `"failed to parse columns parameter ()" (line 1, column 1)`,
			`unexpected end of input expecting field name (* or [a..z0..9_$])`,
		)},
		{"on_conflict", do("POST", "/items", "on_conflict=a,", "{}"), badRequest(
			"PGRST100", `"failed to parse on_conflict parameter (a,)" (line 1, column 3)`,
			`unexpected end of input expecting field name (* or [a..z0..9_$])`,
		)},
		{"an operator with a bad operand is no argument", get("/rpc/f", "a=in.1"), badRequest(
			"PGRST100", `"failed to parse filter (in.1)" (line 1, column 4)`, `unexpected "1" expecting "("`,
		)},
		{"OPTIONS takes no arguments", do("OPTIONS", "/rpc/f", "a=1", ""), badRequest(
			"PGRST100", `"failed to parse filter (1)" (line 1, column 1)`,
			`unexpected "1" expecting "not" or operator (eq, gt, ...)`,
		)},
		{"a line break moves to the next line", get("/items", "a=in.(%0A%22x%22(,"), badRequest(
			"PGRST100", "\"failed to parse filter (in.(\n\"x\"(,)\" (line 2, column 6)", `unexpected end of input expecting "," or ")"`,
		)},

		{"negative limit", get("/items", "limit=-1"), negativeLimit},
		{"numbers below 64 bits", get("/items", "limit=-99999999999999999999&offset=-99999999999999999999"), negativeLimit},
		{"no rows beyond an offset", get("/items", "limit=0&offset=5"), negativeLimit},
		{"limit that is no number beside an offset", get("/items", "limit=x&offset=5"), negativeLimit},
		{"windows that do not meet", get("/items", "offset=5", "Range: 0-1"), negativeLimit},
		{"inverted Range", get("/items", "", "Range: 5-2"), invertedRange},
		{"PUT with a limit", do("PUT", "/items", "limit=1", "{}"), putWindow},
		{"PUT with limit=0", do("PUT", "/items", "limit=0", "{}"), putWindow},
		{"window before body", do("PUT", "/items", "offset=1", "{"), putWindow},

		{"NUL in a value", get("/items", "a=eq.%00"), badText("00")},
		{"NUL in a name", get("/items", "a%00=eq.1"), badText("00")},
		{"no UTF-8 in a value", get("/items", "a=eq.%C3%28"), badText("c3")},
		{"no UTF-8, unescaped", get("/items", "a=eq.\xff"), badText("ff")},
		{"NUL in a form", do("POST", "/rpc/f", "", "a=%00", "Content-Type: application/x-www-form-urlencoded"), badText("00")},
		{"no UTF-8 in CSV", do("POST", "/items", "", "a\n\xfe", "Content-Type: text/csv"), badText("fe")},
		{"no UTF-8 in text", do("POST", "/rpc/f", "", "\xfe", "Content-Type: text/plain"), badText("fe")},
		{"no UTF-8 in unchecked JSON", do("POST", "/items", "columns=a", "{\"a\":\"\xc0\"}"), badText("c0")},
		{"NUL in unchecked JSON", do("POST", "/items", "columns=a", "{\"a\":\"\x00\"}"), badText("00")},

		{"empty body", do("POST", "/items", "", ""), badRequest("PGRST102", "Empty or invalid json", nil)},
		{"no UTF-8 in JSON", do("POST", "/items", "", "\"\xff\""), badRequest("PGRST102", "Empty or invalid json", nil)},
		{"columns do not spare PUT the check", do("PUT", "/items", "columns=a", "{"), badRequest("PGRST102", "Empty or invalid json", nil)},
		{"keys differ", do("POST", "/items", "", `[{"a":1},{"b":1}]`), badRequest("PGRST102", "All object keys must match", nil)},
		{"bad JSON after keys that differ", do("POST", "/items", "", `[{"a":1},{"b":1}`), badRequest("PGRST102", "Empty or invalid json", nil)},
		{"text for a table", do("POST", "/items", "", "x", "Content-Type: text/plain"), badRequest("PGRST102", "Content-Type not acceptable: text/plain", nil)},
		{"unknown type for a function", do("POST", "/rpc/f", "", "x", "Content-Type: Image/png; a=b"), badRequest("PGRST102", "Content-Type not acceptable: Image/png; a=b", nil)},
		{"vendored type", do("POST", "/items", "", "{}", "Content-Type: application/vnd.pgrst.object+json"), badRequest(
			"PGRST102", "Content-Type not acceptable: application/vnd.pgrst.object+json", nil,
		)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := request.Parse(twoSchemas, tt.in)
			got := asAPIError(t, err)
			if got == nil {
				t.Fatal("accepted")
			}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestParseResource(t *testing.T) {
	t.Parallel()
	root := request.Options{Schemas: []string{"api"}, RootSpec: &schema.Ident{Schema: "x", Name: "root"}}
	for _, tt := range []struct {
		name         string
		opts         request.Options
		method, path string
		lines        []string
		want         request.Request
	}{
		{"read", twoSchemas, "GET", "/items", nil, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "items"}, Schema: "api", ProfileNegotiated: true,
		}},
		{"headers only", twoSchemas, "HEAD", "/items", []string{"Accept-Profile: other"}, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "other", Name: "items"}, Schema: "other",
			ProfileNegotiated: true, HeadersOnly: true,
		}},
		{"a read ignores Content-Profile", twoSchemas, "GET", "/items", []string{"Content-Profile: nope"}, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "items"}, Schema: "api", ProfileNegotiated: true,
		}},
		{"delete", twoSchemas, "DELETE", "/items", []string{"Content-Profile: other"}, request.Request{
			Action: request.DeleteRows, Target: schema.Ident{Schema: "other", Name: "items"}, Schema: "other", ProfileNegotiated: true,
		}},
		{"relation info", twoSchemas, "OPTIONS", "/items", nil, request.Request{
			Action: request.RelationInfo, Target: schema.Ident{Schema: "api", Name: "items"}, Schema: "api", ProfileNegotiated: true,
		}},
		{"one schema is not negotiated", request.Options{Schemas: []string{"api"}}, "GET", "/a%20b%2Fc", nil, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "a b/c"}, Schema: "api",
		}},
		{"plus is no space in a path", request.Options{Schemas: []string{"api"}}, "GET", "/a+b", nil, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "a+b"}, Schema: "api",
		}},
		{"bytes that are no text in a path", request.Options{Schemas: []string{"api"}}, "GET", "/%ffx%00", nil, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "\ufffdx\x00"}, Schema: "api",
		}},
		{"safe call", twoSchemas, "GET", "/rpc/f", nil, request.Request{
			Action: request.CallRoutine, Target: schema.Ident{Schema: "api", Name: "f"}, Schema: "api",
			ProfileNegotiated: true, SafeCall: true,
		}},
		{"call", twoSchemas, "POST", "/%72pc/f", []string{"Content-Profile: other"}, request.Request{
			Action: request.CallRoutine, Target: schema.Ident{Schema: "other", Name: "f"}, Schema: "other", ProfileNegotiated: true,
		}},
		{"function info", twoSchemas, "OPTIONS", "/rpc/f", nil, request.Request{
			Action: request.RoutineInfo, Target: schema.Ident{Schema: "api", Name: "f"}, Schema: "api", ProfileNegotiated: true,
		}},
		{"a relation may be named rpc", twoSchemas, "GET", "/rpc", nil, request.Request{
			Action: request.ReadRelation, Target: schema.Ident{Schema: "api", Name: "rpc"}, Schema: "api", ProfileNegotiated: true,
		}},
		{"root", twoSchemas, "GET", "/", nil, request.Request{Action: request.ReadSchema, Schema: "api", ProfileNegotiated: true}},
		{"root without a slash", twoSchemas, "HEAD", "", nil, request.Request{
			Action: request.ReadSchema, Schema: "api", ProfileNegotiated: true, HeadersOnly: true,
		}},
		{"root info", twoSchemas, "OPTIONS", "/", nil, request.Request{Action: request.SchemaInfo, Schema: "api", ProfileNegotiated: true}},
		{"root by a function", root, "GET", "/", nil, request.Request{
			Action: request.CallRoutine, Target: schema.Ident{Schema: "api", Name: "root"}, Schema: "api", SafeCall: true,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := request.Parse(tt.opts, request.Input{Method: tt.method, Path: tt.path, Header: headers(tt.lines...)})
			if err != nil {
				t.Fatal(err)
			}
			got := request.Request{
				Action: r.Action, Target: r.Target, Schema: r.Schema, ProfileNegotiated: r.ProfileNegotiated,
				HeadersOnly: r.HeadersOnly, SafeCall: r.SafeCall,
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
			if r.Method != tt.method || r.Path != tt.path {
				t.Errorf("got %s %s", r.Method, r.Path)
			}
		})
	}
	_, err := request.Parse(request.Options{Schemas: []string{"api"}, OpenAPIDisabled: true}, request.Input{Method: "GET", Path: "/"})
	want := apierr.Error{Status: 404, Code: "PGRST126", Message: "Root endpoint metadata is disabled"}
	if got := asAPIError(t, err); got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("disabled root: got %+v, want %+v", got, want)
	}
}

func TestTopRange(t *testing.T) {
	t.Parallel()
	window := func(offset, limit int64) request.Range {
		return request.Range{Offset: offset, Limit: limit, HasLimit: true}
	}
	const most = 1<<63 - 1
	for _, tt := range []struct {
		method, query, header string
		want                  request.Range
	}{
		{"GET", "", "", request.AllRows},
		{"GET", "limit=5", "", window(0, 5)},
		{"GET", "offset=5", "", request.Range{Offset: 5}},
		{"GET", "limit=5&offset=10", "", window(10, 5)},
		{"GET", "limit=5&limit=3", "", window(0, 3)},
		{"GET", "limit", "", request.AllRows},
		{"GET", "limit=x", "", request.AllRows},
		{"GET", "limit=5.5", "", request.AllRows},
		{"GET", "limit=%20(0x10)%20", "", window(0, 16)},
		{"GET", "limit=0o17", "", window(0, 15)},
		{"GET", "limit=(", "", request.AllRows},
		{"GET", "limit=%2B5", "", request.AllRows},
		{"GET", "limit=5&offset=x", "", window(0, 5)},
		{"GET", "offset=-3", "", request.AllRows},
		{"GET", "limit=0", "", window(0, 0)},
		{"GET", "limit=0", "3-4", window(0, 0)},
		{"GET", "limit=0", "5-2", window(0, 0)},
		{"GET", "limit=2&offset=-2", "", window(0, 0)},
		{"GET", "limit=99999999999999999999", "", window(0, most)},
		{"GET", "limit=99999999999999999999&offset=10", "", window(10, most-9)},
		{"GET", "", "0-9", window(0, 10)},
		{"GET", "", "5-", request.Range{Offset: 5}},
		{"GET", "", "5-5", window(5, 1)},
		{"GET", "", "-5", request.AllRows},
		{"GET", "", "items=0-9", request.AllRows},
		{"GET", "", "0-9,20-29", request.AllRows},
		{"GET", "limit=5", "2-20", window(2, 3)},
		{"GET", "offset=5", "2-20", window(5, 16)},
		{"HEAD", "", "0-9", request.AllRows},
		{"PATCH", "limit=2&offset=1", "0-0", window(1, 2)},
	} {
		header := http.Header{}
		if tt.header != "" {
			header.Set("Range", tt.header)
		}
		r, err := request.Parse(twoSchemas, request.Input{
			Method: tt.method, Path: "/items", RawQuery: tt.query, Header: header, Body: []byte("{}"),
		})
		if err != nil {
			t.Errorf("%s %s %s: %v", tt.method, tt.query, tt.header, err)
		} else if r.TopRange != tt.want {
			t.Errorf("%s %s %s: got %+v, want %+v", tt.method, tt.query, tt.header, r.TopRange, tt.want)
		}
	}
}

// TestManyLevels checks that the windows of many levels stay apart.
func TestManyLevels(t *testing.T) {
	t.Parallel()
	const levels = 100
	var query strings.Builder
	for i := range levels {
		fmt.Fprintf(&query, "&l%d.limit=%d", i, i)
	}
	for i := range levels {
		fmt.Fprintf(&query, "&l%d.offset=%d", i, 2*i)
	}
	r, err := request.Parse(twoSchemas, request.Input{Method: "GET", Path: "/items", RawQuery: query.String()[1:]})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Query.Ranges) != levels {
		t.Fatalf("%d levels", len(r.Query.Ranges))
	}
	for i, got := range r.Query.Ranges {
		want := request.PathRange{
			Path:  []string{fmt.Sprintf("l%d", i)},
			Range: request.Range{Offset: int64(2 * i), Limit: int64(i), HasLimit: true},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	r, err := request.Parse(
		request.Options{Schemas: []string{"api"}, AllowTxOverride: true, KnownTimezone: func(name string) bool { return name == "UTC" }},
		request.Input{Method: "POST", Path: "/items", Body: []byte("{}"), Header: headers(
			"Accept: text/csv", "Accept: text/plain", "Content-Type: Application/JSON; charset=utf-8", "Content-Type: text/csv",
			"Prefer: tx=rollback", "Prefer: timezone=UTC, return=minimal",
		)},
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := []request.MediaType{{Name: request.TypeCSV}}; !reflect.DeepEqual(r.Accept, want) {
		t.Errorf("Accept: got %+v, want %+v", r.Accept, want)
	}
	if want := (request.MediaType{Name: request.TypeJSON}); r.ContentType != want {
		t.Errorf("Content-Type: got %+v, want %+v", r.ContentType, want)
	}
	want := request.Preferences{Transaction: "rollback", Timezone: "UTC", Representation: "minimal", Invalid: []string{}}
	if !reflect.DeepEqual(r.Preferences, want) {
		t.Errorf("Prefer: got %+v, want %+v", r.Preferences, want)
	}
	if r, err = request.Parse(twoSchemas, request.Input{Method: "GET", Path: "/items"}); err != nil {
		t.Fatal(err)
	}
	if want := []request.MediaType{{Name: request.TypeAny}}; !reflect.DeepEqual(r.Accept, want) {
		t.Errorf("without Accept: got %+v, want %+v", r.Accept, want)
	}
	if want := (request.MediaType{Name: request.TypeJSON}); r.ContentType != want {
		t.Errorf("without Content-Type: got %+v, want %+v", r.ContentType, want)
	}
}
