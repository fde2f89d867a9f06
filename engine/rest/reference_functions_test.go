package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceFunctionsArguments(t *testing.T) {
	t.Parallel()
	ofType := func(contentType string) map[string]string { return map[string]string{"Content-Type": contentType} }
	run(t, harbour(t, nil), map[string]call{
		"POST takes arguments from an object": {
			method: post, target: "/rpc/haul", body: `{"crates":3,"weight":4}`, want: `12`,
			wantHeader: map[string]string{"Content-Type": "application/json; charset=utf-8", "Content-Range": "0-0/*"},
		},
		"GET takes them from the query":           {target: "/rpc/haul?crates=3&weight=4", want: `12`},
		"names with capitals":                     {target: "/rpc/liftCrate?crateNo=5", want: `5`},
		"a procedure is no function":              {method: post, target: "/rpc/tidy", status: 404, want: `~PGRST202`},
		"an array of objects for one parameter":   {method: post, target: "/rpc/log_lines", body: `{"lines":[{"text":"a"},{"text":"b"}]}`, want: `["a","b"]`},
		"the body for one unnamed json parameter": {method: post, target: "/rpc/weigh", body: `{"crates":2,"kg":8}`, want: `16`},
		"a named parameter before the unnamed one": {
			method: post, target: "/rpc/measure", body: `{"metres":2}`, want: `"metres 2"`,
		},
		"the unnamed one when no names fit":        {method: post, target: "/rpc/measure", body: `{"feet":2}`, want: `"json {\"feet\": 2}"`},
		"bytes for one unnamed bytea parameter":    {method: post, target: "/rpc/stow_bytes", header: ofType("application/octet-stream"), body: "\x00\xff\x01", want: `3`},
		"text for one unnamed text parameter":      {method: post, target: "/rpc/stow_text", header: ofType("text/plain"), body: `a "b"`, want: `"stowed a \"b\""`},
		"XML for one unnamed xml parameter":        {method: post, target: "/rpc/stow_xml", header: ofType("text/xml"), body: `<crate>tar</crate>`, want: `"tar"`},
		"an array in a body":                       {method: post, target: "/rpc/next_all", body: `{"numbers":[1,2]}`, want: `[2,3]`},
		"an array literal in a body":               {method: post, target: "/rpc/next_all", body: `{"numbers":"{1,2}"}`, want: `[2,3]`},
		"an array literal in the query":            {target: "/rpc/next_all?numbers=%7B1,2%7D", want: `[2,3]`},
		"a variadic parameter from an array":       {method: post, target: "/rpc/add_all", body: `{"numbers":[1,2,3]}`, want: `6`},
		"a variadic parameter repeated in a query": {target: "/rpc/add_all?numbers=1&numbers=2&numbers=3", want: `6`},
		"a variadic parameter repeated in a form": {
			method: post, target: "/rpc/add_all", header: ofType("application/x-www-form-urlencoded"), body: "numbers=1&numbers=2", want: `3`,
		},
		"of another repeated parameter the last counts": {target: "/rpc/haul?crates=3&weight=4&weight=5", want: `15`},
		"an overload with one argument":                 {target: "/rpc/stay?ship=1", want: `"ship 1"`},
		"an overload with two":                          {target: "/rpc/stay?ship=1&since=2026-01-02", want: `"ship 1 since 2026-01-02"`},
		"overloads of the same names are ambiguous":     {target: "/rpc/toll?tons=1", status: 300, want: `~PGRST203`},
		"an out parameter before those that go in":      {target: "/rpc/swapped?a=5&b=3", want: `{"swapped":2}`},
	})
}

func TestReferenceFunctionsResults(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"void has no body": {
			method: post, target: "/rpc/log_line", body: `{"line":"x"}`, status: 204, want: "", wantHeader: map[string]string{"Content-Type": ""},
		},
		"a scalar":                     {target: "/rpc/haul?crates=1&weight=1", want: `1`},
		"a set of scalars":             {target: "/rpc/ship_names", want: `["Aurora","Borealis","Corona"]`},
		"a row":                        {target: "/rpc/one_ship?select=id,name", want: `{"id":1,"name":"Aurora"}`},
		"no row where there could be":  {target: "/rpc/no_ship?select=id,name", want: `{"id":null,"name":null}`},
		"out parameters":               {target: "/rpc/span", want: `{"low":12,"high":80}`},
		"a table of its own":           {target: "/rpc/names_and_lengths?length=gt.20&order=length.desc&select=name", want: `[{"name":"Corona"},{"name":"Aurora"}]`},
		"a table, filtered as such":    {target: "/rpc/ships_above?metres=10&length=lt.50&select=id", want: `[{"id":1},{"id":2}]`},
		"a table, ordered and limited": {target: "/rpc/all_ships?select=id&order=id.desc&limit=1&offset=1", want: `[{"id":2}]`, wantHeader: map[string]string{"Content-Range": "1-1/*"}},
		"a table, filtered by what is not selected": {
			target: "/rpc/all_ships?select=id&name=like.A*", want: `[{"id":1}]`,
		},
		"a table, embedding": {
			target: "/rpc/ships_above?metres=50&select=name,dock:docks!ships_dock_id_fkey(name)", want: `[{"name":"Corona","dock":{"name":"South"}}]`,
		},
		"a table, counted": {
			target: "/rpc/all_ships?select=id&limit=1", header: prefer("count=exact"), status: 206, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Content-Range": "0-0/3", "Preference-Applied": "count=exact"},
		},
		"untyped records":                        {target: "/rpc/records", want: `[{"id":1,"name":"North"},{"id":2,"name":"South"},{"id":3,"name":"Old pier"}]`},
		"untyped records have nothing to select": {target: "/rpc/records?select=id", status: 400, want: `~42`},
		"HEAD has no body": {
			method: http.MethodHead, target: "/rpc/all_ships?select=id", want: "",
			wantHeader: map[string]string{"Content-Range": "0-2/*", "Content-Type": "application/json; charset=utf-8"},
		},
		"as CSV": {
			target: "/rpc/all_ships?select=id,name&limit=1", header: map[string]string{"Accept": "text/csv"}, want: "id,name\n1,Aurora",
			wantHeader: map[string]string{"Content-Type": "text/csv; charset=utf-8"},
		},
		"as one object": {
			target: "/rpc/ships_above?metres=50&select=id", header: map[string]string{"Accept": "application/vnd.pgrst.object+json"}, want: `{"id":3}`,
		},
	})
}

func TestReferenceFunctionsInlining(t *testing.T) {
	t.Parallel()
	server := harbour(t, func(cfg *rest.Config) { cfg.PlanEnabled = true })
	for target, scans := range map[string]bool{"/rpc/all_ships?id=eq.1": false, "/rpc/names_and_lengths?length=eq.1": false, "/rpc/docks_by_hand?id=eq.1": true} {
		c := call{target: target, header: map[string]string{"Accept": "application/vnd.pgrst.plan"}}
		got := c.send(t, server)
		if got.Code != http.StatusOK || strings.Contains(got.Body.String(), "Function Scan") != scans {
			t.Errorf("%s: %d %s", target, got.Code, got.Body)
		}
	}
}
