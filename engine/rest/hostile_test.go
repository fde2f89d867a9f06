package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// hostileSQL has something of every kind that a request can name, and a table that must stay as it is.
const hostileSQL = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
	if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
	grant anon to authenticator;
end $$;
create table sentinel (id int primary key, secret text);
insert into sentinel values (1, 'untouched');
create table parents (id int primary key, name text, tags text[], doc jsonb, search tsvector);
create table children (id int primary key, parent_id int references parents, name text);
insert into parents values (1, 'one', '{a,b}', '{"k":{"l":[1,2]}}', 'one'), (2, 'two', '{}', '{}', 'two');
insert into children values (1, 1, 'first'), (2, 1, 'second');
create function echo(v text) returns text language sql stable as 'select v';
create function echo_setting(name text) returns text language sql stable as 'select current_setting(name, true)';
grant all on parents, children to anon;
`

// payloads are texts that break out of somewhere if anything is put together carelessly.
func payloads() map[string]string {
	return map[string]string{
		"quote":             `'`,
		"double quote":      `"`,
		"quotes":            `''"""`,
		"statement":         `'; drop table sentinel; --`,
		"quoted statement":  `"; drop table sentinel; --`,
		"closing statement": `1); update sentinel set secret = 'gone'; --`,
		"union":             `1 union select secret from sentinel --`,
		"comment":           `/* */ -- #`,
		"open comment":      `/*`,
		"dollar quotes":     `$$; drop table sentinel; $$`,
		"parameter":         `$1`,
		"placeholder":       `?`,
		"squirrel":          `??:x`,
		"format":            `%s%n%d`,
		"backslash":         `\`,
		"backslash quote":   `\'`,
		"NUL":               "a\x00b",
		"invalid UTF-8":     "a\xffb",
		"overlong UTF-8":    "\xc0\xa7",
		"surrogate":         "\xed\xa0\x80",
		"line separator":    "a\u2028b",
		"byte order mark":   "\ufeffa",
		"zero width":        "a\u200bb",
		"newline":           "a\nb\r\nc",
		"empty":             "",
		"parenthesis":       "(((",
		"closing":           ")))",
		"braces":            "{}{}",
		"comma":             ",,,",
		"dots":              "...",
		"arrows":            "->->>->",
		"colons":            "::::",
		"star":              "*",
		"long":              strings.Repeat("x", 1<<20),
		"long quotes":       strings.Repeat(`"`, 1<<16),
		"deep":              strings.Repeat("(", 20_000),
		"deep logic":        strings.Repeat("and(", 5000) + "id.eq.1" + strings.Repeat(")", 5000),
		"deep JSON":         strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000),
		"huge number":       "99999999999999999999999999999999999999",
		"negative":          "-1",
		"exponent":          "1e400",
		"subselect":         "(select secret from sentinel)",
		"sleep":             "pg_sleep(100)",
		"set role":          "'; set role postgres; --",
	}
}

// position is a place of a request that a client's text can stand in.
type position struct {
	method string
	path   string // with %s for the text, encoded
	header string // with %s for the text as it is, "Name: value"
	body   string // with %s for the text as it is
	kind   string // the body's content type
	quoted bool   // the text is made a JSON string in the body
}

