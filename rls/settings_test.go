package rls_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"nexus/rls"
	"nexus/schema"
	"nexus/schema/pgtest"
)

func TestSettingsOrder(t *testing.T) {
	t.Parallel()
	got := rls.Settings(&rls.Identity{Role: "author", Claims: `{"role":"author"}`}, &rls.Facts{
		SearchPath: []string{"api", `we"ird`, "public"}, Method: "PATCH", Path: "/todos%20x", Host: "example.com:3000",
		Header: http.Header{
			"Accept": {"*/*"}, "Cookie": {"a=1; b=2"}, "X-Twice": {"first", "last"}, "X-Nothing": nil, "X-Empty": {""},
		},
		Timezone:         "America/Los_Angeles",
		RoleSettings:     []schema.Setting{{Name: "statement_timeout", Value: "5s"}},
		FunctionSettings: []schema.Setting{{Name: "work_mem", Value: "8MB"}},
		AppSettings:      []schema.Setting{{Name: "app.settings.a", Value: "1"}, {Name: "app.settings.b", Value: "2"}},
	})
	want := []schema.Setting{
		{Name: "search_path", Value: `"api", "we""ird", "public"`},
		{Name: "statement_timeout", Value: "5s"},
		{Name: "role", Value: "author"},
		{Name: "request.jwt.claims", Value: `{"role":"author"}`},
		{Name: "request.method", Value: "PATCH"},
		{Name: "request.path", Value: "/todos%20x"},
		{Name: "request.headers", Value: `{"host":"example.com:3000","accept":"*/*","x-empty":"","x-twice":"last"}`},
		{Name: "request.cookies", Value: `{"a":"1","b":"2"}`},
		{Name: "timezone", Value: "America/Los_Angeles"},
		{Name: "work_mem", Value: "8MB"},
		{Name: "app.settings.a", Value: "1"},
		{Name: "app.settings.b", Value: "2"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// valueOf returns one setting of a request with a header.
func valueOf(t testing.TB, name string, header http.Header) string {
	t.Helper()
	for _, s := range rls.Settings(&rls.Identity{}, &rls.Facts{Header: header}) {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no setting %s", name)
	return ""
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                     `{}`,
		"a=1":                  `{"a":"1"}`,
		"a=1;":                 `{"a":"1"}`,
		"a=1;b=2;   c=3":       `{"a":"1","b":"2","c":"3"}`,
		"a=1; b=2; a=3":        `{"a":"3","b":"2"}`,
		"a":                    `{"a":""}`,
		"a=b=c==":              `{"a":"b=c=="}`,
		`a="quoted; b=2`:       `{"a":"\"quoted","b":"2"}`,
		"a = 1 ;b=2":           `{"a ":" 1 ","b":"2"}`,
		"=x; y=1":              `{"":"x","y":"1"}`,
		"a=%20+é":              `{"a":"%20+é"}`,
		"a=\xff\xfe":           `{"a":"��"}`,
		"a=\x01\t\\\x7f\u2028": `{"a":"\u0001\u0009\\\u007f` + "\u2028" + `"}`,
	} {
		if got := valueOf(t, "request.cookies", http.Header{"Cookie": {header}}); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
	if got := valueOf(t, "request.cookies", http.Header{"Cookie": {"a=1", "b=2"}}); got != `{"a":"1"}` {
		t.Errorf("the first header counts: got %s", got)
	}
}

// TestSettingsReachPostgreSQL sets them as requests do and reads them with SQL.
func TestSettingsReachPostgreSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, pgtest.Fixture(t, "fixture.sql"))
	conn, err := pgx.Connect(t.Context(), database.URLAs("authenticator"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
	identity := authenticate(t, v, sign(t, `{"role":"authenticated","organization_id":1,"s":"a\u0001\"b\\\ud83d\ude00"}`))
	settings := rls.Settings(identity, &rls.Facts{
		SearchPath: []string{"shop", `it's "odd"`}, Method: "GET", Path: "/a'b", Host: "h",
		Header: http.Header{
			"X-Hostile": {"'; drop table x; -- \\ \" \xff \x01 \u2028 😀"}, "Cookie": {"sid='\\\"; lang=ар"},
			"User-Agent": {"test"},
		},
		Timezone:     "Asia/Tokyo",
		RoleSettings: []schema.Setting{{Name: "statement_timeout", Value: "7s"}},
		AppSettings:  []schema.Setting{{Name: "app.settings.key", Value: `va'l"ue`}},
	})
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if _, err := tx.Exec(t.Context(), "select set_config($1, $2, true)", s.Name, s.Value); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
	}
	for sql, want := range map[string]string{
		"select current_user": "authenticated",
		"select array_to_string(current_schemas(false), ',')":                               "shop",
		"select current_setting('search_path')":                                             `"shop", "it's ""odd"""`,
		"select current_setting('timezone')":                                                "Asia/Tokyo",
		"select current_setting('statement_timeout')":                                       "7s",
		"select current_setting('request.method')":                                          "GET",
		"select current_setting('request.path')":                                            "/a'b",
		"select current_setting('request.jwt.claims')::json->>'role'":                       "authenticated",
		"select (current_setting('request.jwt.claims')::json->>'organization_id')::int + 1": "2",
		"select current_setting('request.jwt.claims')::json->'s'":                           `"a\u0001\"b\\😀"`,
		"select current_setting('request.headers')::json->>'x-hostile'":                     "'; drop table x; -- \\ \" \ufffd \x01 \u2028 😀",
		"select current_setting('request.headers')::json->>'user-agent'":                    "test",
		"select coalesce(current_setting('request.headers')::json->>'cookie', 'none')":      "none",
		"select current_setting('request.cookies')::json->>'sid'":                           `'\"`,
		"select current_setting('request.cookies')::json->>'lang'":                          "ар",
		"select current_setting('app.settings.key')":                                        `va'l"ue`,
	} {
		var got string
		if err := tx.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", sql, got, err, want)
		}
	}
}

func FuzzRequestFacts(f *testing.F) {
	f.Add("X-A", "v", "a=1; b=2")
	f.Add("X-\xff", "\"\\\x00\x1f", "=;;a;a=;\xf0\x9f\x98")
	f.Add("Host", "\u2028", "\x7f")
	f.Fuzz(func(t *testing.T, name, value, cookies string) {
		header := http.Header{name: {value}, "Cookie": {cookies}}
		var got map[string]string
		for _, setting := range []string{"request.headers", "request.cookies"} {
			text := valueOf(t, setting, header)
			got = nil
			if err := json.Unmarshal([]byte(text), &got); err != nil || got == nil {
				t.Fatalf("%s: %q: %v", setting, text, err)
			}
			if strings.Contains(text, "\x00") || !utf8.ValidString(text) {
				t.Errorf("%s: PostgreSQL does not take %q", setting, text)
			}
			if setting == "request.headers" && name != "Cookie" {
				want := map[string]string{strings.ToValidUTF8(strings.ToLower(name), "\ufffd"): ""}
				if len(got) != len(want) {
					t.Errorf("headers %v", got)
				}
				if plain := strings.ToValidUTF8(value, ""); plain == value && !slices.Contains(slices.Collect(maps.Values(got)), value) {
					t.Errorf("%q is lost in %q", value, text)
				}
			}
		}
	})
}

// usualFacts are those of a request that a browser sends.
func usualFacts() (*rls.Identity, *rls.Facts) {
	identity := &rls.Identity{Role: "authenticated", Claims: `{"role":"authenticated","sub":"11f1b1a6-2f4e-4c62-b4a1-3c9b3b1f9f10"}`}
	facts := &rls.Facts{
		SearchPath: []string{"public", "extensions"}, Method: "GET", Path: "/todos", Host: "localhost:8000",
		Header: http.Header{
			"Accept": {"application/json"}, "Accept-Encoding": {"gzip, deflate, br"}, "Accept-Language": {"en-US,en;q=0.9"},
			"Apikey": {strings.Repeat("k", 200)}, "Authorization": {"Bearer " + strings.Repeat("t", 600)},
			"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}, "X-Client-Info": {"supabase-js/2.45.0"},
			"Origin": {"https://app.example.com"}, "Referer": {"https://app.example.com/"}, "Content-Profile": {"public"},
		},
	}
	return identity, facts
}

func BenchmarkSettings(b *testing.B) {
	identity, facts := usualFacts()
	b.ReportAllocs()
	for b.Loop() {
		if got := rls.Settings(identity, facts); len(got) != 7 {
			b.Fatal(fmt.Sprint(got))
		}
	}
}
