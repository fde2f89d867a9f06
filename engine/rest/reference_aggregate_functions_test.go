package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

func TestReferenceAggregates(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, func(cfg *rest.Config) { cfg.AggregatesEnabled = true }), map[string]call{
		"sum":                  {target: "/voyages?select=cost.sum()", want: `[{"sum":60}]`},
		"avg, max, min, count": {target: "/voyages?select=cost.avg(),cost.max(),cost.min(),cost.count()", want: `[{"avg":20.0000000000000000,"max":30,"min":10,"count":3}]`},
		"named":                {target: "/voyages?select=total:cost.sum(),mean:cost.avg(),years:year.sum()", want: `[{"total":60,"mean":20.0000000000000000,"years":7236}]`},
		"grouped by the other columns": {
			target: "/voyages?select=captain_id,cost.sum(),cost.max()&order=captain_id&captain_id=not.is.null",
			want:   `[{"captain_id":1,"sum":10,"max":10},{"captain_id":2,"sum":50,"max":30}]`,
		},
		"count of rows and of values": {
			target: "/voyages?select=count(),paid:cost.count(),captain_id&order=captain_id.nullsfirst&limit=2",
			want:   `[{"count":1,"paid":0,"captain_id":null},{"count":1,"paid":1,"captain_id":1}]`,
		},
		"count without parentheses":  {target: "/voyages?select=count", want: `[{"count":4}]`},
		"filtered":                   {target: "/voyages?select=cost.sum()&year=gt.1860", want: `[{"sum":50}]`},
		"of JSON, cast before":       {target: "/ships?select=papers->tons::numeric.sum()", want: `[{"sum":129}]`},
		"cast after":                 {target: "/voyages?select=cost.avg()::int", want: `[{"avg":20}]`},
		"cast before and after":      {target: "/ships?select=t:papers->>tons::int.sum()::text", want: `[{"t":"129"}]`},
		"of no rows":                 {target: "/voyages?select=cost.sum(),count()&id=eq.99", want: `[{"sum":null,"count":0}]`},
		"grouped by a to-one embed":  {target: "/voyages?select=cost.sum(),captains(name)&captain_id=eq.2", want: `[{"sum":50,"captains":{"name":"Nemo"}}]`},
		"grouped by a to-one spread": {target: "/voyages?select=cost.sum(),...captains(name)&captain_id=eq.2", want: `[{"sum":50,"name":"Nemo"}]`},
		"inside an embed": {
			target: "/captains?select=name,voyages(cost.sum(),year)&voyages.order=year&id=eq.2",
			want:   `[{"name":"Nemo","voyages":[{"sum":20,"year":1870},{"sum":30,"year":1874}]}]`,
		},
		"inside a to-one spread they belong to the top": {
			target: "/voyages?select=captain_id,...captains(since.max(),since.min())&order=captain_id&captain_id=not.is.null",
			want:   `[{"captain_id":1,"max":"1851-10-18","min":"1851-10-18"},{"captain_id":2,"max":"1869-03-20","min":"1869-03-20"}]`,
		},
		"inside a to-many spread there are none": {
			target: "/captains?select=name,...voyages(cost.sum())", status: 400, want: `~"code":"PGRST127"`,
		},
		"no order by an aggregate": {target: "/voyages?select=captain_id,total:cost.sum()&order=total", status: 400, want: `~42703`},
	})
	run(t, harbour(t, nil), map[string]call{
		"off by default":           {target: "/voyages?select=cost.sum()", status: 400, want: `~PGRST123`},
		"off inside an embed too":  {target: "/captains?select=voyages(count())", status: 400, want: `~PGRST123`},
		"but not the old count":    {target: "/voyages?select=count", want: `[{"count":4}]`},
		"off in the answer of one": {method: post, target: "/fees?select=count()", header: prefer("return=representation"), body: `{"code":"C"}`, status: 400, want: `~PGRST123`},
	})
}
