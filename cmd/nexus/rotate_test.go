package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"nexus/engine"
)

// TestRotate rotates the keys of a running server as an operator does: nobody is logged out until a key is dropped.
func TestRotate(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	k := p.keys()
	mint := func() string { return strings.TrimSpace(output(t, p.dir, "token", "--role", "service_role")) }
	status := func(token string) int {
		got, err := send(t.Context(), http.MethodGet, k.URL+"/rest/v1/", k.AnonKey, token, "")
		if err != nil {
			t.Error(err)
		}
		return got.status
	}
	tokens := []string{k.AnonKey, k.ServiceRoleKey, mint()}
	var made []string
	for _, args := range [][]string{{}, {"--alg", "RS256"}, {"--alg", "HS256"}} {
		made = append(made, strings.TrimSpace(output(t, p.dir, append([]string{"keys", "rotate"}, args...)...)))
		token := mint()
		tokens = append(tokens, token)
		p.poll("the new key is taken up", func() bool { return status(token) == http.StatusOK })
		for i, token := range tokens {
			if got := status(token); got != http.StatusOK {
				t.Errorf("after %v token %d gets %d", args, i, got)
			}
		}
	}
	if after := p.keys(); after != k {
		t.Error("nexus keys changed with the rotation")
	}
	lines := strings.Split(output(t, p.dir, "keys", "list"), "\n")
	for i, want := range [][]string{
		{"KID", "ALG", "STATE", "CREATED"},
		{made[2], "HS256", "current"},
		{made[1], "RS256", "previous"},
		{made[0], "ES256", "previous"},
		{"(jwt_secret)", "HS256", "previous"},
		nil,
	} {
		if got := strings.Fields(lines[i]); strings.Join(got[:min(len(got), len(want))], " ") != strings.Join(want, " ") {
			t.Errorf("line %d of nexus keys list is %q, want %v", i, lines[i], want)
		}
	}
	listed := output(t, p.dir, "keys", "list", "--json")
	var all []engine.SigningKey
	dec := json.NewDecoder(strings.NewReader(listed))
	dec.DisallowUnknownFields() // such as the private part
	if err := dec.Decode(&all); err != nil || len(all) != 4 || all[2].ID != made[0] {
		t.Errorf("nexus keys list --json: %v\n%s", err, listed)
	}

	if out := output(t, p.dir, "keys", "rotate", "--drop", made[0]); out != "" {
		t.Errorf("dropping prints %q", out)
	}
	p.poll("the dropped key's token is refused", func() bool { return status(tokens[3]) == http.StatusUnauthorized })
	for i, token := range append(tokens[:3:3], tokens[4:]...) {
		if got := status(token); got != http.StatusOK {
			t.Errorf("token %d gets %d after another key was dropped", i, got)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--drop", made[2]}, "current"},
		{[]string{"--drop", made[0]}, "no signing key"},
		{[]string{"--drop", ""}, "no signing key"},
		{[]string{"--alg", "none"}, "HS256, ES256 or RS256"},
		{[]string{"--alg", "ES256", "--drop", made[1]}, "alg drop"},
		{[]string{"--jwt-secret", strings.Repeat("s", 32)}, "jwt-secret"},
		{[]string{"--jwks-url", "https://issuer.example/jwks"}, "jwks-url"},
		{[]string{"now"}, "unknown command"},
	} {
		out, err := nexus(t.Context(), t, p.dir, append([]string{"keys", "rotate"}, c.args...)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(string(out), c.want) {
			t.Errorf("nexus keys rotate %q: %v, %s; want %q", c.args, err, out, c.want)
		}
	}
	if got := output(t, p.dir, "keys", "list", "--json"); strings.Count(got, "kid") != 2 {
		t.Errorf("what was refused left\n%s", got)
	}
	p.stop()
	again := start(t, p.dir)
	again.want(http.MethodGet, "/rest/v1/", tokens[5], "", http.StatusOK, "swagger")
	again.want(http.MethodGet, "/rest/v1/", tokens[3], "", http.StatusUnauthorized, "PGRST301")
}
