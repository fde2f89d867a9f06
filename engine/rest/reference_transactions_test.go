package rest_test

import (
	"net/http"
	"testing"

	"nexus/engine/rest"
	"nexus/schema"
)

func TestReferenceTransactionsAccessMode(t *testing.T) {
	t.Parallel()
	const readOnly = `{"code":"25006","details":null,"hint":null,"message":"cannot execute nextval() in a read-only transaction"}`
	run(t, harbour(t, nil), map[string]call{
		"GET reads only":     {target: "/visit", status: 405, want: readOnly},
		"HEAD reads only":    {method: http.MethodHead, target: "/visit", status: 405, want: "", wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=25006"}},
		"GET of a volatile":  {target: "/rpc/setting_of_post?name=transaction_read_only", want: `"on"`},
		"GET of a stable":    {target: "/rpc/setting?name=transaction_read_only", want: `"on"`},
		"POST of a volatile": {method: post, target: "/rpc/setting_of_post", body: `{"name":"transaction_read_only"}`, want: `"off"`},
		"POST of a stable":   {method: post, target: "/rpc/setting", body: `{"name":"transaction_read_only"}`, want: `"on"`},
		"POST of an immutable": {
			method: post, target: "/rpc/setting_of_constant", body: `{"name":"transaction_read_only"}`, want: `"on"`,
		},
		"a stable function that writes fails": {method: post, target: "/rpc/log_quietly", body: `{"line":"x"}`, status: 405, want: `~25006`},
		"GET of a volatile that writes fails": {target: "/rpc/log_line?line=x", status: 405, want: `~25006`},
	})
}

func TestReferenceTransactionsIsolation(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, func(cfg *rest.Config) {
		cfg.RoleSettings = map[string]rest.RoleSettings{"authenticated": {IsolationLevel: "repeatable read"}}
	}), map[string]call{
		"read committed by default": {target: "/rpc/setting?name=transaction_isolation", want: `"read committed"`},
		"of the role":               {target: "/rpc/setting?name=transaction_isolation", role: "authenticated", want: `"repeatable read"`},
		"of the function":           {target: "/rpc/serial", want: `"serializable"`},
		"the function's before the role's": {
			target: "/rpc/serial", role: "authenticated", want: `"serializable"`,
		},
	})
}

func TestReferenceTransactionsRequestSettings(t *testing.T) {
	t.Parallel()
	mail := token(t, "authenticated", map[string]any{"email": "ann@example.com"})
	run(t, harbour(t, func(cfg *rest.Config) {
		cfg.AppSettings = []schema.Setting{{Name: "app.settings.port", Value: "Oslo"}}
	}), map[string]call{
		"a header":                  {target: "/rpc/header?name=user-agent", header: map[string]string{"User-Agent": "Ship/1"}, want: `"Ship/1"`},
		"a header's name in lower":  {target: "/rpc/header?name=X-Flag", header: map[string]string{"X-Flag": "NO"}, want: `null`},
		"a cookie":                  {target: "/rpc/cookie?name=sessionId", header: map[string]string{"Cookie": "a=b; sessionId=s1"}, want: `"s1"`},
		"cookies are no headers":    {target: "/rpc/header?name=cookie", header: map[string]string{"Cookie": "a=b"}, want: `null`},
		"a claim":                   {target: "/rpc/claim?name=email", header: map[string]string{"Authorization": "Bearer " + mail}, want: `"ann@example.com"`},
		"the role's claim":          {target: "/rpc/claim?name=role", header: map[string]string{"Authorization": "Bearer " + mail}, want: `"authenticated"`},
		"the role of nobody":        {target: "/rpc/claim?name=role", want: `"anon"`},
		"the path":                  {target: "/rpc/setting?name=request.path", want: `"/rpc/setting"`},
		"the method":                {target: "/rpc/setting?name=request.method", want: `"GET"`},
		"the method of a POST":      {method: post, target: "/rpc/setting", body: `{"name":"request.method"}`, want: `"POST"`},
		"the role":                  {target: "/rpc/who", role: "authenticated", want: `"authenticated authenticator"`},
		"the role as a setting":     {target: "/rpc/setting?name=role", want: `"anon"`},
		"the search path":           {target: "/rpc/setting?name=search_path", want: `"\"harbour\", \"public\""`},
		"settings of the operator":  {target: "/rpc/setting?name=app.settings.port", want: `"Oslo"`},
		"a setting that is not set": {target: "/rpc/setting?name=request.nothing", want: `null`},
	})
}

