package rest_test

import (
	"testing"

	"nexus/engine/rest"
)

func TestReferencePreferencesHandling(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"strict refuses all that is unknown": {
			target: "/docks", header: prefer("handling=strict, foo, bar"), status: 400,
			want:       `{"code":"PGRST122","details":"Invalid preferences: foo, bar","hint":null,"message":"Invalid preferences given with handling=strict"}`,
			wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"strict accepts all that is known": {
			target: "/docks?id=eq.1&select=id", header: prefer("handling=strict, count=exact, timezone=UTC"), want: `[{"id":1}]`,
			wantHeader: map[string]string{"Preference-Applied": "count=exact, handling=strict, timezone=UTC"},
		},
		"lenient ignores what is unknown": {
			target: "/docks?id=eq.1&select=id", header: prefer("handling=lenient, foo, bar"), want: `[{"id":1}]`,
			wantHeader: map[string]string{"Preference-Applied": "handling=lenient"},
		},
		"the default ignores it too": {
			target: "/docks?id=eq.1&select=id", header: prefer("foo"), want: `[{"id":1}]`, wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"preferences without effect are not applied": {
			target: "/docks?id=eq.1&select=id", header: prefer("return=representation, resolution=merge-duplicates, missing=default"), want: `[{"id":1}]`,
			wantHeader: map[string]string{"Preference-Applied": ""},
		},
	})
}

func TestReferencePreferencesTimezone(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"a known zone": {
			target: "/tides?select=at", header: prefer("timezone=America/Los_Angeles"), want: `[{"at":"2026-05-01T05:00:00-07:00"}]`,
			wantHeader: map[string]string{"Preference-Applied": "timezone=America/Los_Angeles"},
		},
		"an unknown zone is ignored": {
			target: "/tides?select=at", header: prefer("timezone=Jupiter/Red_Spot"), want: `[{"at":"2026-05-01T12:00:00+00:00"}]`,
			wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"an unknown zone is refused with strict handling": {
			target: "/tides", header: prefer("handling=strict, timezone=Jupiter/Red_Spot"), status: 400,
			want: `{"code":"PGRST122","details":"Invalid preferences: timezone=Jupiter/Red_Spot","hint":null,` +
				`"message":"Invalid preferences given with handling=strict"}`,
		},
	})
}

func TestReferencePreferencesReturn(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"minimal": {
			method: post, target: "/fees", header: prefer("return=minimal"), body: `{"code":"C"}`, status: 201, want: "",
			wantHeader: map[string]string{"Preference-Applied": "return=minimal", "Location": ""},
		},
		"headers-only": {
			method: post, target: "/fees", header: prefer("return=headers-only"), body: `{"code":"C"}`, status: 201, want: "",
			wantHeader: map[string]string{"Preference-Applied": "return=headers-only", "Location": "/fees?code=eq.C"},
		},
		"headers-only of a key of two columns": {
			method: post, target: "/berths", header: prefer("return=headers-only"), body: `{"ship_id":3,"number":4}`, status: 201, want: "",
			wantHeader: map[string]string{"Location": "/berths?ship_id=eq.3&number=eq.4"},
		},
		"headers-only of a key that a URL has to encode": {
			method: post, target: "/Old%20Wares", header: prefer("return=headers-only"), body: `{"Lot No":9}`, status: 201, want: "",
			wantHeader: map[string]string{"Location": "/Old Wares?Lot%20No=eq.9"},
		},
		"headers-only of several rows": {
			method: post, target: "/fees", header: prefer("return=headers-only"), body: `[{"code":"C"},{"code":"D"}]`, status: 201, want: "",
			wantHeader: map[string]string{"Location": ""},
		},
		"headers-only of an update": {
			method: patch, target: "/fees?code=eq.A", header: prefer("return=headers-only"), body: `{"area":"x"}`, status: 204, want: "",
			wantHeader: map[string]string{"Preference-Applied": "return=headers-only", "Location": ""},
		},
		"representation": {
			method: post, target: "/fees?select=code", header: prefer("return=representation"), body: `{"code":"C"}`, status: 201, want: `[{"code":"C"}]`,
			wantHeader: map[string]string{"Preference-Applied": "return=representation", "Location": "", "Content-Type": "application/json; charset=utf-8"},
		},
	})
}

