package rls_test

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"nexus/rls"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	issued := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		claims map[string]any
		ttl    time.Duration
		want   string
	}{
		"plain":        {nil, time.Hour, `{"exp":1700003600,"iat":1700000000,"role":"author"}`},
		"for ever":     {nil, 0, `{"iat":1700000000,"role":"author"}`},
		"with claims":  {object{"sub": "u<1>", "org": 7, "tags": []string{"a"}}, time.Second, `{"exp":1700000001,"iat":1700000000,"org":7,"role":"author","sub":"u<1>","tags":["a"]}`},
		"own win":      {object{"role": "admin", "exp": 1, "iat": 1}, time.Hour, `{"exp":1700003600,"iat":1700000000,"role":"author"}`},
		"exp is taken": {object{"exp": 4102444800}, 0, `{"exp":4102444800,"iat":1700000000,"role":"author"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(c.claims)
			token, err := rls.Issue([]byte(secret), "author", c.claims, issued, c.ttl)
			if err != nil {
				t.Fatal(err)
			}
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), Clock: func() time.Time { return issued }})
			if got := authenticate(t, v, token); got.Claims != c.want || got.Role != "author" {
				t.Errorf("got %+v, want %s", got, c.want)
			}
			if len(before) != len(c.claims) || before["role"] != c.claims["role"] {
				t.Errorf("the caller's claims were changed: %v", c.claims)
			}
		})
	}
}

func TestIssuedTokensExpire(t *testing.T) {
	t.Parallel()
	token, err := rls.Issue([]byte(secret), "author", nil, time.Now().Add(-2*time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret)})
	if got := *refusal(t, v, "Bearer "+token); got != badClaims("JWT expired") {
		t.Errorf("got %+v", got)
	}
}

func TestIssuedHeader(t *testing.T) {
	t.Parallel()
	token, err := rls.Issue([]byte(secret), "author", nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(token, ".")
	var got map[string]string
	if err := json.Unmarshal(decode(t, head), &got); err != nil || !maps.Equal(got, map[string]string{"alg": "HS256", "typ": "JWT"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	if _, err := rls.Issue([]byte("short"), "r", nil, time.Now(), 0); !errors.Is(err, rls.ErrShortSecret) {
		t.Errorf("short secret: %v", err)
	}
	if token, err := rls.Issue([]byte(secret), "r", object{"f": func() {}}, time.Now(), 0); err == nil {
		t.Errorf("claims without a JSON form: %s", token)
	}
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 100 {
		s := rls.NewSecret()
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`).MatchString(s) || seen[s] {
			t.Fatalf("got %q", s)
		}
		seen[s] = true
	}
}
