package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

// What came in 14.1 and later is told apart in the names: 14.0 is what clients see where both differ.
func TestV14Functions(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"a body is not given whole to a named parameter": {
			method: http.MethodPost, target: "/rpc/takes_data", body: `{"other":1}`, status: 404,
			want: `~"code":"PGRST202"`,
		},
		"a text is not given whole to a named parameter": {
			method: http.MethodPost, target: "/rpc/takes_text", body: `hello`, status: 404,
			header: map[string]string{"Content-Type": "text/plain"}, want: `~"code":"PGRST202"`,
		},
		"a named parameter takes its own key": {method: http.MethodPost, target: "/rpc/takes_data", body: `{"data":[1]}`, want: `[1]`},
	})
}

func TestV14Ranges(t *testing.T) {
	t.Parallel()
	const beyond = `{"code":"PGRST103","message":"Requested range not satisfiable",` +
		`"details":"An offset of 100 was requested, but there are only 3 rows.","hint":null}`
	run(t, museum(t, nil), map[string]call{
		"an offset beyond the rows is told in whole": {
			target: "/halls?offset=100", header: map[string]string{"Prefer": "count=exact"}, status: 416, want: beyond,
			wantHeader: map[string]string{"Content-Range": "*/3", "Content-Length": "146"},
		},
	})
}

func TestV14Writes(t *testing.T) {
	t.Parallel()
	representation := map[string]string{"Prefer": "return=representation"}
	run(t, museum(t, nil), map[string]call{
		"an empty answer to an insert has a length": {
			method: http.MethodPost, target: "/lockers", body: `{"number":80}`, status: 201, want: "",
			wantHeader: map[string]string{"Content-Length": "0"},
		},
		"an empty answer with headers alone has a length": {
			method: http.MethodPost, target: "/lockers", body: `{"number":81}`, status: 201, want: "",
			header:     map[string]string{"Prefer": "return=headers-only"},
			wantHeader: map[string]string{"Content-Length": "0", "Location": "/lockers?number=eq.81"},
		},
		"an update that changes what or= looks at returns its rows": {
			method: http.MethodPatch, target: "/jobs?or=(state.eq.new,state.eq.done)&select=id,state&order=id", body: `{"state":"late"}`,
			header: representation, want: `[{"id":1,"state":"late"},{"id":2,"state":"late"},{"id":3,"state":"late"}]`,
		},
		"an update filters by or= what it embeds": {
			method: http.MethodPatch, target: "/halls?id=eq.1&select=id,exhibits(id)&exhibits.or=(id.eq.1,id.eq.9)", body: `{"floor":4}`,
			header: representation, want: `[{"id":1,"exhibits":[{"id":1}]}]`,
		},
		"an update of what a filter looks at returns its rows": {
			method: http.MethodPatch, target: "/jobs?state=eq.new&select=id&order=id", body: `{"state":"late"}`,
			header: representation, want: `[{"id":1},{"id":2}]`,
		},
	})
}

func TestV14Hints(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"a table's name is hinted at": {target: "/exhibit", status: 404, want: `~Perhaps you meant the table 'museum.exhibits'`},
		"a function's name is hinted at": {
			target: "/rpc/patienc", status: 404, want: `~Perhaps you meant to call the function museum.patience`,
		},
		"a function's parameters are hinted at": {
			target: "/rpc/hall_by_names?name=x", status: 404, want: `~Perhaps you meant to call the function museum.hall_by_names(names)`,
		},
	})
}

func TestV14OpenAPI(t *testing.T) {
	t.Parallel()
	body := (&call{target: "/"}).send(t, museum(t, nil)).Body.String()
	for column, format := range map[string]string{"id": "bigint", "few": "smallint", "amount": "integer"} {
		t.Run("an integer's format is PostgreSQL's name of it", func(t *testing.T) {
			t.Parallel()
			_, properties, _ := strings.Cut(body, `"counters":{`)
			_, property, _ := strings.Cut(properties, `"`+column+`":{`)
			property, _, _ = strings.Cut(property, "}")
			if !strings.Contains(property, `"format":"`+format+`"`) || !strings.Contains(property, `"type":"integer"`) {
				t.Errorf("%s: %s", column, property)
			}
		})
	}
}
