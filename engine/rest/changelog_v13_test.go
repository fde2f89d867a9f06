package rest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"nexus/engine/rest"
)

func TestV13Filters(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"is.not_null":     {target: "/exhibits?select=id&facts=is.not_null&order=id", want: `[{"id":1},{"id":2}]`},
		"not.is.not_null": {target: "/exhibits?select=id&facts=not.is.not_null", want: `[{"id":3}]`},
		"text is searched as if it were tsvector": {target: "/captions?select=id&body=fts(english).cat", want: `[{"id":1}]`},
		"text is searched in the default configuration": {
			target: "/captions?select=id&body=plfts.dog", want: `[{"id":2}]`,
		},
		"JSON is searched": {target: "/captions?select=id&meta=fts(german).katze", want: `[{"id":1}]`},
		"a value inside JSON is searched": {
			target: "/captions?select=id&meta->>de=fts(german).katze", want: `[{"id":1}]`,
		},
		"tsvector is searched as it is":             {target: "/captions?select=id&words=fts(english).cats", want: `[{"id":1}]`},
		"a domain of tsvector is searched as it is": {target: "/captions?select=id&domain_words=fts(english).cats", want: `[{"id":1}]`},
		"an order with nulls and a limit":           {target: "/jobs?select=id&order=worker.desc.nullsfirst&limit=2", want: `[{"id":1},{"id":3}]`},
		"an order with nulls last and a range": {
			target: "/jobs?select=id&order=worker.nullslast", header: map[string]string{"Range": "1-2"}, status: 200, want: `[{"id":3},{"id":1}]`,
		},
	})
}

func TestV13Spread(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"one-to-many columns become arrays": {
			target: "/halls?select=name,...exhibits(title,worth)&exhibits.order=id&order=id",
			want: `[{"name":"Egypt","title":["Stele","Scarab"],"worth":[10,20]},{"name":"Greece","title":["Vase"],"worth":[5]},` +
				`{"name":"Attic","title":[],"worth":[]}]`,
		},
		"many-to-many columns become arrays": {
			target: "/guides?select=name,...halls(hall:name)&halls.order=name.desc&order=id",
			want:   `[{"name":"Iris","hall":["Greece","Egypt"]},{"name":"Nora","hall":["Egypt"]}]`,
		},
		"a spread of nothing gives nothing":             {target: "/halls?select=id,...exhibits()&id=eq.1", want: `[{"id":1}]`},
		"a spread of nothing in a spread gives nothing": {target: "/halls?select=id,...exhibits(...passports())&id=eq.1", want: `[{"id":1}]`},
		"aggregates that are off stay off in a spread": {
			target: "/exhibits?select=id,...halls(floor.sum())", status: 400, want: `~PGRST123`,
		},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.AggregatesEnabled = true }), map[string]call{
		"an aggregate of a spread to-one groups by the parent": {
			target: "/exhibits?select=...halls(name),worth.sum()&order=halls(name)", want: `[{"name":"Egypt","sum":30},{"name":"Greece","sum":5}]`,
		},
		"an aggregate in a nested spread groups by the fields at the top": {
			target: "/passports?select=stamp,...exhibits(...halls(floor.max()))", want: `[{"stamp":"EG","max":0}]`,
		},
		"count() in a spread": {
			target: "/exhibits?select=hall_id,...halls(count())&order=hall_id", want: `[{"hall_id":1,"count":2},{"hall_id":2,"count":1}]`,
		},
		"count() by another name in a spread": {
			target: "/exhibits?select=hall_id,...halls(n:count())&order=hall_id", want: `[{"hall_id":1,"n":2},{"hall_id":2,"n":1}]`,
		},
		"aggregates of a spread to-many are not possible": {
			target: "/halls?select=id,...exhibits(worth.sum())", status: 400, want: `~"code":"PGRST127"`,
		},
	})
}

