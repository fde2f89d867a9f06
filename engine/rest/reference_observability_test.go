package rest_test

import (
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceObservabilityTrace(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, func(cfg *rest.Config) { cfg.ServerTraceHeader = "X-Request-Id" }), map[string]call{
		"the header comes back": {
			target: "/docks?select=id&id=eq.1", header: map[string]string{"X-Request-Id": "123"}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"X-Request-Id": "123"},
		},
		"with errors too": {
			target: "/nowhere", header: map[string]string{"X-Request-Id": "124"}, status: 404, want: `~PGRST205`,
			wantHeader: map[string]string{"X-Request-Id": "124"},
		},
	})
	run(t, harbour(t, nil), map[string]call{
		"not without the setting": {
			target: "/docks?select=id&id=eq.1", header: map[string]string{"X-Request-Id": "123"}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"X-Request-Id": ""},
		},
	})
}

func TestReferenceObservabilityTiming(t *testing.T) {
	t.Parallel()
	server := harbour(t, func(cfg *rest.Config) { cfg.ServerTimingEnabled = true })
	form := regexp.MustCompile(`^jwt;dur=\d+\.\d, parse;dur=\d+\.\d, plan;dur=\d+\.\d, transaction;dur=\d+\.\d, response;dur=\d+\.\d$`)
	for name, c := range map[string]call{
		"read": {target: "/docks"}, "call": {target: "/rpc/pi"}, "root": {target: "/"},
		"insert": {method: post, target: "/fees", body: `{"code":"C"}`}, "update": {method: patch, target: "/fees", body: `{"area":"x"}`},
		"delete": {method: del, target: "/fees"}, "put": {method: put, target: "/fees?code=eq.A", body: `{"code":"A"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.send(t, server).Header().Get("Server-Timing"); !form.MatchString(got) {
				t.Errorf("Server-Timing: %q", got)
			}
		})
	}
}

func TestReferenceObservabilityLength(t *testing.T) {
	t.Parallel()
	server := harbour(t, nil)
	for _, target := range []string{"/docks", "/rpc/all_ships", "/ships?select=id,berths(*)", "/nowhere", "/"} {
		get := (&call{target: target}).send(t, server)
		if got, want := get.Header().Get("Content-Length"), strconv.Itoa(get.Body.Len()); got != want {
			t.Errorf("%s: Content-Length %q, want %s", target, got, want)
		}
	}
	head := call{method: http.MethodHead, target: "/docks", want: "", wantHeader: map[string]string{"Content-Length": ""}}
	head.check(t, head.send(t, server))
}

func TestReferenceObservabilityPlan(t *testing.T) {
	t.Parallel()
	server := harbour(t, func(cfg *rest.Config) { cfg.PlanEnabled = true })
	contentType := func(text string) map[string]string { return map[string]string{"Content-Type": text} }
	run(t, server, map[string]call{
		"as text": {
			target: "/docks?select=name&order=id", header: accept("application/vnd.pgrst.plan"), want: "~Aggregate  (cost=",
			wantHeader: contentType(`application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8`),
		},
		"as JSON": {
			target: "/docks", header: accept("application/vnd.pgrst.plan+json"), want: `~"Node Type": "Aggregate"`,
			wantHeader: contentType(`application/vnd.pgrst.plan+json; for="application/json"; charset=utf-8`),
		},
		"for another type": {
			target: "/docks", header: accept(`application/vnd.pgrst.plan+json; for="text/csv"`), want: `~"Plan Rows"`,
			wantHeader: contentType(`application/vnd.pgrst.plan+json; for="text/csv"; charset=utf-8`),
		},
		"with options": {
			target: "/docks", header: accept(`application/vnd.pgrst.plan+json; options=analyze|verbose|settings|buffers|wal`), want: `~"Actual Rows"`,
			wantHeader: contentType(`application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose|settings|buffers|wal; charset=utf-8`),
		},
		"of a write": {
			method: post, target: "/fees", header: map[string]string{"Accept": "application/vnd.pgrst.plan", "Prefer": "return=representation"},
			body: `{"code":"C"}`, want: "~Insert on",
		},
		"of a call": {target: "/rpc/docks_by_hand", header: accept("application/vnd.pgrst.plan"), want: "~Function Scan"},
	})
}
