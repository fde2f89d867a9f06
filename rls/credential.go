package rls

import (
	"encoding/json"
	"slices"
	"time"
)

// Class is a kind of credential. It says who can be behind a request, and what they never may do whatever the policies allow.
//
//	class        role claim     issued by                    lifetime       never
//	Anonymous    none           nobody                       –              more than the anonymous role
//	AnonKey      anon           the server, at its start     none           stand for a person
//	ServiceRole  service_role   the server, at its start     none           act from a browser, if so configured
//	User         authenticated  auth/v1, at a login          jwt-exp        –
//	Agent        authenticated  functions/v1/agent-auth      an hour        write without a scope for it, change users or keys
//	Custom       another one    whoever has a signing key    as it says     –
type Class uint8

// The kinds of credential.
const (
	Anonymous Class = iota
	AnonKey
	ServiceRole
	User
	Agent
	Custom
)

// String names the class as logs do.
func (c Class) String() string {
	return [...]string{"anonymous", "anon key", "service role", "user", "agent", "custom"}[c]
}

// MaxAgentTokenLife is how long a token of an agent lives at most.
const MaxAgentTokenLife = time.Hour

// Scope is what an agent's key allows (https://datatracker.ietf.org/doc/html/rfc6749#section-3.3).
type Scope string

// The scopes; each holds those before it.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeAdmin Scope = "admin"
)

var scopeOrder = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// Includes reports whether the scope allows what wanted does.
func (s Scope) Includes(wanted Scope) bool {
	have, want := slices.Index(scopeOrder, s), slices.Index(scopeOrder, wanted)
	return want >= 0 && have >= want
}

// The roles in an organization.
const (
	RoleOwner  = "owner"
	RoleAdmin  = "admin"
	RoleMember = "member"
	RoleAgent  = "agent"
)

// Caller is what a credential says of who is behind a request, beside the database role.
type Caller struct {
	Class Class
	// OrganizationID and OrgRole are of the organization that a user's or agent's token is for, empty without one.
	OrganizationID string
	OrgRole        string
	// Scopes are an agent's, KeyID is its key's.
	Scopes []Scope
	KeyID  string
}

// Allows reports whether the caller's scopes allow it; only agents have any, and others are not bound by them.
func (c *Caller) Allows(wanted Scope) bool {
	return c.Class != Agent || slices.ContainsFunc(c.Scopes, func(s Scope) bool { return s.Includes(wanted) })
}

// AgentClaims are the claims of an agent's token, but for role and times.
func AgentClaims(userID, organizationID, keyID string, scopes []Scope) map[string]any {
	return map[string]any{
		"sub": userID, "aud": "authenticated", "organization_id": organizationID, "org_role": RoleAgent, "agent_scopes": scopes,
		"app_metadata": map[string]any{
			"provider": RoleAgent, "organization_id": organizationID, "org_role": RoleAgent, "agent_scopes": scopes, "key_id": keyID,
		},
	}
}

// callerClaims are what a Caller is made of. Policies read the same ones, below app_metadata; those above are copies for
// clients.
type callerClaims struct {
	OrgRole     string `json:"org_role"`
	AppMetadata struct {
		OrganizationID string  `json:"organization_id"`
		OrgRole        string  `json:"org_role"`
		Scopes         []Scope `json:"agent_scopes"`
		KeyID          string  `json:"key_id"`
	} `json:"app_metadata"`
}

// callerOf reads a token's claims. It refuses one that says it is an agent's and is not as an agent's must be: such a token
// was not made by this server for an agent.
func callerOf(identity *Identity, v *verdict) (Caller, *Error) {
	switch identity.Role {
	case "anon":
		return Caller{Class: AnonKey}, nil
	case "service_role":
		return Caller{Class: ServiceRole}, nil
	}
	var claims callerClaims
	// Claims of other shapes are somebody else's: what cannot be read is left empty, and the policies see it for themselves.
	_ = json.Unmarshal([]byte(identity.Claims), &claims)
	meta := &claims.AppMetadata
	c := Caller{Class: Custom, OrganizationID: meta.OrganizationID, OrgRole: meta.OrgRole}
	agent := meta.OrgRole == RoleAgent
	if agent || claims.OrgRole == RoleAgent {
		c.Class, c.Scopes, c.KeyID = Agent, meta.Scopes, meta.KeyID
		if !agent || !v.livesAtMost(MaxAgentTokenLife) || identity.Role != "authenticated" || c.OrganizationID == "" || c.KeyID == "" {
			return c, errAgentToken
		}
		return c, nil
	}
	if identity.Role == "authenticated" && identity.Subject != "" {
		c.Class = User
	}
	return c, nil
}

// livesAtMost reports whether the token says when it began and ends, and the time between is no longer than that.
func (v *verdict) livesAtMost(life time.Duration) bool {
	return v.expires.given && v.since.given && v.expires.seconds-v.since.seconds <= int64(life/time.Second)
}
