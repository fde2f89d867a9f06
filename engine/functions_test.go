package engine

import (
	"strings"
	"testing"
)

const sqlFunctions = `
	create function functions.add(a int, b int) returns int language sql immutable as 'select a + b';
	comment on function functions.add is 'Add
@access public';
	create function functions.whoami() returns text language sql stable as 'select auth.uid()::text';
	create function functions.log_line(line text) returns void language sql as 'select';
	comment on function functions.log_line is 'Log a line
@access service
@method PUT';
	create function functions.fails(kind text) returns int language plpgsql stable as $$
	begin
		case kind
			when 'missing' then raise sqlstate 'PT404' using message = 'No such thing', detail = 'thing_missing', hint = 'Look elsewhere';
			when 'secret' then raise exception sqlstate '22012' using message = 'division by zero in secret_table';
			else raise exception 'plain';
		end case;
	end $$;
	comment on function functions.fails is 'Fail
@access public';
	create function functions.broken() returns int language sql as 'select 1';
	comment on function functions.broken is 'Broken
@acess public';
	create table functions.private (id int)`

func TestFunctionsInSQL(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	psql(t, r.cfg.DatabaseURL, sqlFunctions)
	r.until("the functions are served", func() bool { return r.call("GET", "/functions/v1/add?a=1&b=2", nil, nil).status == 200 })
	user, err := MintToken(r.cfg, Token{Role: "authenticated", Subject: "11111111-1111-1111-1111-111111111111", TTL: 3600e9})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		want                      string
	}{
		"query":                         {method: "GET", path: "add?a=1&b=2", status: 200, want: "3"},
		"body":                          {method: "POST", path: "add", body: `{"a": 1, "b": 2}`, status: 200, want: "3"},
		"a key in the query":            {method: "GET", path: "add?a=1&b=2&apikey=x", status: 200, want: "3"},
		"head":                          {method: "HEAD", path: "add?a=1&b=2", status: 200},
		"wrong type":                    {method: "GET", path: "add?a=x&b=2", status: 400, want: `"error":"validation_failed"`},
		"unknown argument":              {method: "GET", path: "add?c=1", status: 404, want: `"error":"not_found"`},
		"method":                        {method: "DELETE", path: "add?a=1&b=2", status: 405, want: `"error":"method_not_allowed"`},
		"no token":                      {method: "GET", path: "whoami", status: 401, want: `"error":"unauthorized"`},
		"a bad token":                   {method: "GET", path: "whoami", token: "x.y.z", status: 401, want: `"error":"invalid_token"`},
		"a token":                       {method: "GET", path: "whoami", token: user, status: 200, want: `"11111111-1111-1111-1111-111111111111"`},
		"not for people":                {method: "PUT", path: "log-line", token: user, body: `{"line": "x"}`, status: 403, want: `"error":"forbidden"`},
		"for servers":                   {method: "PUT", path: "log-line", token: r.token("service_role"), body: `{"line": "x"}`, status: 204},
		"raised":                        {method: "GET", path: "fails?kind=missing", status: 404, want: `{"error":"thing_missing","message":"No such thing","details":{"hint":"Look elsewhere"}}`},
		"raised plainly":                {method: "GET", path: "fails?kind=plain", status: 400, want: `"message":"plain"`},
		"unknown":                       {method: "POST", path: "nothing", status: 404, want: `"error":"not_found"`},
		"a comment that cannot be read": {method: "POST", path: "broken", token: user, status: 404, want: `"error":"not_found"`},
		"tables are no functions":       {method: "GET", path: "private", token: user, status: 404, want: `"error":"not_found"`},
		"below a function":              {method: "GET", path: "add/more?a=1&b=2", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			header := map[string]string{"Content-Type": "application/json", "Accept-Profile": "auth", "Content-Profile": "auth"}
			if c.token != "" {
				header["Authorization"] = "Bearer " + c.token
			}
			got := r.call(c.method, "/functions/v1/"+c.path, header, strings.NewReader(c.body))
			if got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Errorf("status %d, want %d: %s, want %s", got.status, c.status, got.body, c.want)
			}
			if got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page cannot read the answer")
			}
		})
	}
	// rest/v1 has them not.
	if got := r.call("GET", "/rest/v1/rpc/add?a=1&b=2", nil, nil); got.status != 404 {
		t.Errorf("rest/v1: %d %s", got.status, got.body)
	}
	if got := r.call("GET", "/rest/v1/rpc/add?a=1&b=2", map[string]string{"Accept-Profile": "functions"}, nil); got.status != 406 {
		t.Errorf("rest/v1 by profile: %d %s", got.status, got.body)
	}
	psql(t, r.cfg.DatabaseURL, `comment on function functions.add(int, int) is 'Add'`)
	r.until("the new comment counts", func() bool { return r.call("GET", "/functions/v1/add?a=1&b=2", nil, nil).status == 401 })
	pre := r.call("OPTIONS", "/functions/v1/whoami", map[string]string{
		"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, x-custom",
	}, nil)
	if pre.status != 204 || pre.header.Get("Access-Control-Allow-Headers") != "authorization, x-custom" ||
		!strings.Contains(pre.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", pre.status, pre.header)
	}
}
