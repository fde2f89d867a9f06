package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"nexus/engine/rest"
)

// TestDifferences has the differences from PostgREST that docs/postgrest-compatibility.md says were chosen, where a request
// can show them.
func TestDifferences(t *testing.T) {
	t.Parallel()
	const encoding = `{"code":"22021","details":null,"hint":null,"message":"invalid byte sequence for encoding \"UTF8\": `
	deep := func(before, middle, after string, levels int) string {
		return strings.Repeat(before, levels) + middle + strings.Repeat(after, levels)
	}
	run(t, harbour(t, nil), map[string]call{
		"a NUL in a filter":                        {target: "/docks?name=eq.%00", status: 400, want: encoding + `0x00"}`},
		"a filter that is no UTF-8":                {target: "/docks?name=eq.a%FF", status: 400, want: encoding + `0xff"}`},
		"a NUL in a body":                          {method: post, target: "/fees", body: "{\"code\":\"C\x00\"}", status: 400, want: `~"code":`},
		"a body that is no UTF-8":                  {method: post, target: "/fees?columns=code", body: "{\"code\":\"C\xff\"}", status: 400, want: encoding + `0xff"}`},
		"no hint for a table that exists":          {target: "/tickets?select=docks(*)", status: 400, want: `~"hint":null,"message":"Could not find a relationship between 'tickets' and 'docks'`},
		"an out parameter before one that goes in": {target: "/rpc/swapped?a=5&b=3", want: `{"swapped":2}`},
		"too many levels of select":                {target: "/pilots?select=" + deep("pupils(", "id", ")", 101), status: 400, want: `~PGRST100`},
		"too many levels of logic":                 {target: "/docks?and=" + deep("(and", "(id.eq.1,id.eq.1)", ")", 101), status: 400, want: `~PGRST100`},
		"too many levels of JSON":                  {method: post, target: "/fees", body: deep("[", "", "]", 10_001), status: 400, want: `~PGRST102`},
		"any of values that are represented":       {target: "/keys?select=door&code=eq(any).{K-7,K-9}&order=door", want: `[{"door":"gate"},{"door":"shed"}]`},
		"all of values that are represented":       {target: "/keys?select=door&code=gte(all).{K-7,K-9}", want: `[{"door":"shed"}]`},
		"an order by JSON that is not text":        {target: "/buoys?select=id&order=facts->say", want: `[{"id":1},{"id":2},{"id":3}]`},
		"a many-to-many whose join table is in another schema": {
			target: "/docks?select=name,passengers(name)&id=eq.1", want: `[{"name":"North","passengers":[{"name":"Aronnax"}]}]`,
		},
		"jsonb of a handler keeps its first byte": {target: "/rpc/as_jsonb", header: accept("application/vnd.jsonb"), want: "\x01{\"a\": 1}"},
		"a status that ends nothing":              {target: "/rpc/fail?state=PT103", status: 500, want: `~PT103`},
		"an empty DETAIL is null":                 {target: "/rpc/fail_emptily", status: 400, want: `{"code":"P0001","details":null,"hint":null,"message":"failed"}`},
		"a limit beyond 64 bits":                  {target: "/docks?select=id&id=eq.1&limit=99999999999999999999", want: `[{"id":1}]`},
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.BasePath = "/rest/v1" }), map[string]call{
		"Content-Location below a base path": {
			target: "/rest/v1/docks?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Content-Location": "/rest/v1/docks?id=eq.1&select=id"},
		},
		"Location below a base path": {
			method: post, target: "/rest/v1/fees", header: prefer("return=headers-only"), body: `{"code":"C"}`, status: 201,
			wantHeader: map[string]string{"Location": "/rest/v1/fees?code=eq.C"},
		},
		"the path that functions see has no base path": {target: "/rest/v1/rpc/setting?name=request.path", want: `"/rpc/setting"`},
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.MaxEmbedDepth = 1 }), map[string]call{
		"a limit of embedding": {
			target: "/captains?select=voyages(bookings(cabin))", status: 400,
			want: `{"code":"NEXUS100","details":"The limit is 1 levels.","hint":null,"message":"Resources are embedded too deeply"}`,
		},
	})
}

func TestDifferencesBodyLimit(t *testing.T) {
	t.Parallel()
	options := harbourOptions(t, nil)
	options.MaxBody = 10
	runFailures(t, rest.New(options), map[string]failure{
		"a body that is too large": {
			method: post, target: "/fees", body: `{"code":"longer"}`, status: http.StatusRequestEntityTooLarge, code: "NEXUS413",
			message: "The request body is too large", details: `"The limit is 10 bytes."`,
		},
	})
}