func positions() map[string]position {
	return map[string]position{
		"table":              {path: "/%s"},
		"function":           {path: "/rpc/%s"},
		"select":             {path: "/parents?select=%s"},
		"selected column":    {path: "/parents?select=id,%s,name"},
		"alias":              {path: "/parents?select=%s:name"},
		"cast":               {path: "/parents?select=name::%s"},
		"JSON key":           {path: "/parents?select=doc->%s"},
		"JSON text key":      {path: "/parents?select=doc->>%s"},
		"embedded":           {path: "/parents?select=id,%s(id)"},
		"embedded column":    {path: "/parents?select=id,children(%s)"},
		"hint":               {path: "/parents?select=id,children!%s(id)"},
		"spread":             {path: "/children?select=id,...%s(id)"},
		"aggregate":          {path: "/parents?select=id.%s()"},
		"filter column":      {path: "/parents?%s=eq.1"},
		"filter":             {path: "/parents?id=%s"},
		"operator":           {path: "/parents?id=%s.1"},
		"value":              {path: "/parents?name=eq.%s"},
		"integer":            {path: "/parents?id=eq.%s"},
		"like":               {path: "/parents?name=like.%s"},
		"regular expression": {path: "/parents?name=match.%s"},
		"list":               {path: "/parents?name=in.(%s)"},
		"quoted in list":     {path: `/parents?name=in.("%s")`},
		"is":                 {path: "/parents?name=is.%s"},
		"array":              {path: "/parents?tags=cs.{%s}"},
		"full text":          {path: "/parents?search=fts.%s"},
		"language":           {path: "/parents?search=fts(%s).one"},
		"any":                {path: "/parents?name=eq(any).{%s}"},
		"quantifier":         {path: "/parents?name=eq(%s).{a}"},
		"logic":              {path: "/parents?or=(%s)"},
		"logic value":        {path: "/parents?or=(name.eq.%s,id.eq.1)"},
		"nested logic":       {path: "/parents?and=(or(name.eq.%s,id.eq.1),id.eq.1)"},
		"embedded filter":    {path: "/parents?select=id,children(id)&children.%s=eq.1"},
		"embedded value":     {path: "/parents?select=id,children(id)&children.name=eq.%s"},
		"order":              {path: "/parents?order=%s"},
		"order direction":    {path: "/parents?order=id.%s"},
		"related order":      {path: "/children?select=id,parents(name)&order=parents(%s)"},
		"limit":              {path: "/parents?limit=%s"},
		"offset":             {path: "/parents?offset=%s"},
		"argument":           {path: "/rpc/echo?v=%s"},
		"argument name":      {path: "/rpc/echo?%s=x"},
		"on_conflict":        {method: "POST", path: "/parents?on_conflict=%s", body: `{"id":9}`},
		"columns":            {method: "POST", path: "/parents?columns=%s", body: `{"id":9}`},
		"body":               {method: "POST", path: "/parents", body: `%s`},
		"JSON value":         {method: "POST", path: "/parents", body: `{"id":9,"name":%s}`, quoted: true},
		"JSON name":          {method: "POST", path: "/parents", body: `{"id":9,%s:1}`, quoted: true},
		"bare JSON value":    {method: "POST", path: "/parents", body: `{"id":9,"name":%s}`},
		"nested JSON":        {method: "POST", path: "/parents", body: `{"id":9,"doc":{%s:[%[1]s]}}`, quoted: true},
		"CSV header":         {method: "POST", path: "/parents", body: "id,%s\n9,x\n", kind: "text/csv"},
		"CSV cell":           {method: "POST", path: "/parents", body: "id,name\n9,%s\n", kind: "text/csv"},
		"form":               {method: "POST", path: "/parents", body: "id=9&name=%s", kind: "application/x-www-form-urlencoded"},
		"patched":            {method: "PATCH", path: "/parents?name=eq.%s", body: `{"name":"x"}`},
		"deleted":            {method: "DELETE", path: "/parents?name=eq.%s"},
		"put":                {method: "PUT", path: "/parents?id=eq.%s", body: `{"id":9}`},
		"called":             {method: "POST", path: "/rpc/echo", body: `{"v":%s}`, quoted: true},
		"called name":        {method: "POST", path: "/rpc/echo", body: `{%s:"x"}`, quoted: true},
		"prefer":             {path: "/parents", header: "Prefer: %s"},
		"strict prefer":      {path: "/parents", header: "Prefer: handling=strict, %s"},
		"time zone":          {path: "/parents", header: "Prefer: timezone=%s"},
		"max-affected":       {method: "DELETE", path: "/parents?id=eq.0", header: "Prefer: handling=strict, max-affected=%s"},
		"accept":             {path: "/parents", header: "Accept: %s"},
		"plan":               {path: "/parents", header: `Accept: application/vnd.pgrst.plan+json; for="%s"; options=%[1]s`},
		"content type":       {method: "POST", path: "/parents", body: `{"id":9}`, header: "Content-Type: %s"},
		"profile":            {path: "/parents", header: "Accept-Profile: %s"},
		"range":              {path: "/parents", header: "Range: %s"},
		"range unit":         {path: "/parents", header: "Range-Unit: %s"},
		"token":              {path: "/parents", header: "Authorization: Bearer %s"},
		"scheme":             {path: "/parents", header: "Authorization: %s"},
		"cookie":             {path: "/rpc/echo_setting?name=request.cookies", header: "Cookie: a=%s"},
		"any header":         {path: "/rpc/echo_setting?name=request.headers", header: "X-Any: %s"},
		"setting name":       {path: "/rpc/echo_setting?name=%s"},
	}
}

