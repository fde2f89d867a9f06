package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

func accept(media string) map[string]string { return map[string]string{"Accept": media} }

func TestReferenceRepresentationResponse(t *testing.T) {
	t.Parallel()
	const docks = `[{"id":1,"opened":"1990-01-01"},{"id":3,"opened":null}]`
	const target = "/docks?select=id,opened&id=in.(1,3)&order=id"
	run(t, harbour(t, nil), map[string]call{
		"JSON":          {target: target, header: accept("application/json"), want: docks, wantHeader: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		"CSV":           {target: target, header: accept("text/csv"), want: "id,opened\n1,1990-01-01\n3,", wantHeader: map[string]string{"Content-Type": "text/csv; charset=utf-8"}},
		"anything":      {target: target, header: accept("*/*"), want: docks, wantHeader: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		"no preference": {target: target, want: docks, wantHeader: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		"the weights decide": {
			target: target, header: accept("text/csv;q=0.5, application/json;q=0.9"), want: docks,
		},
		"what is first among equals": {target: target, header: accept("text/csv, application/json"), want: "id,opened\n1,1990-01-01\n3,"},
		"what is unknown is passed over": {
			target: target, header: accept("unknown/unknown, text/csv"), want: "id,opened\n1,1990-01-01\n3,",
		},
		"nothing known": {
			target: target, header: accept("unknown/unknown"), status: 406,
			want: `{"code":"PGRST107","details":null,"hint":null,"message":"None of these media types are available: unknown/unknown"}`,
		},
		"the root speaks OpenAPI for anything": {
			target: "/", header: accept("*/*"), want: `~"swagger":"2.0"`, wantHeader: map[string]string{"Content-Type": "application/openapi+json; charset=utf-8"},
		},
		"GeoJSON needs PostGIS":    {target: target, header: accept("application/geo+json"), status: 404, want: `~function st_asgeojson(record) does not exist`},
		"a plan has to be allowed": {target: target, header: accept("application/vnd.pgrst.plan"), status: 406, want: `~PGRST107`},
	})
}

func TestReferenceRepresentationSingular(t *testing.T) {
	t.Parallel()
	const object = "application/vnd.pgrst.object+json"
	const contentType = object + "; charset=utf-8"
	none := `{"code":"PGRST116","details":"The result contains 0 rows","hint":null,"message":"Cannot coerce the result to a single JSON object"}`
	run(t, harbour(t, nil), map[string]call{
		"one row":                       {target: "/docks?select=id&id=eq.1", header: accept(object), want: `{"id":1}`, wantHeader: map[string]string{"Content-Type": contentType}},
		"one row, in the short form":    {target: "/docks?select=id&id=eq.1", header: accept("application/vnd.pgrst.object"), want: `{"id":1}`, wantHeader: map[string]string{"Content-Type": contentType}},
		"no row":                        {target: "/docks?id=eq.9", header: accept(object), status: 406, want: none},
		"several rows":                  {target: "/docks", header: accept(object), status: 406, want: `~The result contains 3 rows`},
		"several rows, limited to one":  {target: "/docks?select=id&order=id&limit=1", header: accept(object), want: `{"id":1}`},
		"an insert of one row":          {method: post, target: "/fees?select=code", header: map[string]string{"Accept": object, "Prefer": "return=representation"}, body: `{"code":"C"}`, status: 201, want: `{"code":"C"}`},
		"an update of no row":           {method: patch, target: "/fees?code=eq.Z", header: map[string]string{"Accept": object, "Prefer": "return=representation"}, body: `{"area":"x"}`, status: 406, want: none},
		"an update of several rows":     {method: patch, target: "/fees", header: map[string]string{"Accept": object, "Prefer": "return=representation"}, body: `{"area":"x"}`, status: 406, want: `~The result contains 2 rows`},
		"a delete of one row, returned": {method: del, target: "/fees?code=eq.A&select=code", header: map[string]string{"Accept": object, "Prefer": "return=representation"}, want: `{"code":"A"}`},
	})
}

func TestReferenceRepresentationSingularKeepsRows(t *testing.T) {
	t.Parallel()
	database := harbourDB(t)
	server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.TxEnd = []string{"harbour"}, rest.TxCommit })
	c := call{method: del, target: "/fees", header: accept("application/vnd.pgrst.object+json"), status: 406, want: "~PGRST116"}
	c.check(t, c.send(t, server))
	if got := database.QueryString(t, `select count(*) from harbour.fees`); got != "2" {
		t.Errorf("%s rows are left, want 2", got)
	}
}

func TestReferenceRepresentationNulls(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"stripped of an array": {
			target: "/docks?select=id,opened&id=gt.1&order=id", header: accept("application/vnd.pgrst.array+json;nulls=stripped"),
			want:       `[{"id":2,"opened":"2000-06-15"},{"id":3}]`,
			wantHeader: map[string]string{"Content-Type": "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"},
		},
		"stripped of an object": {
			target: "/docks?select=id,opened&id=eq.3", header: accept("application/vnd.pgrst.object+json;nulls=stripped"), want: `{"id":3}`,
			wantHeader: map[string]string{"Content-Type": "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"},
		},
		"kept without": {
			target: "/docks?select=id,opened&id=eq.3", header: accept("application/vnd.pgrst.array+json"), want: `[{"id":3,"opened":null}]`,
		},
		"stripped inside embedded resources": {
			target: "/ships?select=id,berths(number,note)&id=eq.1", header: accept("application/vnd.pgrst.object+json;nulls=stripped"),
			want: `{"id":1,"berths":[{"number":1,"note":"fore"},{"number":2}]}`,
		},
	})
}

func TestReferenceRepresentationBody(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"an update by a form": {method: patch, target: "/fees?code=eq.A&select=area", header: asType("application/x-www-form-urlencoded"), body: "area=z", want: `[{"area":"z"}]`},
		"an update by CSV":    {method: patch, target: "/fees?code=eq.A&select=area", header: asType("text/csv"), body: "area\nz", want: `[{"area":"z"}]`},
		"PUT by CSV":          {method: put, target: "/fees?code=eq.A&select=area", header: asType("text/csv"), body: "code,label,amount,area\nA,a,1,z", want: `[{"area":"z"}]`},
		"a call by CSV":       {method: post, target: "/rpc/haul", header: map[string]string{"Content-Type": "text/csv"}, body: "crates,weight\n2,3", want: `6`},
		"no text for a table": {method: post, target: "/fees", header: map[string]string{"Content-Type": "text/plain"}, body: "x", status: 400, want: `~Content-Type not acceptable: text/plain`},
		"no bytes for a table": {
			method: post, target: "/fees", header: map[string]string{"Content-Type": "application/octet-stream"}, body: "x", status: 400,
			want: `~Content-Type not acceptable: application/octet-stream`,
		},
		"without a type it is JSON": {method: post, target: "/rpc/haul", body: `{"crates":1,"weight":2}`, want: `2`},
	})
}