func TestV13Headers(t *testing.T) {
	t.Parallel()
	length := func(n int) map[string]string { return map[string]string{"Content-Length": strconv.Itoa(n)} }
	run(t, museum(t, nil), map[string]call{
		"a proxy learns the error's code": {
			target: "/no_such", status: 404, want: `~PGRST205`, wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=PGRST205"},
		},
		"a proxy learns PostgreSQL's code": {
			target: "/halls?id=eq.x", status: 400, want: `~22P02`, wantHeader: map[string]string{"Proxy-Status": "PostgREST; error=22P02"},
		},
		"a success has no Proxy-Status":     {target: "/halls?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: map[string]string{"Proxy-Status": ""}},
		"the length of a read":              {target: "/halls?select=id&id=eq.1", want: `[{"id":1}]`, wantHeader: length(10)},
		"the length of a head":              {method: http.MethodHead, target: "/halls?select=id&id=eq.1", want: ``, wantHeader: map[string]string{"Content-Length": ""}},
		"the length of a function's answer": {target: "/rpc/same?a=12345", want: `12345`, wantHeader: length(5)},
		"the length of what was written": {
			method: http.MethodPost, target: "/lockers?select=number", body: `{"number":70}`, status: 201,
			header: map[string]string{"Prefer": "return=representation"}, want: `[{"number":70}]`, wantHeader: length(15),
		},
		"the length of an error": {
			target: "/rpc/scalar_text", header: map[string]string{"Accept": "text/xml"}, status: 406, want: `~PGRST107`, wantHeader: length(108),
		},
	})
}

func TestV13Errors(t *testing.T) {
	t.Parallel()
	object := map[string]string{"Accept": "application/vnd.pgrst.object"}
	run(t, museum(t, nil), map[string]call{
		"several rows are no single object": {
			target: "/halls", header: object, status: 406,
			want: `{"code":"PGRST116","message":"Cannot coerce the result to a single JSON object",` +
				`"details":"The result contains 3 rows","hint":null}`,
		},
		"a table that does not exist, with one that does": {
			target: "/exhibit", status: 404,
			want: `{"code":"PGRST205","message":"Could not find the table 'museum.exhibit' in the schema cache",` +
				`"details":null,"hint":"Perhaps you meant the table 'museum.exhibits'"}`,
		},
		"a table that does not exist cannot be written": {
			method: http.MethodPost, target: "/zzz", body: `{}`, status: 404,
			want: `{"code":"PGRST205","message":"Could not find the table 'museum.zzz' in the schema cache","details":null,"hint":null}`,
		},
		"a path that is none": {
			target: "/halls/1", status: 404,
			want: `{"code":"PGRST125","message":"Invalid path specified in request URL","details":null,"hint":null}`,
		},
		"a schema that is not served": {
			target: "/halls", header: map[string]string{"Accept-Profile": "vault"}, status: 406,
			want: `{"code":"PGRST106","message":"Invalid schema: vault","details":null,` +
				`"hint":"Only the following schemas are exposed: museum, annex"}`,
		},
		"an unnamed parameter takes the body": {
			method: http.MethodPost, target: "/rpc/whole_body", body: `{"any":1}`, want: `{"any":1}`,
		},
		"a preference for a single object is no more": {
			method: http.MethodPost, target: "/rpc/named_body", body: `{"data":{"a":1}}`,
			header: map[string]string{"Prefer": "params=single-object"}, want: `{"a":1}`, wantHeader: map[string]string{"Preference-Applied": ""},
		},
		"a preference for a single object is refused with strict handling": {
			method: http.MethodPost, target: "/rpc/named_body", body: `{"data":{"a":1}}`,
			header: map[string]string{"Prefer": "handling=strict, params=single-object"}, status: 400,
			want: `~Invalid preferences: params=single-object`,
		},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.OpenAPIMode = rest.OpenAPIDisabled }), map[string]call{
		"a root that describes nothing": {
			target: "/", status: 404,
			want: `{"code":"PGRST126","message":"Root endpoint metadata is disabled","details":null,"hint":null}`,
		},
	})
}