// request makes the request with the text in its place.
func (p position) request(text string) *http.Request {
	method := p.method
	if method == "" {
		method = http.MethodGet
	}
	inBody := text
	if p.quoted {
		encoded, _ := json.Marshal(text)
		inBody = string(encoded)
	}
	body := p.body
	if strings.Contains(body, "%") {
		body = fmt.Sprintf(body, inBody)
	}
	path := p.path
	if strings.Contains(path, "%s") {
		path = fmt.Sprintf(path, url.QueryEscape(text))
		if !strings.Contains(p.path, "?") {
			path = fmt.Sprintf(p.path, url.PathEscape(text))
		}
	}
	target, query, _ := strings.Cut(path, "?")
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL = &url.URL{RawQuery: query}
	if unescaped, err := url.PathUnescape(target); err == nil {
		r.URL.Path, r.URL.RawPath = unescaped, target
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.kind != "" {
		r.Header.Set("Content-Type", p.kind)
	}
	if name, value, ok := strings.Cut(p.header, ": "); ok {
		r.Header[http.CanonicalHeaderKey(name)] = []string{fmt.Sprintf(value, text)}
	}
	return r
}

// countingDatabase counts the transactions of requests.
type countingDatabase struct {
	*db.Pool
	runs atomic.Int64
}

func (c *countingDatabase) Run(ctx context.Context, tx *db.Tx) (*db.Result, error) {
	c.runs.Add(1)
	return c.Pool.Run(ctx, tx)
}

func hostileServer(t testing.TB) (http.Handler, *pgtest.DB, *countingDatabase) {
	t.Helper()
	database := pgtest.New(t, hostileSQL)
	cfg := rest.DefaultConfig()
	cfg.AnonRole, cfg.TxEnd, cfg.PlanEnabled, cfg.AggregatesEnabled = "anon", rest.TxRollback, true, true
	conn := &countingDatabase{}
	pool, err := db.Open(t.Context(), db.Config{URL: database.URLAs("authenticator"), MaxConns: 4, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	conn.Pool = pool
	verifier, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(secret), AnonRole: cfg.AnonRole})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	snap := load(t, database, &cfg)
	return rest.New(rest.Options{
		Config: func() *rest.Config { return &cfg }, Snapshot: func() *schema.Snapshot { return snap },
		Verifier: func() *rls.Verifier { return verifier }, DB: conn,
	}), database, conn
}

// TestHostileTexts puts every payload into every position: each is taken for data or refused, and nothing else happens.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	handler, database, _ := hostileServer(t)
	before := database.QueryString(t, "select string_agg(t::text, ';') from (select * from sentinel) t")
	for place, p := range positions() {
		for name, text := range payloads() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, p.request(text))
			// PostgREST answers 500 to what is too deep for PostgreSQL itself.
			if w.Code >= 500 && !strings.Contains(w.Body.String(), `"code":"54001"`) {
				t.Errorf("%s in %s: status %d: %.300s", name, place, w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "untouched") || strings.Contains(w.Body.String(), "pgrst_source") || strings.Contains(w.Body.String(), "SELECT ") {
				t.Errorf("%s in %s: status %d tells too much: %.300s", name, place, w.Code, w.Body)
			}
			if w.Code >= 400 && w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s in %s: status %d with a body that is no JSON: %.300s", name, place, w.Code, w.Body)
			}
		}
	}
	if after := database.QueryString(t, "select string_agg(t::text, ';') from (select * from sentinel) t"); after != before {
		t.Errorf("the sentinel is %s, was %s", after, before)
	}
}

