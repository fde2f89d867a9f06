package engine

import (
	"strings"
	"sync"
	"sync/atomic"
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

// Two servers on one database hold callers to the limit together.
func TestFunctionLimits(t *testing.T) {
	t.Parallel()
	first := withApp(t, func(cfg *Config) { cfg.RateLimits = RateLimitsAll })
	psql(t, first.cfg.DatabaseURL, `create function functions.ping() returns int language sql stable as 'select 1'`,
		`create function functions.bulk() returns int language sql stable as 'select 1'`,
		"comment on function functions.bulk is E'Bulk\n@tier bulk'")
	cfg := first.cfg
	cfg.DataDir = t.TempDir()
	second := launch(t, cfg)
	t.Cleanup(second.stop)
	token := first.signUp("ann@example.com").access
	for _, r := range []*running{first, second} {
		r.until("the functions are served", func() bool { return r.call("DELETE", "/functions/v1/bulk", nil, nil).status == 405 })
	}
	for name, c := range map[string]struct {
		method, path, token string
		limit               int
	}{
		"standard":   {"GET", "ping", token, 100},
		"bulk":       {"GET", "bulk", token, 20},
		"agent-auth": {"POST", "agent-auth", "", 10},
	} {
		var admitted, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				r := []*running{first, second}[i%2]
				header := map[string]string{}
				if c.token != "" {
					header["Authorization"] = "Bearer " + c.token
				}
				got := r.call(c.method, "/functions/v1/"+c.path, header, nil)
				switch {
				case got.status != 429:
					admitted.Add(1)
				case got.header.Get("Retry-After") == "" || !strings.Contains(got.body, `"error":"rate_limit_exceeded"`):
					t.Errorf("%s: %v %s", name, got.header, got.body)
				default:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if n := int(admitted.Load()); n < c.limit || n > c.limit+1 {
			t.Errorf("%s: %d of %d were admitted", name, n, c.limit)
		}
	}
}

// The plan of an organization bounds its calls.
func TestCallsADay(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	psql(t, r.cfg.DatabaseURL, "update public.plans set api_calls_per_day = 8 where name = 'growth'")
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	_, _, token := ann.agent("read") // two calls, one of them with a token
	for want := 6; want >= 0; want-- {
		counted := r.json("GET", "/functions/v1/agent-usage", token, nil, 200)["usage"].(map[string]any)["api_calls"].(map[string]any)
		if counted["remaining"] != float64(want) || counted["limit"] != 8.0 {
			t.Errorf("%v, want %d remaining", counted, want)
		}
	}
	if got := r.json("GET", "/functions/v1/agent-usage", token, nil, 403); got["error"] != "quota_exceeded" {
		t.Errorf("%v", got)
	}
}
