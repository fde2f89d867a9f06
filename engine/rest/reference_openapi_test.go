package rest_test

import (
	"encoding/json"
	"testing"

	"nexus/engine/rest"
	"nexus/schema"
)

func TestReferenceOpenAPI(t *testing.T) {
	t.Parallel()
	type document struct {
		Swagger     string
		Info        struct{ Title, Description string }
		Paths       map[string]map[string]struct{ Summary, Description string }
		Definitions map[string]struct {
			Description string
			Properties  map[string]struct{ Description string }
		}
		SecurityDefinitions map[string]any
	}
	read := func(t *testing.T, role string, change func(*rest.Config)) document {
		t.Helper()
		c := call{target: "/", role: role}
		got := c.send(t, harbour(t, change))
		if text := got.Header().Get("Content-Type"); got.Code != 200 || text != "application/openapi+json; charset=utf-8" {
			t.Fatalf("%d %s", got.Code, text)
		}
		var d document
		if err := json.Unmarshal(got.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	t.Run("comments", func(t *testing.T) {
		t.Parallel()
		d := read(t, "", nil)
		docks := d.Paths["/docks"]["get"]
		if d.Swagger != "2.0" || d.Info.Title != "Harbour API" || d.Info.Description != "Ships and docks" ||
			docks.Summary != "Places to moor" || docks.Description != "Each has a depth." ||
			d.Definitions["docks"].Properties["depth"].Description != "Metres at low tide" {
			t.Errorf("%q %+v %+v %+v", d.Swagger, d.Info, docks, d.Definitions["docks"])
		}
		if _, there := d.Paths["/safe"]; there || d.SecurityDefinitions != nil {
			t.Errorf("/safe %v, security %v", there, d.SecurityDefinitions)
		}
		for _, path := range []string{"/long_ships", "/voyage_years", "/rpc/haul", "/"} {
			if d.Paths[path] == nil {
				t.Errorf("%s is not described", path)
			}
		}
	})
	t.Run("without regard to privileges", func(t *testing.T) {
		t.Parallel()
		if d := read(t, "", func(cfg *rest.Config) { cfg.OpenAPIMode = rest.OpenAPIIgnorePrivileges }); d.Paths["/safe"] == nil {
			t.Error("/safe is not described")
		}
	})
	t.Run("with security", func(t *testing.T) {
		t.Parallel()
		if d := read(t, "", func(cfg *rest.Config) { cfg.OpenAPISecurityActive = true }); d.SecurityDefinitions["JWT"] == nil {
			t.Errorf("security %v", d.SecurityDefinitions)
		}
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.RootSpec = &schema.Ident{Schema: "harbour", Name: "own_root"} }), map[string]call{
		"a function in its place": {target: "/", want: `{"swagger":"2.0","info":{"title":"Own"}}`},
	})
}