func TestReferencePreferencesTransaction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		end       rest.TxEnd
		prefers   string
		applied   string
		committed string
	}{
		{rest.TxCommit, "tx=rollback", "", "1"},
		{rest.TxCommit, "", "", "1"},
		{rest.TxCommitAllowOverride, "tx=rollback", "tx=rollback", "0"},
		{rest.TxCommitAllowOverride, "tx=commit", "tx=commit", "1"},
		{rest.TxRollback, "tx=commit", "", "0"},
		{rest.TxRollbackAllowOverride, "tx=commit", "tx=commit", "1"},
		{rest.TxRollbackAllowOverride, "", "", "0"},
	} {
		t.Run(string(c.end)+" "+c.prefers, func(t *testing.T) {
			t.Parallel()
			database := harbourDB(t)
			server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.TxEnd = []string{"harbour"}, c.end })
			write := call{
				method: post, target: "/fees", header: prefer(c.prefers), body: `{"code":"X"}`, status: 201,
				wantHeader: map[string]string{"Preference-Applied": c.applied},
			}
			write.check(t, write.send(t, server))
			if got := database.QueryString(t, `select count(*) from harbour.fees where code = 'X'`); got != c.committed {
				t.Errorf("%s rows are there, want %s", got, c.committed)
			}
		})
	}
}

func TestReferencePreferencesMissing(t *testing.T) {
	t.Parallel()
	const rows = `[{"code":"C"},{"code":"D","amount":15}]`
	run(t, harbour(t, nil), map[string]call{
		"default": {
			method: post, target: "/fees?columns=code,amount,area&select=code,amount,area", header: prefer("missing=default, return=representation"),
			body: rows, status: 201, want: `[{"code":"C","amount":1,"area":"all"},{"code":"D","amount":15,"area":"all"}]`,
			wantHeader: map[string]string{"Preference-Applied": "missing=default, return=representation"},
		},
		"null": {
			method: post, target: "/tickets?columns=label,amount&select=label,amount", header: prefer("missing=null, return=representation"),
			body: `[{"label":"a"}]`, status: 201, want: `[{"label":"a","amount":null}]`,
			wantHeader: map[string]string{"Preference-Applied": "missing=null, return=representation"},
		},
		"null is the default": {
			method: post, target: "/fees?columns=code,amount", body: rows, status: 400, want: `~null value in column \"amount\"`,
		},
		"default, of an update": {
			method: patch, target: "/fees?code=eq.A&columns=area,amount&select=area,amount", header: prefer("missing=default, return=representation"),
			body: `{"amount":2}`, want: `[{"area":"all","amount":2}]`,
			wantHeader: map[string]string{"Preference-Applied": "missing=default, return=representation"},
		},
	})
}

func TestReferencePreferencesMaxAffected(t *testing.T) {
	t.Parallel()
	strict, lenient := "handling=strict, max-affected=", "handling=lenient, max-affected="
	exceeded := func(rows string) string {
		return `{"code":"PGRST124","details":"The query affects ` + rows + ` rows","hint":null,` +
			`"message":"Query result exceeds max-affected preference constraint"}`
	}
	database := harbourDB(t)
	server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.TxEnd = []string{"harbour"}, rest.TxCommit })
	run(t, server, map[string]call{
		"a delete of too many": {method: del, target: "/berths", header: prefer(strict + "2"), status: 400, want: exceeded("3")},
		"an update of too many": {
			method: patch, target: "/berths", header: prefer(strict + "1"), body: `{"note":"gone"}`, status: 400, want: exceeded("3"),
		},
		"a call that returns too many": {
			method: post, target: "/rpc/scrap", header: prefer(strict + "2"), body: `{"above":0}`, status: 400, want: exceeded("3"),
		},
	})
	t.Cleanup(func() { // after the calls, which run in parallel
		if got := database.QueryString(t, `select count(*) from harbour.berths where note is distinct from 'gone'`); got != "3" {
			t.Errorf("%s rows are left as they were, want 3", got)
		}
	})
	run(t, harbour(t, nil), map[string]call{
		"as many as allowed": {
			method: del, target: "/berths", header: prefer(strict + "3"), status: 204,
			wantHeader: map[string]string{"Preference-Applied": "handling=strict, max-affected=3"},
		},
		"lenient handling sets no limit": {
			method: del, target: "/berths", header: prefer(lenient + "1"), status: 204,
			wantHeader: map[string]string{"Preference-Applied": "handling=lenient"},
		},
		"without handling there is no limit": {
			method: del, target: "/berths", header: prefer("max-affected=1"), status: 204, wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"a call that allows as many": {
			method: post, target: "/rpc/scrap?select=number", header: prefer(strict + "1"), body: `{"above":2}`, want: `[{"number":2}]`,
			wantHeader: map[string]string{"Preference-Applied": "handling=strict, max-affected=1"},
		},
		"a call of a function that returns no set": {
			method: post, target: "/rpc/haul", header: prefer(strict + "1"), body: `{"crates":1,"weight":1}`, status: 400, want: `~PGRST128`,
		},
		"a read is not limited": {target: "/berths?select=number&limit=1", header: prefer(strict + "0"), want: `[{"number":1}]`},
	})
}