func TestV13Tokens(t *testing.T) {
	t.Parallel()
	bearer := func(text string) map[string]string { return map[string]string{"Authorization": "Bearer " + text} }
	run(t, museum(t, nil), map[string]call{
		"an empty token": {
			target: "/halls", header: map[string]string{"Authorization": "Bearer "}, status: 401,
			want:       `{"code":"PGRST301","message":"Empty JWT is sent in Authorization header","details":null,"hint":null}`,
			wantHeader: map[string]string{"Www-Authenticate": `~error="invalid_token"`},
		},
		"a token in two parts": {
			target: "/halls", header: bearer("a.b"), status: 401,
			want: `{"code":"PGRST301","message":"Expected 3 parts in JWT; got 2","details":null,"hint":null}`,
		},
		"a token that was signed by another": {
			target: "/halls", status: 401,
			header: bearer("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoiYW5vbiJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
			want:   `{"code":"PGRST301","message":"No suitable key or wrong key type","details":"None of the keys was able to decode the JWT","hint":null}`,
		},
		"a role that does not exist": {
			target: "/halls", role: "nobody_at_all", status: 401, want: `~role \"nobody_at_all\" does not exist`,
		},
		"a role of the token": {target: "/halls?select=id&id=eq.1", role: "authenticated", want: `[{"id":1}]`},
	})
	server := museum(t, nil)
	for name, test := range map[string]struct{ claims, want, challenge string }{
		"an expired token": {
			`{"exp":1}`, `{"code":"PGRST303","message":"JWT expired","details":null,"hint":null}`,
			`Bearer error="invalid_token", error_description="JWT expired"`,
		},
		"a token of later": {
			`{"nbf":99999999999}`, `{"code":"PGRST303","message":"JWT not yet valid","details":null,"hint":null}`,
			`Bearer error="invalid_token", error_description="JWT not yet valid"`,
		},
		"a claim of the wrong type": {
			`{"exp":"soon"}`, `{"code":"PGRST303","message":"The JWT 'exp' claim must be a number","details":null,"hint":null}`,
			`Bearer error="invalid_token", error_description="The JWT 'exp' claim must be a number"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := call{
				target: "/halls", header: bearer(signed(test.claims)), status: 401, want: test.want,
				wantHeader: map[string]string{"Www-Authenticate": test.challenge},
			}
			c.check(t, c.send(t, server))
		})
	}
}

// signed makes a token of claims that no honest issuer would write.
func signed(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

func TestV13Writes(t *testing.T) {
	t.Parallel()
	representation := map[string]string{"Prefer": "return=representation"}
	run(t, museum(t, nil), map[string]call{
		"order= sorts updated rows": {
			method: http.MethodPatch, target: "/lockers?select=number&number=lt.9&order=number.desc", body: `{"size":"q"}`,
			header: representation, want: `[{"number":3},{"number":2},{"number":1}]`,
		},
		"order= sorts deleted rows": {
			method: http.MethodDelete, target: "/lockers?select=number,owner&order=owner.desc&number=lt.9", header: representation,
			want: `[{"number":3,"owner":"cid"},{"number":2,"owner":"bea"},{"number":1,"owner":"ann"}]`,
		},
		"order= sorts inserted rows": {
			method: http.MethodPost, target: "/lockers?select=number&order=number.desc", body: `[{"number":21},{"number":22}]`,
			header: representation, status: 201, want: `[{"number":22},{"number":21}]`,
		},
		"order= with PUT": {
			method: http.MethodPut, target: "/lockers?select=number&number=eq.1&order=number", body: `{"number":1,"owner":"b","size":null}`,
			header: representation, want: `[{"number":1}]`,
		},
		"order= by a column that is not returned is PostgreSQL's error": {
			method: http.MethodDelete, target: "/lockers?select=number&order=owner", header: representation, status: 400,
			want: `~column lockers.owner does not exist`,
		},
		"order= by a key that is not selected": {
			method: http.MethodPatch, target: "/lockers?select=owner&number=lt.3&order=number.desc", body: `{"size":"q"}`,
			header: representation, want: `[{"owner":"bea"},{"owner":"ann"}]`,
		},
		"limit= does not limit what is updated": {
			method: http.MethodPatch, target: "/lockers?number=lt.9&limit=1&order=number", body: `{"size":"q"}`, status: 204,
			header: map[string]string{"Prefer": "count=exact"}, wantHeader: map[string]string{"Content-Range": "0-2/3"},
		},
		"max-affected refuses what a function returned": {
			method: http.MethodPost, target: "/rpc/close_halls", header: map[string]string{"Prefer": "handling=strict, max-affected=2"}, status: 400,
			want: `{"code":"PGRST124","message":"Query result exceeds max-affected preference constraint",` +
				`"details":"The query affects 3 rows","hint":null}`,
		},
		"max-affected needs a function that returns rows": {
			method: http.MethodPost, target: "/rpc/counted", body: `{"a":1}`, header: map[string]string{"Prefer": "handling=strict, max-affected=2"},
			status: 400, want: `~"code":"PGRST128"`,
		},
	})
}

func TestV13Functions(t *testing.T) {
	t.Parallel()
	run(t, museum(t, nil), map[string]call{
		"rows are filtered by a column that is not selected": {
			target: "/rpc/hall_report?select=name&floor=eq.1", want: `[{"name":"Greece"}]`,
		},
		"the rows of a table are filtered by a column that is not selected": {
			target: "/rpc/open_halls?select=name&floor=eq.1", want: `[{"name":"Greece"}]`,
		},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.PlanEnabled = true }), map[string]call{
		"a filter on a function's rows uses the table's index": {
			target: "/rpc/ledger_rows?id=eq.77", header: map[string]string{"Accept": "application/vnd.pgrst.plan+json"}, want: `~"Index Name": "ledger_pkey"`,
		},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.ExtraSearchPath = []string{"vault"} }), map[string]call{
		"the extra search path is searched": {target: "/rpc/try_lock", want: `"sesame"`},
	})
	run(t, museum(t, func(cfg *rest.Config) { cfg.ExtraSearchPath = []string{} }), map[string]call{
		"no extra search path": {target: "/rpc/my_setting?name=search_path", want: `"\"museum\""`},
	})
}

func TestV13OpenAPI(t *testing.T) {
	t.Parallel()
	server := museum(t, nil)
	body := (&call{target: "/"}).send(t, server).Body.String()
	for name, part := range map[string]struct{ after, want string }{
		"the link to the documentation":                     {`"externalDocs":`, `"url":"https://postgrest.org/en/`},
		"a domain of domains shows the type below them all": {`"amount":`, `"format":"integer","type":"integer"`},
		"a comment is that of the table, not of its oid":    {`"commented":`, `The comment of the table`},
		"a function that changes nothing has GET":           {`"/rpc/same":`, `"get":`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, rest, found := strings.Cut(body, part.after)
			if !found || !strings.Contains(rest[:min(len(rest), 400)], part.want) {
				t.Errorf("after %s: %q, want %s", part.after, rest[:min(len(rest), 400)], part.want)
			}
		})
	}
	t.Run("a function that may change things has no GET", func(t *testing.T) {
		t.Parallel()
		_, rest, _ := strings.Cut(body, `"/rpc/counted":`)
		rest, _, _ = strings.Cut(rest, `"/rpc/`)
		if !strings.Contains(rest, `"post":`) || strings.Contains(rest, `"get":`) {
			t.Errorf("%q", rest)
		}
	})
	t.Run("no preference lists no values at all", func(t *testing.T) {
		t.Parallel()
		if !strings.Contains(body, `"preferParams":`) || strings.Contains(body, `"enum":[]`) {
			t.Error("the preference for parameters is missing, or a list of values is empty")
		}
	})
	t.Run("a table whose oid another object has is listed once", func(t *testing.T) {
		t.Parallel()
		if n := strings.Count(body, `"/commented":`); n != 1 {
			t.Errorf("%d times", n)
		}
	})
}
