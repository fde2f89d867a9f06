package rest_test

import (
	"net/http"
	"testing"

	"nexus/engine/rest"
)

func TestReferencePaginationLimits(t *testing.T) {
	t.Parallel()
	ranged := func(items string) map[string]string { return map[string]string{"Range-Unit": "items", "Range": items} }
	contentRange := func(text string) map[string]string { return map[string]string{"Content-Range": text} }
	run(t, harbour(t, nil), map[string]call{
		"every answer tells its range":           {target: "/docks?select=id&order=id", want: `[{"id":1},{"id":2},{"id":3}]`, wantHeader: contentRange("0-2/*")},
		"an empty one too":                       {target: "/docks?id=eq.9", want: `[]`, wantHeader: contentRange("*/*")},
		"limit and offset":                       {target: "/docks?select=id&order=id&limit=1&offset=1", want: `[{"id":2}]`, wantHeader: contentRange("1-1/*")},
		"offset alone":                           {target: "/docks?select=id&order=id&offset=1", want: `[{"id":2},{"id":3}]`, wantHeader: contentRange("1-2/*")},
		"a limit of nothing":                     {target: "/docks?limit=0", want: `[]`, wantHeader: contentRange("*/*")},
		"a range header":                         {target: "/docks?select=id&order=id", header: ranged("0-1"), want: `[{"id":1},{"id":2}]`, wantHeader: contentRange("0-1/*")},
		"a range that is longer than the table":  {target: "/docks?select=id&order=id", header: ranged("1-99"), want: `[{"id":2},{"id":3}]`, wantHeader: contentRange("1-2/*")},
		"a range with an open end":               {target: "/docks?select=id&order=id", header: ranged("2-"), want: `[{"id":3}]`, wantHeader: contentRange("2-2/*")},
		"a range and a limit: what both allow":   {target: "/docks?select=id&order=id&limit=1", header: ranged("0-1"), want: `[{"id":1}]`, wantHeader: contentRange("0-0/*")},
		"a range of a write is ignored":          {method: post, target: "/fees?select=code", header: map[string]string{"Range": "5-6", "Prefer": "return=representation"}, body: `{"code":"C"}`, status: 201, want: `[{"code":"C"}]`},
		"a limit of an embedded resource":        {target: "/ships?select=id,berths(number)&berths.limit=1&berths.order=number&id=eq.1", want: `[{"id":1,"berths":[{"number":1}]}]`},
		"an offset of an embedded resource":      {target: "/ships?select=id,berths(number)&berths.offset=1&berths.order=number&id=eq.1", want: `[{"id":1,"berths":[{"number":2}]}]`},
		"a window beyond the last row is empty":  {target: "/docks?offset=9", want: `[]`, wantHeader: contentRange("*/*")},
		"but an error when the rows are counted": {target: "/docks?offset=9", header: prefer("count=exact"), status: 416, want: `{"code":"PGRST103","details":"An offset of 9 was requested, but there are only 3 rows.","hint":null,"message":"Requested range not satisfiable"}`, wantHeader: contentRange("*/3")},
		"at the last row it is none":             {target: "/docks?offset=3", header: prefer("count=exact"), status: 206, want: `[]`, wantHeader: contentRange("*/3")},
	})
}

func TestReferencePaginationCount(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"exact, of a part": {
			method: http.MethodHead, target: "/docks?limit=2", header: prefer("count=exact"), status: 206, want: "",
			wantHeader: map[string]string{"Content-Range": "0-1/3", "Preference-Applied": "count=exact"},
		},
		"exact, of a range, which RFC 9110 allows with GET alone": {
			method: http.MethodHead, target: "/docks", header: map[string]string{"Range": "0-1", "Prefer": "count=exact"}, want: "",
			wantHeader: map[string]string{"Content-Range": "0-2/3"},
		},
		"exact, of all": {
			target: "/docks?select=id&id=lt.3", header: prefer("count=exact"), want: `[{"id":1},{"id":2}]`, wantHeader: map[string]string{"Content-Range": "0-1/2"},
		},
		"exact, of a view": {
			target: "/long_ships?select=id&limit=1&order=id", header: prefer("count=exact"), status: 206, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Content-Range": "0-0/2"},
		},
		"exact, of nothing": {target: "/docks?id=eq.9", header: prefer("count=exact"), want: `[]`, wantHeader: map[string]string{"Content-Range": "*/0"}},
	})
}

func TestReferencePaginationEstimates(t *testing.T) {
	t.Parallel()
	database := harbourDB(t)
	database.Exec(t, `insert into harbour.logs (line) select 'l' from generate_series(1, 2000); analyze harbour.logs;
		alter table harbour.logs set (autovacuum_enabled = off); insert into harbour.logs (line) select 'm' from generate_series(1, 5)`)
	most := int64(100)
	server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.MaxRows = []string{"harbour"}, &most })
	count := func(kind string) map[string]string { return prefer("count=" + kind) }
	run(t, server, map[string]call{
		"exact is exact":                       {method: http.MethodHead, target: "/logs?limit=25", header: count("exact"), status: 206, wantHeader: map[string]string{"Content-Range": "0-24/2005"}},
		"planned is near":                      {method: http.MethodHead, target: "/logs?limit=25", header: count("planned"), status: 206, wantHeader: map[string]string{"Content-Range": "~0-24/20", "Preference-Applied": "count=planned"}},
		"estimated is exact up to the maximum": {method: http.MethodHead, target: "/logs?line=eq.m&limit=2", header: count("estimated"), status: 206, wantHeader: map[string]string{"Content-Range": "0-1/5", "Preference-Applied": "count=estimated"}},
		"estimated is planned above it":        {method: http.MethodHead, target: "/logs?limit=25", header: count("estimated"), status: 206, wantHeader: map[string]string{"Content-Range": "~0-24/20"}},
		"a maximum limits every read":          {method: http.MethodHead, target: "/logs?limit=500", wantHeader: map[string]string{"Content-Range": "0-99/*"}},
	})
}
