package rest_test

import (
	"net/http"
	"testing"

	"nexus/engine/rest"
)

func TestReferenceOptions(t *testing.T) {
	t.Parallel()
	server := harbour(t, nil)
	for target, allow := range map[string]string{
		"/docks":         "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE",
		"/tides":         "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE",
		"/long_ships":    "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE", // updatable by itself, with the table's key
		"/dock_counts":   "OPTIONS,GET,HEAD",
		"/dock_names":    "OPTIONS,GET,HEAD,POST,DELETE",           // by triggers
		"/safe":          "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE", // privileges do not count
		"/rpc/sweep":     "OPTIONS,POST",
		"/rpc/all_ships": "OPTIONS,GET,HEAD,POST", // stable
		"/rpc/pi":        "OPTIONS,GET,HEAD,POST", // immutable
		"/":              "OPTIONS,GET,HEAD",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			c := call{method: http.MethodOptions, target: target, want: "", wantHeader: map[string]string{"Allow": allow, "Content-Length": "0"}}
			c.check(t, c.send(t, server))
		})
	}
	run(t, server, map[string]call{
		"of a function that cannot do without arguments": {method: http.MethodOptions, target: "/rpc/haul", status: 404, want: `~PGRST202`},
		"of a table that does not exist":                 {method: http.MethodOptions, target: "/nowhere", status: 404, want: `~PGRST205`},
	})
}

func TestReferenceCORS(t *testing.T) {
	t.Parallel()
	const origin = "https://harbour.example"
	preflight := map[string]string{
		"Origin": origin, "Access-Control-Request-Method": post, "Access-Control-Request-Headers": "Content-Type",
	}
	want := map[string]string{
		"Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Accept-Language, Content-Language",
		"Access-Control-Max-Age":       "86400",
	}
	with := func(more map[string]string) map[string]string {
		for name, text := range want {
			more[name] = text
		}
		return more
	}
	run(t, harbour(t, nil), map[string]call{
		"a preflight": {
			method: http.MethodOptions, target: "/docks", header: preflight, want: "",
			wantHeader: with(map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "", "Allow": ""}),
		},
		"any origin may read": {
			target: "/docks?select=id&id=eq.1", header: map[string]string{"Origin": origin}, want: `[{"id":1}]`,
			wantHeader: map[string]string{
				"Access-Control-Allow-Origin": "*",
				"Access-Control-Expose-Headers": "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, " +
					"Transfer-Encoding, Range-Unit",
			},
		},
		"errors can be read too": {
			target: "/nowhere", header: map[string]string{"Origin": origin}, status: 404, want: `~PGRST205`,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": "*"},
		},
	})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.CORSAllowedOrigins = []string{"https://other.example", origin} }), map[string]call{
		"a preflight from an origin of the list": {
			method: http.MethodOptions, target: "/docks", header: preflight, want: "",
			wantHeader: with(map[string]string{"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}),
		},
		"a preflight from another origin": {
			method: http.MethodOptions, target: "/docks", want: "",
			header:     map[string]string{"Origin": "https://thief.example", "Access-Control-Request-Method": post},
			wantHeader: map[string]string{"Access-Control-Allow-Methods": "", "Access-Control-Allow-Credentials": ""},
		},
	})
}
