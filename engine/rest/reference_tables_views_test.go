package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceTablesViewsRoutes(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"a table is a route of one level": {
			target: "/docks", want: `[{"id":1,"name":"North","depth":5.5,"opened":"1990-01-01"}, 
 {"id":2,"name":"South","depth":7,"opened":"2000-06-15"}, 
 {"id":3,"name":"Old pier","depth":2.25,"opened":null}]`,
			wantHeader: map[string]string{
				"Content-Type": "application/json; charset=utf-8", "Content-Range": "0-2/*", "Content-Location": "/docks",
			},
		},
		"a view is a route too":           {target: "/long_ships?select=name&order=name", want: `[{"name":"Aurora"}, {"name":"Corona"}]`},
		"deeper routes do not exist":      {target: "/docks/1", status: 404, want: `~PGRST125`},
		"the role's privileges decide":    {target: "/safe", role: "authenticated", status: 403, want: `~42501`},
		"a schema's name is not in route": {target: "/harbour.docks", status: 404, want: `~PGRST205`},
		"HEAD has the headers of GET, but no body and no length": {
			method: http.MethodHead, target: "/docks?id=lt.3", want: "",
			wantHeader: map[string]string{
				"Content-Type": "application/json; charset=utf-8", "Content-Range": "0-1/*", "Content-Length": "",
				"Content-Location": "/docks?id=lt.3",
			},
		},
	})
}

// filters are queries with the ids of the rows that pass, by table.
type filters map[string]map[string]string

func (f filters) run(t *testing.T, server http.Handler) {
	t.Helper()
	for table, queries := range f {
		for query, ids := range queries {
			t.Run(table+" "+query, func(t *testing.T) {
				t.Parallel()
				rows := []string{}
				for id := range strings.FieldsSeq(ids) {
					rows = append(rows, `{"id":`+id+`}`)
				}
				c := call{target: "/" + table + "?select=id&order=id&" + query, want: "[" + strings.Join(rows, ", \n ") + "]"}
				got := c.send(t, server)
				c.check(t, got)
				if !strings.HasPrefix(c.want, "[{") && got.Body.String() != "[]" {
					t.Errorf("no row: %s", got.Body)
				}
			})
		}
	}
}

func TestReferenceTablesViewsOperators(t *testing.T) {
	t.Parallel()
	filters{
		"docks": {
			"id=eq.2": "2", "id=gt.1": "2 3", "id=gte.2": "2 3", "id=lt.2": "1", "id=lte.2": "1 2", "id=neq.2": "1 3",
			"name=like.*o*": "1 2", "name=like.%25o%25": "1 2", "name=like.N*": "1", "name=ilike.*O*": "1 2 3",
			"name=match.^.o": "1 2", "name=imatch.^OLD": "3", "name=not.like.*o*": "3",
			"name=in.(North,South)": "1 2", `name=in.("Old%20pier",North)`: "1 3", "id=in.()": "", "id=not.in.(1,2)": "3",
			"opened=is.null": "3", "opened=is.not_null": "1 2", "opened=not.is.null": "1 2", "opened=is.NULL": "3",
			"opened=isdistinct.1990-01-01": "2 3", "opened=not.isdistinct.1990-01-01": "1",
			"id=gt.1&id=lt.3": "2",
		},
		"buoys": {
			"lit=is.true": "1", "lit=is.false": "3", "lit=is.unknown": "2", "lit=not.is.true": "2 3",
			"words=fts.gull": "1 2", "words=fts(english).gulls": "1 2", "words=plfts.The%20Fat%20Gulls": "1 2",
			"words=phfts(english).fat%20gulls": "1", "words=not.phfts(english).fat%20gulls": "2 3", "words=wfts.gull%20-rest": "2",
			"note=fts(english).gulls": "1 2", "facts=fts(english).gull": "1", "facts=not.phfts(english).quiet%20gulls": "1",
			"colours=cs.{red}": "1", "colours=cs.{red,green}": "1", "colours=cd.{green,blue}": "2", "colours=ov.{red,blue}": "1",
			"shown=cs.[2026-01-05,2026-01-06)": "1", "shown=cd.[2026-01-01,2026-03-01)": "1", "shown=ov.[2026-01-31,2026-03-02)": "1 2",
			"shown=sl.[2026-02-15,2026-02-20)": "1", "shown=sr.[2026-02-15,2026-02-20)": "2",
			"shown=nxr.[2026-02-15,2026-02-20)": "1", "shown=nxl.[2026-02-15,2026-02-20)": "2",
			"shown=adj.[2026-02-01,2026-03-01)": "1 2",
		},
	}.run(t, harbour(t, nil))
}

