package rest_test

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"nexus/engine/rest"
)

// failure is a request that is refused, and the whole error it is refused with.
type failure struct {
	method  string // GET if empty
	target  string
	header  map[string]string
	body    string
	status  int
	code    string
	message string
	details string // JSON, null if empty
	hint    string // null if empty
	// wantHeader is as in call.
	wantHeader map[string]string
}

// call is the request as a call that wants the error to the byte, and its code in Proxy-Status.
func (f *failure) call() call {
	details, hint := "null", "null"
	if f.details != "" {
		details = f.details
	}
	if f.hint != "" {
		hint = quoteJSON(f.hint)
	}
	want := `{"code":` + quoteJSON(f.code) + `,"details":` + details + `,"hint":` + hint + `,"message":` + quoteJSON(f.message) + `}`
	headers := map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Content-Length": strconv.Itoa(len(want)),
		"Proxy-Status": "PostgREST; error=" + f.code, "Www-Authenticate": "",
	}
	maps.Copy(headers, f.wantHeader)
	return call{
		method: f.method, target: f.target, header: f.header, body: f.body, status: f.status, want: want, wantHeader: headers,
	}
}

// quoteJSON quotes a text that needs no escapes but those of quotes and backslashes.
func quoteJSON(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// runFailures makes each request as a test of its own.
func runFailures(t *testing.T, server http.Handler, failures map[string]failure) {
	t.Helper()
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := f.call()
			got := c.send(t, server)
			c.check(t, got)
			if got.Body.String() != c.want {
				t.Errorf("not to the byte: %s\nwant %s", got.Body, c.want)
			}
		})
	}
}

func prefer(values string) map[string]string { return map[string]string{"Prefer": values} }

const (
	post, patch, put, del = http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete

	messageHint = "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
	detailHint  = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
	badRaise    = `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`
	badHeaders  = "response.headers guc must be a JSON array composed of objects with a single key and a string value"
	beyond      = "Requested range not satisfiable"
)

