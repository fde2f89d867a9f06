package rest_test

import "testing"

// asType sends a body of a type and wants the rows back.
func asType(contentType string) map[string]string {
	return map[string]string{"Content-Type": contentType, "Prefer": "return=representation"}
}

func TestReferenceTablesViewsInsert(t *testing.T) {
	t.Parallel()
	returned := prefer("return=representation")
	run(t, harbour(t, nil), map[string]call{
		"a row without an answer": {
			method: post, target: "/fees", body: `{"code":"C"}`, status: 201, want: "",
			wantHeader: map[string]string{"Content-Length": "0", "Content-Type": "", "Content-Range": "*/*", "Location": ""},
		},
		"what is missing has its default": {
			method: post, target: "/fees", header: returned, body: `{"code":"C"}`, status: 201,
			want: `[{"code":"C","label":null,"amount":1,"area":"all"}]`,
		},
		"an empty object is a row of defaults": {
			method: post, target: "/tickets?select=label", header: returned, body: `{}`, status: 201, want: `[{"label":null}]`,
		},
		"an empty array is no row":   {method: post, target: "/fees", header: returned, body: `[]`, status: 201, want: `[]`},
		"quoted JSON is not a row":   {method: post, target: "/fees", header: returned, body: `"{\"code\":\"C\"}"`, status: 201, want: `[]`},
		"through a view that allows": {method: post, target: "/long_ships?select=name", header: returned, body: `{"id":9,"name":"D","length":4}`, status: 201, want: `[{"name":"D"}]`},
		"a form": {
			method: post, target: "/fees", header: asType("application/x-www-form-urlencoded"), body: "code=C&label=Big+one&amount=50", status: 201,
			want: `[{"code":"C","label":"Big one","amount":50,"area":"all"}]`,
		},
		"CSV, where NULL is null and nothing is an empty text": {
			method: post, target: "/fees", header: asType("text/csv"), body: "code,label,area\nC,,NULL\nD,\"x,y\",sea\n", status: 201,
			want: `[{"code":"C","label":"","amount":1,"area":null},{"code":"D","label":"x,y","amount":1,"area":"sea"}]`,
		},
		"an array of objects": {
			method: post, target: "/fees?select=code,amount", header: returned, body: `[{"code":"C","amount":2},{"amount":3,"code":"D"}]`,
			status: 201, want: `[{"code":"C","amount":2},{"code":"D","amount":3}]`,
		},
		"objects with other keys are refused": {
			method: post, target: "/fees", body: `[{"code":"C"},{"code":"D","amount":3}]`, status: 400, want: `~All object keys must match`,
		},
		"columns= takes what it names and ignores the rest": {
			method: post, target: "/fees?columns=code,label", header: returned, body: `{"code":"C","label":"c","amount":99,"dust":[1]}`, status: 201,
			want: `[{"code":"C","label":"c","amount":1,"area":"all"}]`,
		},
		"columns= gives null to what an object lacks": {
			method: post, target: "/fees?columns=code,area", header: returned, body: `[{"code":"C"},{"code":"D","area":"sea"}]`, status: 201,
			want: `[{"code":"C","label":null,"amount":1,"area":null},{"code":"D","label":null,"amount":1,"area":"sea"}]`,
		},
		"the answer embeds": {
			method: post, target: "/berths?select=number,ships(name)", header: returned, body: `{"ship_id":3,"number":1}`, status: 201,
			want: `[{"number":1,"ships":{"name":"Corona"}}]`,
		},
	})
}

func TestReferenceTablesViewsUpdate(t *testing.T) {
	t.Parallel()
	returned := prefer("return=representation")
	run(t, harbour(t, nil), map[string]call{
		"rows that pass the filter": {
			method: patch, target: "/fees?amount=lt.9", header: returned, body: `{"area":"none"}`,
			want: `[{"code":"A","label":"anchor","amount":5,"area":"none"}]`, wantHeader: map[string]string{"Content-Range": "0-0/*"},
		},
		"without an answer": {
			method: patch, target: "/fees?amount=gt.0", body: `{"area":"none"}`, status: 204, want: "",
			wantHeader: map[string]string{"Content-Range": "0-1/*", "Content-Type": "", "Content-Length": ""},
		},
		"no row passes": {
			method: patch, target: "/fees?code=eq.Z", header: returned, body: `{"area":"none"}`, want: `[]`,
			wantHeader: map[string]string{"Content-Range": "*/*"},
		},
		"vertical filtering":   {method: patch, target: "/fees?code=eq.A&select=area", header: returned, body: `{"area":"x"}`, want: `[{"area":"x"}]`},
		"columns= chooses":     {method: patch, target: "/fees?code=eq.A&columns=area&select=area,amount", header: returned, body: `{"area":"x","amount":0}`, want: `[{"area":"x","amount":5}]`},
		"the answer embeds":    {method: patch, target: "/berths?ship_id=eq.2&select=note,ships(name)", header: returned, body: `{"note":"n"}`, want: `[{"note":"n","ships":{"name":"Borealis"}}]`},
		"an empty object":      {method: patch, target: "/fees?code=eq.A", header: returned, body: `{}`, want: `[]`},
		"a body that is empty": {method: patch, target: "/fees?code=eq.A", status: 400, want: `~PGRST102`},
	})
}