func TestReferenceTablesViewsLogic(t *testing.T) {
	t.Parallel()
	filters{
		"ships": {
			"or=(length.lt.20,length.gt.70)": "2 3", "and=(length.gte.20,length.lte.70)": "1",
			"not.and=(length.gte.20,length.lte.70)": "2 3", "not.or=(length.lt.20,length.gt.70)": "1",
			"length=not.eq.30": "2 3", "length=gte.12&or=(id.eq.3,not.and(id.gte.1,id.lte.1))": "2 3",
			`or=(slots.adj."[9,12)",slots.cs."[1,3)")`: "1 2", `or=(name.in.("Aurora",Corona),id.eq.2)`: "1 2 3",
			"or=(papers->>flag.eq.EG,flags.cs.{fast})": "1 2", "or=(name.not.like.*o*,id.eq.3)": "3",
		},
		"docks": {
			"name=like(any).{N*,S*}": "1 2", "name=like(all).{*o*,*th}": "1 2", "name=ilike(any).{n*,o*}": "1 3",
			"id=eq(any).{1,3}": "1 3", "id=gt(all).{0,1}": "2 3", "id=gte(any).{2,3}": "2 3", "id=lt(any).{2,3}": "1 2",
			"id=lte(all).{2,3}": "1 2", "name=match(any).{^N,^O}": "1 3", "name=imatch(all).{O,R}": "1 3",
			"id=not.eq(any).{1,3}": "2", "or=(name.like(any).{N*,S*},id.eq.3)": "1 2 3",
		},
	}.run(t, harbour(t, nil))
	run(t, harbour(t, nil), map[string]call{
		"other operators have no any and all": {target: "/docks?id=neq(any).{1}", status: 400, want: `~PGRST100`},
	})
}

func TestReferenceTablesViewsSelect(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"all columns without select": {target: "/logs", want: `[]`},
		"a star is all columns":      {target: "/docks?select=*&id=eq.3", want: `[{"id":3,"name":"Old pier","depth":2.25,"opened":null}]`},
		"columns in their order":     {target: "/docks?select=name,id&id=eq.1", want: `[{"name":"North","id":1}]`},
		"columns renamed":            {target: "/docks?select=dockName:name,since:opened&id=eq.1", want: `[{"dockName":"North","since":"1990-01-01"}]`},
		"JSON by arrows": {
			target: "/ships?select=id,papers->>flag,papers->crew&id=eq.1",
			want:   `[{"id":1,"flag":"NO","crew":[{"name": "Ann", "rank": 1}, {"name": "Bo", "rank": 2}]}]`,
		},
		"JSON by a path of several steps": {target: "/ships?select=id,papers->crew->0->>name&id=eq.1", want: `[{"id":1,"name":"Ann"}]`},
		"JSON with an alias":              {target: "/ships?select=first:papers->crew->0->rank&id=eq.1", want: `[{"first":1}]`},
		"a filter on JSON as text":        {target: "/ships?select=id&papers->>flag=eq.EG", want: `[{"id":2}]`},
		"a filter on JSON as JSON, where 9 is below 20": {
			target: "/ships?select=id,papers->tons&papers->tons=gt.20", want: `[{"id":1,"tons":120}]`,
		},
		"an order by JSON as text, where 9 is above 120": {
			target: "/ships?select=id&order=papers->>tons.desc.nullslast", want: `[{"id":2}, {"id":1}, {"id":3}]`,
		},
		"composite and array columns by arrows": {
			target: "/buoys?select=id,seen->>lat,seen->>long,first:colours->0&seen->lat=gte.19",
			want:   `[{"id":1,"lat":"30.500000","long":"-31.250000","first":"red"}]`,
		},
		"an order by a part of a composite": {
			target: "/buoys?select=id&order=seen->>lat.nullsfirst", want: `[{"id":3}, {"id":2}, {"id":1}]`,
		},
		"a cast":                        {target: "/buoys?select=id,weight::text&id=eq.1", want: `[{"id":1,"weight":"90.50"}]`},
		"a cast of a part":              {target: "/ships?select=papers->>tons::int&id=eq.2", want: `[{"tons":9}]`},
		"a cast of a renamed column":    {target: "/buoys?select=w:weight::int&id=eq.3", want: `[{"w":7}]`},
		"a cast in a filter is ignored": {target: "/buoys?select=id&weight::text=like.7*", status: 404, want: `~operator does not exist: numeric ~~ unknown`},
		"a column that does not exist":  {target: "/docks?select=size", status: 400, want: `~"code":"42703"`},
	})
}

func TestReferenceTablesViewsOrder(t *testing.T) {
	t.Parallel()
	server := harbour(t, nil)
	for order, ids := range map[string]string{
		"depth": "3 1 2", "depth.asc": "3 1 2", "depth.desc": "2 1 3", "opened": "1 2 3", "opened.nullsfirst": "3 1 2",
		"opened.desc": "3 2 1", "opened.desc.nullslast": "2 1 3", "opened.asc.nullslast,id.desc": "1 2 3",
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			c := call{
				target: "/docks?select=id&order=" + order,
				want:   `[{"id":` + strings.ReplaceAll(ids, " ", `},{"id":`) + `}]`,
			}
			c.check(t, c.send(t, server))
		})
	}
}

func TestReferenceTablesViewsIndex(t *testing.T) {
	t.Parallel()
	database := harbourDB(t)
	database.Exec(t, `insert into harbour.logs (id, line) select n, 'l' || n from generate_series(1, 5000) n;
		create index logs_by_line on harbour.logs (line); analyze harbour.logs`)
	server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.PlanEnabled = []string{"harbour"}, true })
	run(t, server, map[string]call{
		"a filter uses the index": {
			target: "/logs?line=eq.l77", header: map[string]string{"Accept": "application/vnd.pgrst.plan"},
			want: `~logs_by_line`, wantHeader: map[string]string{"Content-Type": `application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8`},
		},
	})
}