// TestReferenceErrorsRequest has group 1, about the request: each code, and each form that its texts have.
func TestReferenceErrorsRequest(t *testing.T) {
	t.Parallel()
	runFailures(t, harbour(t, nil), map[string]failure{
		"PGRST100 in a filter": {
			target: "/docks?id=is.eq.1", status: 400, code: "PGRST100", message: `"failed to parse filter (is.eq.1)" (line 1, column 4)`,
			details: `"unexpected \"e\" expecting isVal: (null, not_null, true, false, unknown)"`,
		},
		"PGRST100 in an order": {
			target: "/docks?order=id.up", status: 400, code: "PGRST100", message: `"failed to parse order (id.up)" (line 1, column 4)`,
			details: `"unexpected \"u\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""`,
		},
		"PGRST101": {method: put, target: "/rpc/moor", status: 405, code: "PGRST101", message: "Cannot use the PUT method on RPC"},
		"PGRST102 without a body": {
			method: post, target: "/logs", status: 400, code: "PGRST102", message: "Empty or invalid json",
		},
		"PGRST102 of objects with other keys": {
			method: post, target: "/logs", body: `[{"id":1},{"line":"a"}]`, status: 400, code: "PGRST102", message: "All object keys must match",
		},
		"PGRST102 of lines with other fields": {
			method: post, target: "/logs", header: map[string]string{"Content-Type": "text/csv"}, body: "id,line\n1,a\n2\n",
			status: 400, code: "PGRST102", message: "All lines must have same number of fields",
		},
		"PGRST102 of a type that is not understood": {
			method: post, target: "/logs", header: map[string]string{"Content-Type": "application/pdf"}, body: "%PDF", status: 400,
			code: "PGRST102", message: "Content-Type not acceptable: application/pdf",
		},
		"PGRST103 of a negative limit": {
			target: "/docks?limit=-1", status: 416, code: "PGRST103", message: beyond, details: `"Limit should be greater than or equal to zero."`,
		},
		"PGRST103 of a range that is upside down": {
			target: "/docks", header: map[string]string{"Range": "5-2"}, status: 416, code: "PGRST103", message: beyond,
			details: `"The lower boundary must be lower than or equal to the upper boundary in the Range header."`,
		},
		"PGRST105": {
			method: put, target: "/docks?name=eq.North", body: `{"id":1,"name":"North"}`, status: 405, code: "PGRST105",
			message: "Filters must include all and only primary key columns with 'eq' operators",
		},
		"PGRST106": {
			target: "/docks", header: map[string]string{"Accept-Profile": "pantry"}, status: 406, code: "PGRST106",
			message: "Invalid schema: pantry", hint: "Only the following schemas are exposed: harbour, depot",
		},
		"PGRST107": {
			target: "/docks", header: map[string]string{"Accept": "image/png, text/x-none"}, status: 406, code: "PGRST107",
			message: "None of these media types are available: image/png, text/x-none",
		},
		"PGRST108": {
			target: "/ships?berths.number=eq.1", status: 400, code: "PGRST108",
			message: "'berths' is not an embedded resource in this request",
			hint:    "Verify that 'berths' is included in the 'select' query parameter.",
		},
		"PGRST111": {target: "/rpc/set_response?name=headers&value=no", status: 500, code: "PGRST111", message: badHeaders},
		"PGRST112": {
			target: "/rpc/set_response?name=status&value=fine", status: 500, code: "PGRST112",
			message: "response.status guc must be a valid status code",
		},
		"PGRST114": {
			method: put, target: "/docks?id=eq.1&limit=1", body: `{"id":1,"name":"North"}`, status: 400, code: "PGRST114",
			message: "limit/offset querystring parameters are not allowed for PUT",
		},
		"PGRST115": {
			method: put, target: "/docks?id=eq.1", body: `{"id":2,"name":"South"}`, status: 400, code: "PGRST115",
			message: "Payload values do not match URL in primary key column(s)",
		},
		"PGRST116 of several rows": {
			target: "/docks", header: map[string]string{"Accept": "application/vnd.pgrst.object+json"}, status: 406, code: "PGRST116",
			message: "Cannot coerce the result to a single JSON object", details: `"The result contains 3 rows"`,
		},
		"PGRST116 of no row": {
			target: "/docks?id=eq.9", header: map[string]string{"Accept": "application/vnd.pgrst.object+json"}, status: 406, code: "PGRST116",
			message: "Cannot coerce the result to a single JSON object", details: `"The result contains 0 rows"`,
		},
		"PGRST117 on a table": {
			method: "TRACE", target: "/docks", status: 405, code: "PGRST117", message: "Unsupported HTTP method: TRACE",
		},
		"PGRST117 on the root": {method: post, target: "/", status: 405, code: "PGRST117", message: "Unsupported HTTP method: POST"},
		"PGRST118": {
			target: "/ships?select=id,berths(number)&order=berths(number)", status: 400, code: "PGRST118",
			message: "A related order on 'berths' is not possible",
			details: `"'ships' and 'berths' do not form a many-to-one or one-to-one relationship"`,
		},
		"PGRST121 of the MESSAGE": {
			target: "/rpc/fail_json?message=no&detail=no", status: 500, code: "PGRST121", message: badRaise,
			details: `"Invalid JSON value for MESSAGE: 'no'"`, hint: messageHint,
		},
		"PGRST122": {
			target: "/docks", header: prefer("handling=strict, sorting=none, count=some"), status: 400, code: "PGRST122",
			message: "Invalid preferences given with handling=strict", details: `"Invalid preferences: sorting=none, count=some"`,
		},
		"PGRST123": {target: "/docks?select=count()", status: 400, code: "PGRST123", message: "Use of aggregate functions is not allowed"},
		"PGRST124": {
			method: del, target: "/berths?number=gt.0", header: prefer("handling=strict, max-affected=2"), status: 400, code: "PGRST124",
			message: "Query result exceeds max-affected preference constraint", details: `"The query affects 3 rows"`,
		},
		"PGRST125": {target: "/docks/1/ships", status: 404, code: "PGRST125", message: "Invalid path specified in request URL"},
		"PGRST128": {
			target: "/rpc/moor?ship=1&dock=1", header: prefer("handling=strict, max-affected=2"), status: 400, code: "PGRST128",
			message: "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
		},
	})
}

