package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

func TestReferenceComputedFields(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"not shown by default": {target: "/manifests?voyage_id=eq.1", want: `[{"voyage_id":1,"cargo":"oil"}]`},
		"shown when selected":  {target: "/voyages?select=label,year&id=eq.1", want: `[{"label":"Whale of 1851","year":1851}]`},
		"beside all columns": {
			target: "/voyages?select=*,label&id=eq.1", want: `[{"id":1,"captain_id":1,"title":"Whale","year":1851,"cost":10,"label":"Whale of 1851"}]`,
		},
		"filtered":                  {target: "/voyages?select=id&label=eq.Deep%20of%201870", want: `[{"id":2}]`},
		"searched":                  {target: "/voyages?select=id&label=fts.island", want: `[{"id":3}]`},
		"ordered by":                {target: "/voyages?select=id&order=label.desc&limit=2", want: `[{"id":1},{"id":3}]`},
		"inside an embed":           {target: "/captains?select=voyages(label)&id=eq.1", want: `[{"voyages":[{"label":"Whale of 1851"}]}]`},
		"in the answer of a write":  {method: patch, target: "/voyages?id=eq.1&select=label", header: prefer("return=representation"), body: `{"year":1900}`, want: `[{"label":"Whale of 1900"}]`},
		"unnamed, it is not called": {target: "/rpc/label", status: 404, want: `~PGRST202`},
	})
	run(t, harbour(t, func(cfg *rest.Config) {
		cfg.Schemas, cfg.ExtraSearchPath = []string{"depot"}, []string{"public", "harbour"}
	}), map[string]call{
		"from a schema of the extra search path": {target: "/crate_list?select=id,tagged&id=eq.1", want: `[{"id":1,"tagged":"#1"}]`},
	})
}