func TestReferenceTransactionsResponseSettings(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, nil), map[string]call{
		"headers, repeated ones and those of PostgREST": {
			target: "/rpc/cached", want: `1`,
			wantHeader: map[string]string{"Cache-Control": "public, max-age=259200", "Content-Type": "application/x-own"},
		},
		"the status": {target: "/rpc/teapot", status: 418, want: `{"message" : "short and stout"}`},
	})
	failed := func(name, value string) call {
		code, want := "PGRST111", badHeaders
		if name == "status" {
			code, want = "PGRST112", "response.status guc must be a valid status code"
		}
		return call{
			target: "/rpc/set_response?name=" + name + "&value=" + value, status: 500, want: "~" + want,
			wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=" + code},
		}
	}
	run(t, harbour(t, nil), map[string]call{
		"headers in one object":        failed("headers", `{"A":"b"}`),
		"headers of two keys":          failed("headers", `[{"A":"b","C":"d"}]`),
		"a header that is a number":    failed("headers", `[{"A":1}]`),
		"a header that is null":        failed("headers", `[{"A":null}]`),
		"a status of words":            failed("status", "teapot"),
		"a status that is too long":    failed("status", "12345"),
		"a status that ends nothing":   failed("status", "103"),
		"a status that is none":        failed("status", "-200"),
		"no headers in an empty array": {target: "/rpc/set_response?name=headers&value=[]", status: 204},
	})
}

func TestReferenceTransactionsRoleSettings(t *testing.T) {
	t.Parallel()
	run(t, harbour(t, func(cfg *rest.Config) {
		cfg.RoleSettings = map[string]rest.RoleSettings{"authenticated": {Settings: []schema.Setting{{Name: "statement_timeout", Value: "9s"}}}}
	}), map[string]call{
		"of the role":                      {target: "/rpc/setting?name=statement_timeout", role: "authenticated", want: `"9s"`},
		"of another role":                  {target: "/rpc/setting?name=statement_timeout", want: `"0"`},
		"the function's before the role's": {target: "/rpc/patient", role: "authenticated", want: `"4s"`},
	})
}

func TestReferenceTransactionsPreRequest(t *testing.T) {
	t.Parallel()
	smuggler := token(t, "authenticated", map[string]any{"email": "smuggler@example.com"})
	run(t, harbour(t, func(cfg *rest.Config) { cfg.PreRequest = &schema.Ident{Schema: "harbour", Name: "check_request"} }), map[string]call{
		"may set headers": {
			target: "/docks?select=id&id=eq.1", header: map[string]string{"User-Agent": "Old/6.0"}, want: `[{"id":1}]`,
			wantHeader: map[string]string{"Cache-Control": "no-store"},
		},
		"need not": {target: "/docks?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Cache-Control": ""}},
		"may refuse": {
			target: "/docks", header: map[string]string{"Authorization": "Bearer " + smuggler}, status: 400,
			want: `{"code":"P0001","details":null,"hint":"Sail on","message":"Not in this harbour"}`,
		},
	})
}

func TestReferenceTransactionsAbort(t *testing.T) {
	t.Parallel()
	database := harbourDB(t)
	server := serve(t, database, func(cfg *rest.Config) { cfg.Schemas, cfg.TxEnd = []string{"harbour"}, rest.TxCommit })
	c := call{method: post, target: "/fees", body: `[{"code":"Y"},{"code":"A"}]`, status: 409, want: "~23505"}
	c.check(t, c.send(t, server))
	if got := database.QueryString(t, `select count(*) from harbour.fees where code = 'Y'`); got != "0" {
		t.Errorf("%s rows are there, want none", got)
	}
}
