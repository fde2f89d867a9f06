package rls_test

import (
	"slices"
	"testing"
	"time"

	"nexus/rls"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	const user, organization, key = "9f0c7c05-9c1c-4e9b-8c0c-2f1c3f4d5e6f", "5b0e3c1c-0a51-4c0e-9a8e-b7d9d3f2a1c0", "0d9e2b8e-7a52-4f5e-8a4f-7f4d0e7f3a11"
	now := time.Now()
	agent := func(change func(object)) object {
		claims := rls.AgentClaims(user, organization, key, []rls.Scope{rls.ScopeRead})
		if change != nil {
			change(claims)
		}
		return claims
	}
	meta := func(claims object) object { return claims["app_metadata"].(object) }
	for name, c := range map[string]struct {
		role    string
		claims  object
		ttl     time.Duration
		want    rls.Caller
		refused bool
	}{
		"anon key":     {role: "anon", claims: object{}, want: rls.Caller{Class: rls.AnonKey}},
		"service role": {role: "service_role", claims: object{}, want: rls.Caller{Class: rls.ServiceRole}},
		"user":         {role: "authenticated", claims: object{"sub": user}, ttl: 24 * time.Hour, want: rls.Caller{Class: rls.User}},
		"user of an organization": {
			role: "authenticated", ttl: time.Hour,
			claims: object{"sub": user, "app_metadata": object{"organization_id": organization, "org_role": "admin"}},
			want:   rls.Caller{Class: rls.User, OrganizationID: organization, OrgRole: "admin"},
		},
		"user who says to be an agent": {
			role: "authenticated", ttl: time.Hour,
			claims: object{"sub": user, "user_metadata": object{"org_role": "agent", "agent_scopes": []string{"admin"}}},
			want:   rls.Caller{Class: rls.User},
		},
		"metadata of another shape": {
			role: "authenticated", claims: object{"sub": user, "app_metadata": "none"}, want: rls.Caller{Class: rls.User},
		},
		"signed in without a person": {role: "authenticated", claims: object{}, want: rls.Caller{Class: rls.Custom}},
		"role of an application":     {role: "reporter", claims: object{"sub": user}, want: rls.Caller{Class: rls.Custom}},
		"agent": {
			role: "authenticated", claims: agent(nil), ttl: time.Hour,
			want: rls.Caller{
				Class: rls.Agent, OrganizationID: organization, OrgRole: "agent", Scopes: []rls.Scope{rls.ScopeRead}, KeyID: key,
			},
		},
		"agent for longer than an hour": {role: "authenticated", claims: agent(nil), ttl: time.Hour + time.Second, refused: true},
		"agent for ever":                {role: "authenticated", claims: agent(nil), refused: true},
		"agent of another role":         {role: "reporter", claims: agent(nil), ttl: time.Hour, refused: true},
		"agent without an organization": {
			role: "authenticated", claims: agent(func(c object) { delete(meta(c), "organization_id") }), ttl: time.Hour, refused: true,
		},
		"agent without a key": {
			role: "authenticated", claims: agent(func(c object) { delete(meta(c), "key_id") }), ttl: time.Hour, refused: true,
		},
		"agent that hides it from the policies": {
			role: "authenticated", claims: agent(func(c object) { meta(c)["org_role"] = "owner" }), ttl: time.Hour, refused: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", Credentials: true})
			token, err := rls.Issue([]byte(secret), c.role, c.claims, now, c.ttl)
			if err != nil {
				t.Fatal(err)
			}
			identity, err := v.Authenticate(t.Context(), "Bearer "+token)
			if (err != nil) != c.refused {
				t.Fatalf("error %v, want one: %v", err, c.refused)
			}
			if c.refused {
				return
			}
			got := identity.Caller
			if got.Class != c.want.Class || got.OrganizationID != c.want.OrganizationID || got.OrgRole != c.want.OrgRole ||
				got.KeyID != c.want.KeyID || !slices.Equal(got.Scopes, c.want.Scopes) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes             []rls.Scope
		read, write, admin bool
	}{
		{scopes: nil},
		{scopes: []rls.Scope{"everything"}},
		{scopes: []rls.Scope{"read"}, read: true},
		{scopes: []rls.Scope{"write"}, read: true, write: true},
		{scopes: []rls.Scope{"read", "admin"}, read: true, write: true, admin: true},
	} {
		identity := rls.Identity{Caller: rls.Caller{Class: rls.Agent, Scopes: c.scopes}}
		for scope, want := range map[rls.Scope]bool{rls.ScopeRead: c.read, rls.ScopeWrite: c.write, rls.ScopeAdmin: c.admin, "other": false} {
			if got := identity.Caller.Allows(scope); got != want {
				t.Errorf("%v allow %s: %v", c.scopes, scope, got)
			}
		}
		if identity.ReadOnly() == c.write {
			t.Errorf("%v: read only %v", c.scopes, identity.ReadOnly())
		}
	}
	person := rls.Identity{Caller: rls.Caller{Class: rls.User}}
	if person.ReadOnly() || !person.Caller.Allows(rls.ScopeAdmin) {
		t.Error("a person is bound by scopes")
	}
}
