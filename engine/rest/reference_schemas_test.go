package rest_test

import (
	"net/http"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceSchemas(t *testing.T) {
	t.Parallel()
	acceptDepot := map[string]string{"Accept-Profile": "depot"}
	contentDepot := map[string]string{"Content-Profile": "depot", "Prefer": "return=representation"}
	named := map[string]string{"Content-Profile": "depot"}
	run(t, harbour(t, nil), map[string]call{
		"the first is the default, and named": {target: "/docks?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Content-Profile": "harbour"}},
		"GET from another":                    {target: "/crates?select=id&order=id", header: acceptDepot, want: `[{"id":1},{"id":2}]`, wantHeader: named},
		"HEAD of another":                     {method: http.MethodHead, target: "/crates", header: acceptDepot, want: "", wantHeader: named},
		"POST into another":                   {method: post, target: "/crates", header: contentDepot, body: `{"id":3}`, status: 201, want: `[{"id":3,"content":null}]`, wantHeader: named},
		"PATCH in another":                    {method: patch, target: "/crates?id=eq.1", header: contentDepot, body: `{"content":"x"}`, want: `[{"id":1,"content":"x"}]`, wantHeader: named},
		"PUT into another":                    {method: put, target: "/crates?id=eq.1", header: contentDepot, body: `{"id":1,"content":"x"}`, want: `[{"id":1,"content":"x"}]`, wantHeader: named},
		"DELETE from another":                 {method: del, target: "/crates?id=eq.1&select=id", header: contentDepot, want: `[{"id":1}]`, wantHeader: named},
		"a call in another by POST":           {method: post, target: "/rpc/where_am_i", header: named, want: `"depot \"depot\", \"public\""`, wantHeader: named},
		"a call in another by GET":            {target: "/rpc/where_am_i", header: acceptDepot, want: `"depot \"depot\", \"public\""`, wantHeader: named},
		"the description of another":          {target: "/", header: acceptDepot, want: `~"/crates"`, wantHeader: named},
		"a write goes by Content-Profile":     {method: post, target: "/crates", header: acceptDepot, body: `{"id":3}`, status: 404, want: `~PGRST205`},
		"a read goes by Accept-Profile":       {target: "/crates", header: named, status: 404, want: `~PGRST205`},
		"another that is not exposed": {
			target: "/docks", header: map[string]string{"Accept-Profile": "public"}, status: 406,
			want: `{"code":"PGRST106","details":null,"hint":"Only the following schemas are exposed: harbour, depot","message":"Invalid schema: public"}`,
		},
		"another to write to that is not exposed": {method: post, target: "/docks", header: map[string]string{"Content-Profile": "public"}, body: "{}", status: 406, want: `~PGRST106`},
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.Schemas, cfg.ExtraSearchPath = []string{"depot"}, []string{"harbour"} }), map[string]call{
		"a single one is not named":     {target: "/crates?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Content-Profile": ""}},
		"the search path has the extra": {target: "/rpc/where_am_i", want: `"depot \"depot\", \"harbour\""`},
	})
}
