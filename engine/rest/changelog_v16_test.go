package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

const (
	// aliased calls an embedded resource that has an alias by its relation's name.
	aliased       = "/halls?select=id,things:exhibits(id)&exhibits.order=id.desc&exhibits.limit=1&id=eq.1"
	aliasedAnswer = `[{"id":1,"things":[{"id":2}]}]`
	// twice embeds a table twice, and filters one of them by the name of both.
	twice = "/halls?select=id,exhibits(id),dear:exhibits(id)&exhibits.worth=lt.15&dear.worth=gt.15&id=eq.1"
)

func TestV16TargetNames(t *testing.T) {
	t.Parallel()
	noWarning := map[string]string{"Warning": ""}
	run(t, museum(t, nil), map[string]call{
		"by default both names are taken in silence": {target: aliased, want: aliasedAnswer, wantHeader: noWarning},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.TargetNames = rest.TargetAnyNameWarn }), map[string]call{
		"a relation's name brings a warning": {
			target: aliased, want: aliasedAnswer,
			wantHeader: map[string]string{
				"Warning": "299 PostgRESTv16 \"Embedded resource was referenced by relation name even though it has an alias. " +
					"This is deprecated and will stop working in a future release. " +
					"Update `exhibits` to `things` in query string filters, orders or limits.\"",
			},
		},
		"an alias brings none": {
			target: "/halls?select=id,things:exhibits(id)&things.order=id.desc&things.limit=1&id=eq.1", want: aliasedAnswer, wantHeader: noWarning,
		},
		"a relation's name that has no alias brings none": {
			target: "/halls?select=id,exhibits(id)&exhibits.order=id.desc&exhibits.limit=1&id=eq.1",
			want:   `[{"id":1,"exhibits":[{"id":2}]}]`, wantHeader: noWarning,
		},
		"every level's name is told": {
			target: "/guides?select=id,h:halls(id,e:exhibits(id))&halls.exhibits.id=eq.1&halls.id=eq.1&id=eq.1",
			want:   `[{"id":1,"h":[{"id":1,"e":[{"id":1}]}]}]`,
			wantHeader: map[string]string{
				"Warning": "~Update `halls` to `h`, `exhibits` to `e` in",
			},
		},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.TargetNames = rest.TargetAlias }), map[string]call{
		"a relation's name is refused where there is an alias": {
			target: aliased, status: 400,
			want: `{"code":"PGRST108","message":"'exhibits' is not an embedded resource in this request",` +
				`"details":"Target names are not allowed in filters if they have an alias",` +
				`"hint":"Change 'exhibits' to 'things' in filters, orders or limits."}`,
		},
		"a name that nothing has is refused as ever": {
			target: "/halls?select=id,things:exhibits(id)&others.id=eq.1", status: 400,
			want: `{"code":"PGRST108","message":"'others' is not an embedded resource in this request",` +
				`"details":null,"hint":"Verify that 'others' is included in the 'select' query parameter."}`,
		},
		"a table that is embedded twice is filtered twice": {
			target: twice, want: `[{"id":1,"exhibits":[{"id":1}],"dear":[{"id":2}]}]`,
		},
	})
}

func TestV16ErrorVerbosity(t *testing.T) {
	t.Parallel()
	run(t, museum(t, func(cfg *rest.Config) { cfg.ErrorVerbosityMinimal = true }), map[string]call{
		"minimal leaves details and hint out": {
			target: "/exhibit", status: 404,
			want: `{"code":"PGRST205","message":"Could not find the table 'museum.exhibit' in the schema cache"}`,
		},
		"minimal leaves PostgreSQL's out as well": {
			target: "/rpc/full_house", status: 423, want: `{"code":"FULL","message":"No tickets left"}`,
		},
	})
}

func TestV16TimeZones(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"an offset is no time zone's name, and ignored": {
			target: "/exhibits?select=lent_on&id=eq.1", header: map[string]string{"Prefer": "timezone=05:30"},
			want: `[{"lent_on":"2026-05-01T12:00:00+00:00"}]`, wantHeader: map[string]string{"Preference-Applied": ""},
		},
	})
}

func TestV16Schemas(t *testing.T) {
	t.Parallel()
	catalog := func(cfg *rest.Config) { cfg.Schemas = []string{"museum", "pg_catalog"} }
	run(t, museum(t, catalog), map[string]call{
		"the catalog has no tables to serve": {
			target: "/pg_class", header: map[string]string{"Accept-Profile": "pg_catalog"}, status: 404,
			want: `~"code":"PGRST205"`,
		},
	})
}

func TestV16Headers(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"no Vary is sent, as in 14": {target: "/halls?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Vary": ""}},
	})
}

func TestV16Counts(t *testing.T) {
	t.Parallel()
	exact := func(more string) map[string]string { return map[string]string{"Prefer": "count=exact", "Range": more} }
	run(t, museum(t, nil), map[string]call{
		"an exact count of all rows": {
			target: "/halls?select=id", header: map[string]string{"Prefer": "count=exact"}, want: `[{"id":1},{"id":2},{"id":3}]`,
			wantHeader: map[string]string{"Content-Range": "0-2/3"},
		},
		"an exact count beside some of the rows": {
			target: "/halls?select=id", header: exact("0-0"), status: 206, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Content-Range": "0-0/3"},
		},
	})
}

func TestV16Retries(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"a serialization failure that lasts is told": {
			method: "POST", target: "/rpc/fail_with", body: `{"state":"40001"}`, status: 500, want: `~"code":"40001"`,
		},
	})
}