// TestValuesComeBack sends payloads as values, which have to come back as they are, byte for byte.
func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	handler, _, _ := hostileServer(t)
	for name, text := range payloads() {
		refused := name == "NUL" || name == "invalid UTF-8" || name == "overlong UTF-8" || name == "surrogate"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, position{path: "/rpc/echo?v=%s"}.request(text))
		var got string
		err := json.Unmarshal(w.Body.Bytes(), &got)
		switch {
		case refused && (w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"22021"`)):
			t.Errorf("%s: status %d: %.200s", name, w.Code, w.Body)
		case !refused && (w.Code != http.StatusOK || err != nil || got != text):
			t.Errorf("%s came back with status %d as %.200q", name, w.Code, w.Body)
		}
		if refused {
			continue
		}
		w = httptest.NewRecorder()
		r := position{method: "POST", path: "/parents?select=name", body: `{"id":9,"name":%s}`, quoted: true}.request(text)
		r.Header.Set("Prefer", "return=representation")
		handler.ServeHTTP(w, r)
		var rows []struct{ Name string }
		if err := json.Unmarshal(w.Body.Bytes(), &rows); w.Code != http.StatusCreated || err != nil || len(rows) != 1 || rows[0].Name != text {
			t.Errorf("%s was inserted with status %d as %.200q", name, w.Code, w.Body)
		}
	}
}

// TestMalformedTakesNoConnection counts the transactions of requests that can be refused by looking at them.
func TestMalformedTakesNoConnection(t *testing.T) {
	t.Parallel()
	handler, _, conn := hostileServer(t)
	refused := func(what string, r *http.Request) {
		t.Helper()
		before := conn.runs.Load()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 || conn.runs.Load() != before {
			t.Errorf("%.100s: status %d, %d transactions: %.200s", what, w.Code, conn.runs.Load()-before, w.Body)
		}
	}
	for _, path := range []string{
		"/parents?select=id,name(", "/parents?select=id::", "/parents?id=nothing.1", "/parents?id=1", "/parents?id=eq",
		"/parents?or=(id.eq.1", "/parents?or=", "/parents?order=id.up", "/parents?id=in.1",
		"/nothing", "/rpc/zzzz", "/rpc/echo?w=1", "/parents?select=nothing(id)", "/a/b/c", "/parents?name=eq.%00", "/parents?name=eq.%ff",
		"/parents?select=" + strings.Repeat("children(", 200) + strings.Repeat(")", 200),
	} {
		refused(path, httptest.NewRequest(http.MethodGet, path, nil))
	}
	for _, body := range []string{"{", "[1", `{"id":}`, `[{"id":1},{"name":"x"}]`, "\x00", strings.Repeat("[", 20_000)} {
		refused(body, position{method: "POST", path: "/parents", body: "%s"}.request(body))
	}
	for _, header := range []string{"Accept: %s", "Accept-Profile: %s", "Authorization: Bearer %s"} {
		refused(header, position{path: "/parents", header: header}.request("no/such"))
	}
}

// TestHostileClaims runs requests with tokens whose claims the holder has chosen.
func TestHostileClaims(t *testing.T) {
	t.Parallel()
	handler, _, _ := hostileServer(t)
	for name, text := range payloads() {
		if len(text) > 4000 || name == "NUL" || strings.HasSuffix(name, "UTF-8") || name == "surrogate" {
			continue
		}
		r := httptest.NewRequest(http.MethodGet, "/rpc/echo_setting?name=request.jwt.claims", nil)
		r.Header.Set("Authorization", "Bearer "+token(t, "anon", map[string]any{"sub": text, text: text}))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var setting string
		var claims map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &setting); err != nil || w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		} else if err := json.Unmarshal([]byte(setting), &claims); err != nil || claims["sub"] != text {
			t.Errorf("%s: the claims are %s", name, setting)
		}
		if text == "" {
			continue // an empty role is none
		}
		r = httptest.NewRequest(http.MethodGet, "/parents", nil)
		r.Header.Set("Authorization", "Bearer "+token(t, text, nil))
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "set_config") {
			t.Errorf("%s as role: status %d: %s", name, w.Code, w.Body)
		}
	}
	for _, role := range []string{"postgres", "authenticator", "pg_read_all_data", "none", "nobody"} {
		r := httptest.NewRequest(http.MethodGet, "/sentinel", nil)
		r.Header.Set("Authorization", "Bearer "+token(t, role, nil))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "untouched") {
			t.Errorf("as %s: status %d: %s", role, w.Code, w.Body)
		}
	}
}

// FuzzRequests sends whole requests through the server to a database.
func FuzzRequests(f *testing.F) {
	handler, database, _ := hostileServer(f)
	f.Add("GET", "/parents", "select=id,children(name)&id=eq.1", "", "", "")
	f.Add("POST", "/parents", "columns=id", `[{"id":3}]`, "Prefer", "return=representation")
	f.Add("PATCH", "/parents", "or=(id.eq.1,name.like.*a*)", `{"name":"x"}`, "Range", "0-1")
	f.Add("GET", "/rpc/echo", "v=1", "", "Accept", "application/vnd.pgrst.object+json")
	f.Add("POST", "/rpc/echo", "", `{"v":"\u0000"}`, "Content-Type", "application/json")
	f.Fuzz(func(t *testing.T, method, path, query, body, name, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if database.QueryString(t, "select secret from sentinel") != "untouched" {
			t.Error("the sentinel was changed")
		}
	})
}
