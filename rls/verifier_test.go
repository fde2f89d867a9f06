package rls_test

import (
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"nexus/rls"
	"nexus/schema/pgtest"
)

var (
	noSecret      = rls.Error{Status: 500, Code: "PGRST300", Message: "Server lacks JWT secret"}
	tokenRequired = rls.Error{
		Status: 401, Code: "PGRST302", Message: "Anonymous access is disabled", WWWAuthenticate: "Bearer",
	}
)

// exchange is what of a recorded exchange concerns us.
type exchange struct {
	ID      string      `json:"id"`
	Group   string      `json:"group"`
	Headers [][2]string `json:"headers"`
	Expect  struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"expect"`
}

// TestRecordedExchanges compares with what PostgREST answered to the same Authorization headers.
func TestRecordedExchanges(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", CacheEntries: 100})
	seen := 0
	for line := range strings.Lines(pgtest.Fixture(t, "exchanges.jsonl")) {
		if !strings.Contains(line, `"group":"jwt"`) {
			continue
		}
		var x exchange
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		seen++
		t.Run(x.ID, func(t *testing.T) { x.compare(t, v) })
	}
	if seen < 20 {
		t.Errorf("only %d exchanges", seen)
	}
}

func (x *exchange) compare(t *testing.T, v *rls.Verifier) {
	var authorization, challenge string
	for _, h := range x.Headers {
		if h[0] == "Authorization" {
			authorization = strings.TrimRight(h[1], " ") // as net/http does
		}
	}
	for _, h := range x.Expect.Headers {
		if h[0] == "www-authenticate" {
			challenge = h[1]
		}
	}
	var body struct {
		Role                string
		Code, Message       string
		Details, Hint, Path any
	}
	if err := json.Unmarshal([]byte(x.Expect.Body), &body); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(body.Code, "PGRST3") {
		got := *refusal(t, v, authorization)
		want := rls.Error{
			Status: x.Expect.Status, Code: body.Code, Message: body.Message, Details: body.Details, Hint: body.Hint,
			WWWAuthenticate: challenge,
		}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		return
	}
	identity, err := v.Authenticate(t.Context(), authorization)
	if err != nil {
		t.Fatal(err)
	}
	switch { // errors of PostgreSQL show which role was tried
	case body.Code == "" && identity.Role != body.Role,
		body.Code != "" && !strings.Contains(body.Message, `role "`+identity.Role+`"`):
		t.Errorf("role %q, but PostgREST answered %s", identity.Role, x.Expect.Body)
	}
}

func TestMalformedTokens(t *testing.T) {
	t.Parallel()
	hs256 := hmacSigner(secret, sha256.New)
	const header, payload = `{"alg":"HS256"}`, `{"role":"r"}`
	good := hs256.token(t, header, payload)
	head, rest, _ := strings.Cut(good, ".")
	unsecured := badToken("Wrong or unsupported encoding algorithm", "JWT is unsecured but expected 'alg' was not 'none'")
	parts := func(n string) rls.Error { return badToken("Expected 3 parts in JWT; got "+n, nil) }
	empty := badToken("Empty JWT is sent in Authorization header", nil)
	for name, c := range map[string]struct {
		authorization string
		want          rls.Error
	}{
		"scheme alone":              {"Bearer", empty},
		"scheme and spaces":         {"bearer  \t", empty},
		"one part":                  {"Bearer x", parts("1")},
		"spaces inside":             {"Bearer some random bytes", parts("1")},
		"two parts":                 {"Bearer a.b", parts("2")},
		"four parts":                {"Bearer a.b.c.d", parts("4")},
		"five parts, encrypted":     {"Bearer a.b.c.d.e", parts("5")},
		"only dots":                 {"Bearer ..", badCrypto},
		"header is no base64":       {"Bearer §." + rest, badCrypto},
		"header is padded":          {"Bearer " + head + "=." + rest, badCrypto},
		"line end in header":        {"Bearer " + head[:4] + "\n" + head[4:] + "." + rest, badCrypto},
		"header is no JSON":         {"Bearer " + hs256.token(t, `alg`, payload), badCrypto},
		"header is null":            {"Bearer " + hs256.token(t, `null`, payload), badCrypto},
		"header is an array":        {"Bearer " + hs256.token(t, `["HS256"]`, payload), badCrypto},
		"header with a rest":        {"Bearer " + hs256.token(t, header+`{}`, payload), badCrypto},
		"no algorithm":              {"Bearer " + hs256.token(t, `{}`, payload), badCrypto},
		"algorithm is a number":     {"Bearer " + hs256.token(t, `{"alg":256}`, payload), badCrypto},
		"unknown algorithm":         {"Bearer " + hs256.token(t, `{"alg":"HS1"}`, payload), badCrypto},
		"algorithm in lower case":   {"Bearer " + hs256.token(t, `{"alg":"hs256"}`, payload), badCrypto},
		"member in upper case":      {"Bearer " + hs256.token(t, `{"ALG":"HS256"}`, payload), badCrypto},
		"type is a number":          {"Bearer " + hs256.token(t, `{"alg":"HS256","typ":1}`, payload), badCrypto},
		"key id is a number":        {"Bearer " + hs256.token(t, `{"alg":"HS256","kid":1}`, payload), badCrypto},
		"encrypted":                 {"Bearer " + hs256.token(t, `{"alg":"HS256","enc":"A128GCM"}`, payload), badCrypto},
		"unknown extension":         {"Bearer " + hs256.token(t, `{"alg":"HS256","crit":["exp"],"exp":1}`, payload), badCrypto},
		"unencoded payload":         {"Bearer " + hs256.token(t, `{"alg":"HS256","crit":["b64"],"b64":false}`, payload), badCrypto},
		"payload is no base64":      {"Bearer " + head + ".!." + encode([]byte("s")), badCrypto},
		"signature is no base64":    {"Bearer " + good + "!", badCrypto},
		"signature is padded":       {"Bearer " + good + "=", badCrypto},
		"no signature":              {"Bearer " + good[:strings.LastIndexByte(good, '.')+1], wrongKey},
		"signature cut":             {"Bearer " + good[:len(good)-4], wrongKey},
		"none":                      {"Bearer " + hs256.token(t, `{"alg":"none"}`, payload), unsecured},
		"none without a signature":  {"Bearer " + encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(payload)) + ".", unsecured},
		"none with a bad payload":   {"Bearer " + encode([]byte(`{"alg":"none"}`)) + ".!.", badCrypto},
		"none capitalized":          {"Bearer " + hs256.token(t, `{"alg":"None"}`, payload), badCrypto},
		"none beside HS256":         {"Bearer " + hs256.token(t, `{"alg":"HS256","Alg":"none","alg":"none"}`, payload), unsecured},
		"another secret":            {"Bearer " + hmacSigner(secret+"!", sha256.New).token(t, header, payload), wrongKey},
		"empty secret":              {"Bearer " + hmacSigner("", sha256.New).token(t, header, payload), wrongKey},
		"algorithm of another key":  {"Bearer " + hs256.token(t, `{"alg":"RS256"}`, payload), unknownKey},
		"longer hash":               {"Bearer " + hs256.token(t, `{"alg":"HS512"}`, payload), unknownKey},
		"key that nobody knows":     {"Bearer " + hs256.token(t, `{"alg":"HS256","kid":"k"}`, payload), unknownKey},
		"payload is empty":          {"Bearer " + hs256.token(t, header, ``), badClaims("Parsing claims failed")},
		"payload is null":           {"Bearer " + hs256.token(t, header, `null`), badClaims("Parsing claims failed")},
		"payload is a string":       {"Bearer " + hs256.token(t, header, `"role"`), badClaims("Parsing claims failed")},
		"payload with a rest":       {"Bearer " + hs256.token(t, header, payload+`}`), badClaims("Parsing claims failed")},
		"payload twice":             {"Bearer " + hs256.token(t, header, payload+payload), badClaims("Parsing claims failed")},
		"payload is not UTF-8":      {"Bearer " + hs256.token(t, header, "{\"role\":\"\xff\"}"), badClaims("Parsing claims failed")},
		"role that cannot be named": {"Bearer " + hs256.token(t, header, `{"role":"a\u0000b"}`), badClaims("Parsing claims failed")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", CacheEntries: 10})
			for range 2 { // the second may come from the cache
				if got := *refusal(t, v, c.authorization); got != c.want {
					t.Errorf("got  %+v\nwant %+v", got, c.want)
				}
			}
		})
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const now = 1_700_000_000
	expired, notYet, future := badClaims("JWT expired"), badClaims("JWT not yet valid"), badClaims("JWT issued at future")
	notForUs := badClaims("JWT not in audience")
	audType := badClaims("The JWT 'aud' claim must be a string or an array of strings")
	numeric := func(name string) rls.Error { return badClaims("The JWT '" + name + "' claim must be a number") }
	for claims, want := range map[string]rls.Error{
		`{"exp":1700000100}`:           {},
		`{"exp":1699999970}`:           {}, // 30 seconds ago
		`{"exp":1699999969}`:           expired,
		`{"exp":1.699999969e9}`:        expired,
		`{"exp":1699999969.9}`:         expired,
		`{"exp":1699999970.1}`:         {},
		`{"exp":0}`:                    expired,
		`{"exp":-1e99}`:                expired,
		`{"exp":1e99}`:                 {},
		`{"exp":1e999}`:                {},
		`{"exp":99999999999999999999}`: {},
		`{"exp":null}`:                 {},
		`{"EXP":0}`:                    {},
		`{"exp":"1700000100"}`:         numeric("exp"),
		`{"exp":[1700000100]}`:         numeric("exp"),
		`{"exp":false}`:                numeric("exp"),
		`{"nbf":1700000030}`:           {},
		`{"nbf":1700000031}`:           notYet,
		`{"nbf":1700000031.5}`:         notYet,
		`{"nbf":1e999}`:                notYet,
		`{"nbf":-1e999}`:               {},
		`{"nbf":null}`:                 {},
		`{"nbf":{}}`:                   numeric("nbf"),
		`{"iat":1700000030}`:           {},
		`{"iat":1700000031}`:           future,
		`{"iat":""}`:                   numeric("iat"),
		`{"aud":"us"}`:                 {},
		`{"aud":"them"}`:               notForUs,
		`{"aud":""}`:                   notForUs,
		`{"aud":"US"}`:                 notForUs,
		`{"aud":["us"]}`:               {},
		`{"aud":["them","us"]}`:        {},
		`{"aud":["them"]}`:             notForUs,
		`{"aud":[]}`:                   {},
		`{"aud":null}`:                 {},
		`{"aud":5}`:                    audType,
		`{"aud":{"us":true}}`:          audType,
		`{"aud":["us",1]}`:             audType,
		`{"aud":["us",null]}`:          audType,
		`{"exp":0,"nbf":"x"}`:          expired, // the first fault counts
		`{"exp":"x","nbf":9999999999}`: numeric("exp"),
		`{"nbf":9999999999,"iat":"x"}`: notYet,
		`{"iat":9999999999,"aud":5}`:   future,
		`{"exp":1700000100,"nbf":1,"iat":1,"aud":[1]}`: audType,
	} {
		t.Run(claims, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{
				Secret: []byte(secret), Audience: "us", AnonRole: "anon", CacheEntries: 10,
				Clock: func() time.Time { return time.Unix(now, 999_999_999) },
			})
			token := hmacSigner(secret, sha256.New).token(t, `{"alg":"HS256"}`, claims)
			for range 2 {
				if want == (rls.Error{}) {
					authenticate(t, v, token)
				} else if got := *refusal(t, v, "Bearer "+token); got != want {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
		})
	}
}

func TestAnyAudience(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
	sign := hmacSigner(secret, sha256.New)
	for _, claims := range []string{`{"aud":"a"}`, `{"aud":""}`, `{"aud":["a","b"]}`, `{"aud":[]}`, `{"aud":null}`, `{}`} {
		authenticate(t, v, sign.token(t, `{"alg":"HS256"}`, claims))
	}
	// The type is checked all the same.
	want := badClaims("The JWT 'aud' claim must be a string or an array of strings")
	if got := *refusal(t, v, "Bearer "+sign.token(t, `{"alg":"HS256"}`, `{"aud":1}`)); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	sign := hmacSigner(secret, sha256.New)
	for payload, want := range map[string]rls.Identity{
		`{"role":"author","sub":"u1"}`: {Role: "author", Subject: "u1", Claims: `{"role":"author","sub":"u1"}`},
		`{"sub":7}`:                    {Role: "anon", Claims: `{"role":"anon","sub":7}`},
		`{}`:                           {Role: "anon", Claims: `{"role":"anon"}`},
		`{"role":null}`:                {Role: "null", Claims: `{"role":"null"}`},
		`{"role":12.0}`:                {Role: "12.0", Claims: `{"role":"12.0"}`},
		`{"role":{"a":["<&>"]}}`:       {Role: `{"a":["<&>"]}`, Claims: `{"role":"{\"a\":[\"<&>\"]}"}`},
		`{"role":""}`:                  {Role: "", Claims: `{"role":""}`},
		`{"role":"r","n":12345678901234567890.10,"s":"<a href=\"é\">\u0000"}`: {
			Role: "r", Claims: `{"n":12345678901234567890.10,"role":"r","s":"<a href=\"é\">\u0000"}`,
		},
	} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
			if got := *authenticate(t, v, sign.token(t, `{"alg":"HS256"}`, payload)); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	token := hmacSigner(secret, sha256.New).token(t, `{"alg":"HS256"}`, `{"role":"r"}`)
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
	for authorization, want := range map[string]string{
		"Bearer " + token:       "r",
		"bearer " + token:       "r",
		"BEARER \t  " + token:   "r",
		"Bearer\t" + token:      "r",
		"":                      "anon",
		"Basic YTpi":            "anon",
		"Bearer:" + token:       "anon",
		"Bearers " + token:      "anon",
		" Bearer " + token:      "anon",
		"Basic Bearer " + token: "anon",
		token:                   "anon",
	} {
		identity, err := v.Authenticate(t.Context(), authorization)
		if err != nil || identity.Role != want || identity.Anonymous != (want == "anon") {
			t.Errorf("%q: got %+v, %v; want %q", authorization, identity, err, want)
		}
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	allowed := newVerifier(t, rls.VerifierConfig{AnonRole: `web "anon"`})
	identity, err := allowed.Authenticate(t.Context(), "")
	want := rls.Identity{Role: `web "anon"`, Claims: `{"role":"web \"anon\""}`, Anonymous: true}
	if err != nil || !reflect.DeepEqual(*identity, want) {
		t.Errorf("got %+v, %v", identity, err)
	}
	disabled := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), CacheEntries: 10})
	if got := *refusal(t, disabled, ""); got != tokenRequired {
		t.Errorf("without a token: got %+v", got)
	}
	roleless := hmacSigner(secret, sha256.New).token(t, `{"alg":"HS256"}`, `{"sub":"x"}`)
	if got := *refusal(t, disabled, "Bearer "+roleless); got != tokenRequired {
		t.Errorf("without a role: got %+v", got)
	}
}

func TestNoSecret(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, rls.VerifierConfig{AnonRole: "anon"})
	for _, authorization := range []string{"Bearer", "Bearer x", "Bearer a.b.c"} {
		if got := *refusal(t, v, authorization); got != noSecret {
			t.Errorf("%q: got %+v", authorization, got)
		}
	}
}
