package rest_test

import (
	"encoding/json"
	"testing"
	"time"

	"nexus/engine/rest"
	"nexus/rls"
)

// bearerOf sends a token of these claims, as they are.
func bearerOf(t *testing.T, claims map[string]any) map[string]string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Authorization": "Bearer " + signed(string(payload))}
}

// authServer serves the harbour with a verifier of its own.
func authServer(t *testing.T, cfg rls.VerifierConfig) *rest.Handler {
	t.Helper()
	opts := harbourOptions(t, nil)
	cfg.Secret, cfg.AnonRole = []byte(secret), "anon"
	verifier, err := rls.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	opts.Verifier = func() *rls.Verifier { return verifier }
	return rest.New(opts)
}

func TestReferenceAuthRoles(t *testing.T) {
	t.Parallel()
	bearer := token(t, "authenticated", nil)
	run(t, harbour(t, nil), map[string]call{
		"a token's role is taken":            {target: "/rpc/who", role: "authenticated", want: `"authenticated authenticator"`},
		"without a token the anonymous one":  {target: "/rpc/who", want: `"anon authenticator"`},
		"with a token that names none":       {target: "/rpc/who", header: bearerOf(t, map[string]any{"sub": "1"}), want: `"anon authenticator"`},
		"the scheme in small letters":        {target: "/rpc/who", header: map[string]string{"Authorization": "bearer " + bearer}, want: `"authenticated authenticator"`},
		"another scheme is no token":         {target: "/rpc/who", header: map[string]string{"Authorization": "Basic " + bearer}, want: `"anon authenticator"`},
		"a role that may not be taken":       {target: "/rpc/who", role: "postgres", status: 403, want: `~"code":"42501"`},
		"a role that does not exist":         {target: "/rpc/who", role: "no_one", status: 401, want: `~"code":"22023"`},
		"what the role may not read is told": {target: "/safe", role: "authenticated", status: 403, want: `~permission denied for table safe`},
	})
}

func TestReferenceAuthFailures(t *testing.T) {
	t.Parallel()
	bad := func(text string) map[string]string { return map[string]string{"Authorization": "Bearer " + text} }
	invalid := func(message string) map[string]string {
		return map[string]string{"Www-Authenticate": `Bearer error="invalid_token", error_description="` + message + `"`}
	}
	failed := func(header map[string]string, code, message, details string) failure {
		return failure{target: "/docks", header: header, status: 401, code: code, message: message, details: details, wantHeader: invalid(message)}
	}
	foreign, err := rls.Issue([]byte("another-secret-of-at-least-32-bytes!!"), "authenticated", nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	const wrongKey = "No suitable key or wrong key type"
	past, future := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	runFailures(t, authServer(t, rls.VerifierConfig{Audience: "harbour"}), map[string]failure{
		"PGRST301 of no token":       failed(bad(""), "PGRST301", "Empty JWT is sent in Authorization header", ""),
		"PGRST301 of one part":       failed(bad("abc"), "PGRST301", "Expected 3 parts in JWT; got 1", ""),
		"PGRST301 of another secret": failed(bad(foreign), "PGRST301", wrongKey, `"None of the keys was able to decode the JWT"`),
		"PGRST303 expired":           failed(bearerOf(t, map[string]any{"exp": past}), "PGRST303", "JWT expired", ""),
		"PGRST303 not yet valid":     failed(bearerOf(t, map[string]any{"nbf": future}), "PGRST303", "JWT not yet valid", ""),
		"PGRST303 issued later":      failed(bearerOf(t, map[string]any{"iat": future}), "PGRST303", "JWT issued at future", ""),
		"PGRST303 for someone else":  failed(bearerOf(t, map[string]any{"aud": "airport"}), "PGRST303", "JWT not in audience", ""),
		"PGRST303 for some others":   failed(bearerOf(t, map[string]any{"aud": []string{"a", "b"}}), "PGRST303", "JWT not in audience", ""),
		"PGRST303 exp of words":      failed(bearerOf(t, map[string]any{"exp": "soon"}), "PGRST303", "The JWT 'exp' claim must be a number", ""),
		"PGRST303 nbf of words":      failed(bearerOf(t, map[string]any{"nbf": "soon"}), "PGRST303", "The JWT 'nbf' claim must be a number", ""),
		"PGRST303 iat of words":      failed(bearerOf(t, map[string]any{"iat": "soon"}), "PGRST303", "The JWT 'iat' claim must be a number", ""),
		"PGRST303 aud of a number":   failed(bearerOf(t, map[string]any{"aud": 5}), "PGRST303", "The JWT 'aud' claim must be a string or an array of strings", ""),
	})
}

func TestReferenceAuthClaims(t *testing.T) {
	t.Parallel()
	passes := func(claims map[string]any) call {
		claims["role"] = "authenticated"
		return call{target: "/rpc/who", header: bearerOf(t, claims), want: `"authenticated authenticator"`}
	}
	const now = 1_800_000_000
	stopped := func() time.Time { return time.Unix(now, 0) } // the test may have to wait for others
	run(t, authServer(t, rls.VerifierConfig{Audience: "harbour", Clock: stopped}), map[string]call{
		"expired 30 seconds ago":   passes(map[string]any{"exp": now - 30}),
		"valid within 30 seconds":  passes(map[string]any{"nbf": now + 30}),
		"issued within 30 seconds": passes(map[string]any{"iat": now + 30}),
		"the audience":             passes(map[string]any{"aud": "harbour"}),
		"one of the audience":      passes(map[string]any{"aud": []string{"airport", "harbour"}}),
		"no audience":              passes(map[string]any{}),
		"a null audience":          passes(map[string]any{"aud": nil}),
		"an empty audience":        passes(map[string]any{"aud": []string{}}),
	})
	run(t, authServer(t, rls.VerifierConfig{}), map[string]call{
		"any audience, if none is set": passes(map[string]any{"aud": "airport"}),
	})
}

func TestReferenceAuthRolePath(t *testing.T) {
	t.Parallel()
	claims := map[string]any{
		"postgrest": map[string]any{"roles": []string{"other", "authenticated"}}, "https://example.com/role": map[string]any{"key": "authenticated"},
	}
	for _, path := range []string{
		`.postgrest.roles[1]`, `."https://example.com/role".key`, `.postgrest.roles[?(@ == "authenticated")]`, `.postgrest.roles[?(@ != "other")]`,
		`.postgrest.roles[?(@ ^== "auth")]`, `.postgrest.roles[?(@ ==^ "ated")]`, `.postgrest.roles[?(@ *== "thent")]`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := call{target: "/rpc/who", header: bearerOf(t, claims), want: `"authenticated authenticator"`}
			c.check(t, c.send(t, authServer(t, rls.VerifierConfig{RoleClaimKey: path})))
		})
	}
}
