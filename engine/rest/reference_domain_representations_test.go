package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

func TestReferenceDomainRepresentations(t *testing.T) {
	t.Parallel()
	returned := prefer("return=representation")
	run(t, harbour(t, nil), map[string]call{
		"the answer":                {target: "/keys?order=code", want: `[{"code":"K-7","door":"gate","spare":"K-8"},{"code":"K-9","door":"shed","spare":null}]`},
		"the answer, selected":      {target: "/keys?select=code&door=eq.gate", want: `[{"code":"K-7"}]`},
		"the answer under an alias": {target: "/keys?select=key:code&door=eq.gate", want: `[{"key":"K-7"}]`},
		"a filter":                  {target: "/keys?select=door&code=eq.K-9", want: `[{"door":"shed"}]`},
		"a filter with in":          {target: "/keys?select=door&code=in.(K-7,K-9)&order=door", want: `[{"door":"gate"},{"door":"shed"}]`},
		"a filter with is":          {target: "/keys?select=door&spare=is.null", want: `[{"door":"shed"}]`},
		"a filter inside or":        {target: "/keys?select=door&or=(code.eq.K-7,spare.eq.K-1)", want: `[{"door":"gate"}]`},
		"a filter with any":         {target: "/keys?select=door&code=eq(any).{K-7,K-1}", want: `[{"door":"gate"}]`},
		"an order":                  {target: "/keys?select=code&order=code.desc", want: `[{"code":"K-9"},{"code":"K-7"}]`},
		"a body":                    {method: post, target: "/keys", header: returned, body: `{"code":"K-11","door":"hut"}`, status: 201, want: `[{"code":"K-11","door":"hut","spare":null}]`},
		"a body of an update":       {method: patch, target: "/keys?code=eq.K-7&select=spare", header: returned, body: `{"spare":"K-70"}`, want: `[{"spare":"K-70"}]`},
		"a body of a PUT":           {method: put, target: "/keys?code=eq.K-7&select=code,spare", header: returned, body: `{"code":"K-7","door":"x","spare":"K-3"}`, want: `[{"code":"K-7","spare":"K-3"}]`},
		"CSV is made of the JSON":   {target: "/keys?select=code,door&door=eq.gate", header: accept("text/csv"), want: "code,door\n\"\"\"K-7\"\"\",gate"},
		"without casts the stored form is shown and taken": {
			method: post, target: "/plain_keys", header: returned, body: `{"code":8}`, status: 201, want: `[{"code":8}]`,
		},
		"without casts the stored form is filtered by": {target: "/plain_keys?code=eq.7", want: `[{"code":7}]`},
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.AggregatesEnabled = true }), map[string]call{
		"aggregates do not work with them": {target: "/keys?select=code.max()", status: 404, want: `~function max(json) does not exist`},
	})
}