func TestReferenceTablesViewsUpsert(t *testing.T) {
	t.Parallel()
	merge := prefer("resolution=merge-duplicates, return=representation")
	run(t, harbour(t, nil), map[string]call{
		"merge, with a new row": {
			method: post, target: "/fees", header: merge, status: 201,
			body:       `[{"code":"A","label":"anchor 2"},{"code":"C","label":"crane"}]`,
			want:       `[{"code":"A","label":"anchor 2","amount":5,"area":"bay"},{"code":"C","label":"crane","amount":1,"area":"all"}]`,
			wantHeader: map[string]string{"Preference-Applied": "resolution=merge-duplicates, return=representation"},
		},
		"merge of known rows only": {
			method: post, target: "/fees?select=code,amount", header: merge, status: 200, body: `[{"code":"A","amount":6}]`,
			want: `[{"code":"A","amount":6}]`,
		},
		"ignore known rows": {
			method: post, target: "/fees?select=code", header: prefer("resolution=ignore-duplicates, return=representation"), status: 201,
			body: `[{"code":"A","label":"z"},{"code":"C","label":"crane"}]`, want: `[{"code":"C"}]`,
			wantHeader: map[string]string{"Preference-Applied": "resolution=ignore-duplicates, return=representation"},
		},
		"a generated key with missing=default": {
			method: post, target: "/tickets?columns=id,label,amount&select=label,amount", status: 201,
			header: prefer("resolution=merge-duplicates, missing=default, return=representation"),
			body:   `[{"id":1,"label":"one","amount":7},{"label":"two","amount":8}]`, want: `[{"label":"one","amount":7},{"label":"two","amount":8}]`,
		},
		"on_conflict names another unique column": {
			method: post, target: "/tickets?on_conflict=label&select=label,amount", header: merge, status: 201,
			body: `[{"label":"first","amount":70},{"label":"new","amount":71}]`,
			want: `[{"label":"first","amount":70},{"label":"new","amount":71}]`,
		},
		"without a resolution a known key is a conflict": {
			method: post, target: "/fees", body: `{"code":"A"}`, status: 409, want: `~"code":"23505"`,
		},
		"PUT of a new row": {
			method: put, target: "/fees?code=eq.C", header: prefer("return=representation"), status: 201,
			body: `{"code":"C","label":"c","amount":3,"area":"x"}`, want: `[{"code":"C","label":"c","amount":3,"area":"x"}]`,
		},
		"PUT of a known row": {
			method: put, target: "/fees?code=eq.A", header: prefer("return=representation"), status: 200,
			body: `{"code":"A","label":"c","amount":3,"area":"x"}`, want: `[{"code":"A","label":"c","amount":3,"area":"x"}]`,
		},
		"PUT without an answer":             {method: put, target: "/fees?code=eq.A", body: `{"code":"A","amount":3}`, status: 204, want: ""},
		"PUT with another key in the body":  {method: put, target: "/fees?code=eq.A", body: `{"code":"B"}`, status: 400, want: `~PGRST115`},
		"PUT without the key in the filter": {method: put, target: "/fees", body: `{"code":"A"}`, status: 405, want: `~PGRST105`},
		"PUT with another operator":         {method: put, target: "/fees?code=in.(A)", body: `{"code":"A"}`, status: 405, want: `~PGRST105`},
		"PUT with a filter beside the key":  {method: put, target: "/fees?code=eq.A&amount=eq.5", body: `{"code":"A"}`, status: 405, want: `~PGRST105`},
		"PUT with part of a key of two":     {method: put, target: "/berths?ship_id=eq.1", body: `{"ship_id":1,"number":1}`, status: 405, want: `~PGRST105`},
		"PUT with both parts of a key":      {method: put, target: "/berths?ship_id=eq.1&number=eq.1", body: `{"ship_id":1,"number":1,"note":"x"}`, status: 204, want: ""},
		"PUT with a window":                 {method: put, target: "/fees?code=eq.A&limit=1", body: `{"code":"A"}`, status: 400, want: `~PGRST114`},
		"PUT takes the row of the filter and no other": {
			method: put, target: "/fees?code=eq.C&select=code", header: prefer("return=representation"), body: `[{"code":"C"},{"code":"D"}]`,
			status: 201, want: `[{"code":"C"}]`,
		},
		"PUT through a view without its key": {method: put, target: "/long_ships?name=eq.Aurora", body: `{"id":1}`, status: 405, want: `~PGRST105`},
	})
}

func TestReferenceTablesViewsDelete(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"rows that pass": {
			method: del, target: "/fees?amount=lt.9", status: 204, want: "", wantHeader: map[string]string{"Content-Range": "*/*", "Content-Type": ""},
		},
		"with an answer": {
			method: del, target: "/fees?code=eq.A", header: prefer("return=representation"),
			want: `[{"code":"A","label":"anchor","amount":5,"area":"bay"}]`,
		},
		"vertical filtering": {method: del, target: "/fees?code=eq.A&select=code", header: prefer("return=representation"), want: `[{"code":"A"}]`},
		"the answer embeds": {
			method: del, target: "/berths?ship_id=eq.2&select=number,ships(name)", header: prefer("return=representation"),
			want: `[{"number":1,"ships":{"name":"Borealis"}}]`,
		},
		"a row that others point to": {method: del, target: "/docks?id=eq.1", status: 409, want: `~"code":"23503"`},
		"counted":                    {method: del, target: "/fees", header: prefer("count=exact"), status: 204, wantHeader: map[string]string{"Content-Range": "*/2"}},
	})
}
