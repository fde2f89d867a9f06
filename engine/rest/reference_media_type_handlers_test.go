package rest_test

import "testing"

func TestReferenceMediaTypes(t *testing.T) {
	t.Parallel()
	contentType := func(media string) map[string]string { return map[string]string{"Content-Type": media} }
	run(t, harbour(t, nil), map[string]call{
		"a function": {
			target: "/rpc/knots?id=1", header: accept("application/vnd.knots"), want: "bow", wantHeader: contentType("application/vnd.knots"),
		},
		"a function of text": {
			target: "/rpc/page", header: accept("text/html"), want: "<h1>Harbour</h1>", wantHeader: contentType("text/html"),
		},
		"a function, for anything":     {target: "/rpc/page", header: accept("*/*"), want: `"<h1>Harbour</h1>"`, wantHeader: contentType("application/json; charset=utf-8")},
		"a function, for another type": {target: "/rpc/page", header: accept("application/vnd.knots"), status: 406, want: `~PGRST107`},
		"a table": {
			target: "/ropes?order=id", header: accept("application/vnd.knots"), want: "bow\x00stern\x00", wantHeader: contentType("application/vnd.knots"),
		},
		"a table, filtered":       {target: "/ropes?id=eq.2", header: accept("application/vnd.knots"), want: "stern\x00"},
		"a table that has none":   {target: "/docks", header: accept("application/vnd.knots"), status: 406, want: `~PGRST107`},
		"a function of its table": {target: "/rpc/all_ropes", header: accept("application/vnd.knots"), want: "bow\x00stern\x00"},
		"in place of a builtin one": {
			target: "/ropes?order=id", header: accept("text/csv"), want: "id;name\n1;bow\n2;stern\n",
			wantHeader: map[string]string{"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="ropes.csv"`},
		},
		"the builtin one elsewhere": {target: "/docks?select=id&id=eq.1", header: accept("text/csv"), want: "id\n1"},
		"any, without a wish": {
			target: "/ropes.xml", want: "<rope>bow</rope><rope>stern</rope>", wantHeader: contentType("text/xml"),
		},
		"any, for a type it gives": {
			target: "/ropes.xml?id=eq.1", header: accept("application/xml"), want: "<rope>bow</rope>", wantHeader: contentType("application/xml"),
		},
		"any, refusing by itself": {
			target: "/ropes.xml", header: accept("unknown/media"), status: 415, want: `{"code":"PT415","details":null,"hint":null,"message":"Unsupported Media Type"}`,
		},
		"any, of a function": {target: "/rpc/anything", header: accept("image/png"), want: "raw", wantHeader: contentType("application/octet-stream")},
		"a type that cannot be taken over": {
			target: "/ropes?id=eq.1", header: accept("application/vnd.pgrst.object+json"), want: `{"id":1,"name":"bow"}`,
		},
		// jsonb has a version byte in its binary form, which is what a handler's bytes are taken from.
		"jsonb keeps the byte in front of its binary form": {
			target: "/rpc/as_jsonb", header: accept("application/vnd.jsonb"), want: "\x01{\"a\": 1}", wantHeader: contentType("application/vnd.jsonb"),
		},
	})
}