// TestReferenceErrorsNames has group 2, about names that the snapshot of the schema does not have.
func TestReferenceErrorsNames(t *testing.T) {
	t.Parallel()
	runFailures(t, harbour(t, nil), map[string]failure{
		"PGRST200 of a child that does not exist": {
			target: "/ships?select=id,berth(*)", status: 400, code: "PGRST200",
			message: "Could not find a relationship between 'ships' and 'berth' in the schema cache",
			details: `"Searched for a foreign key relationship between 'ships' and 'berth' in the schema 'harbour', but no matches were found."`,
			hint:    "Perhaps you meant 'berths' instead of 'berth'.",
		},
		"PGRST200 of a hint that does not exist": {
			target: "/ships?select=id,docks!port(*)", status: 400, code: "PGRST200",
			message: "Could not find a relationship between 'ships' and 'docks' in the schema cache",
			details: `"Searched for a foreign key relationship between 'ships' and 'docks' using the hint 'port' in the schema 'harbour', but no matches were found."`,
		},
		"PGRST201": {
			target: "/ships?select=id,docks(*)", status: 300, code: "PGRST201",
			message: "Could not embed because more than one relationship was found for 'ships' and 'docks'",
			details: `[{"cardinality":"many-to-one","embedding":"ships with docks","relationship":"ships_dock_id_fkey using ships(dock_id) and docks(id)"},` +
				`{"cardinality":"many-to-one","embedding":"ships with docks","relationship":"ships_home_id_fkey using ships(home_id) and docks(id)"}]`,
			hint: "Try changing 'docks' to one of the following: 'docks!ships_dock_id_fkey', 'docks!ships_home_id_fkey'. " +
				"Find the desired relationship in the 'details' key.",
		},
		"PGRST202 of a name that does not exist": {
			target: "/rpc/more", status: 404, code: "PGRST202", message: "Could not find the function harbour.more without parameters in the schema cache",
			details: `"Searched for the function harbour.more without parameters, but no matches were found in the schema cache."`,
			hint:    "Perhaps you meant to call the function harbour.moor",
		},
		"PGRST202 of arguments that do not exist": {
			target: "/rpc/moor?ship=1&docks=2", status: 404, code: "PGRST202",
			message: "Could not find the function harbour.moor(docks, ship) in the schema cache",
			details: `"Searched for the function harbour.moor with parameters docks, ship, but no matches were found in the schema cache."`,
			hint:    "Perhaps you meant to call the function harbour.moor(dock, ship)",
		},
		"PGRST202 of a JSON body": {
			method: post, target: "/rpc/zzzzzzzz", body: `{"x":1}`, status: 404, code: "PGRST202",
			message: "Could not find the function harbour.zzzzzzzz(x) in the schema cache",
			details: `"Searched for the function harbour.zzzzzzzz with parameter x or with a single unnamed json/jsonb parameter, ` +
				`but no matches were found in the schema cache."`,
		},
		"PGRST202 of a text": {
			method: post, target: "/rpc/moor", header: map[string]string{"Content-Type": "text/plain"}, body: `x`, status: 404, code: "PGRST202",
			message: "Could not find the function harbour.moor in the schema cache",
			details: `"Searched for the function harbour.moor with a single unnamed text parameter, but no matches were found in the schema cache."`,
		},
		"PGRST202 of an XML": {
			method: post, target: "/rpc/moor", header: map[string]string{"Content-Type": "text/xml"}, body: `<x/>`, status: 404, code: "PGRST202",
			message: "Could not find the function harbour.moor in the schema cache",
			details: `"Searched for the function harbour.moor with a single unnamed xml parameter, but no matches were found in the schema cache."`,
		},
		"PGRST202 of bytes": {
			method: post, target: "/rpc/moor", header: map[string]string{"Content-Type": "application/octet-stream"}, body: `x`, status: 404,
			code: "PGRST202", message: "Could not find the function harbour.moor in the schema cache",
			details: `"Searched for the function harbour.moor with a single unnamed bytea parameter, but no matches were found in the schema cache."`,
		},
		"PGRST203": {
			target: "/rpc/toll?tons=1", status: 300, code: "PGRST203",
			message: "Could not choose the best candidate function between: harbour.toll(tons => integer), harbour.toll(tons => text)",
			hint:    "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
		},
		"PGRST204": {
			method: post, target: "/logs?columns=line,colour", body: `{"line":"a"}`, status: 400, code: "PGRST204",
			message: "Could not find the 'colour' column of 'logs' in the schema cache",
		},
		"PGRST205": {
			target: "/dock", status: 404, code: "PGRST205", message: "Could not find the table 'harbour.dock' in the schema cache",
			hint: "Perhaps you meant the table 'harbour.docks'",
		},
		"PGRST205 without a similar name": {
			target: "/qqqqqqqq", status: 404, code: "PGRST205", message: "Could not find the table 'harbour.qqqqqqqq' in the schema cache",
		},
	})
}

// TestReferenceErrorsSettings has those that need other settings than the default ones.
func TestReferenceErrorsSettings(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		failure
		change func(*rest.Config)
	}{
		"PGRST126": {
			failure: failure{target: "/", status: 404, code: "PGRST126", message: "Root endpoint metadata is disabled"},
			change:  func(cfg *rest.Config) { cfg.OpenAPIMode = rest.OpenAPIDisabled },
		},
		"PGRST127": {
			failure: failure{
				target: "/ships?select=id,...berths(number.max())", status: 400, code: "PGRST127", message: "Feature not implemented",
				details: `"Aggregates are not implemented for one-to-many or many-to-many spreads."`,
			},
			change: func(cfg *rest.Config) { cfg.AggregatesEnabled = true },
		},
		"PGRST302": {
			failure: failure{
				target: "/docks", status: 401, code: "PGRST302", message: "Anonymous access is disabled",
				wantHeader: map[string]string{"Www-Authenticate": "Bearer"},
			},
			change: func(cfg *rest.Config) { cfg.AnonRole = "" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runFailures(t, harbour(t, f.change), map[string]failure{"": f.failure})
		})
	}
}
