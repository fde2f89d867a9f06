package functions

import (
	"net/http"
	"slices"
	"strings"

	"nexus/rls"
)

// Access says who may call a function. The zero value is nobody, which a Registry refuses.
type Access struct {
	kind  accessKind
	roles []string
	scope rls.Scope
	check func(r *http.Request, body []byte) error
}

type accessKind uint8

const (
	accessNone accessKind = iota
	accessPublic
	accessWebhook
	accessService
	accessSignedIn
	accessMembers
	accessAgents
	accessBearer
	accessToken
	accessProject // any token that this server accepts, the anon key too: it tells the project, not a person
)

// Public lets everybody call, with a token or without.
func Public() Access { return Access{kind: accessPublic} }

// Webhook lets those call whose request verify accepts: a third party proves with a signature or a token of its own who it is.
// What verify returns is the answer, if it is no *Error with status 401.
func Webhook(verify func(r *http.Request, body []byte) error) Access {
	return Access{kind: accessWebhook, check: verify}
}

// Service lets only servers with the service role key call.
func Service() Access { return Access{kind: accessService} }

// SignedIn lets every person call, also those without an organization.
func SignedIn() Access { return Access{kind: accessSignedIn} }

// Members lets people call whose token is for an organization in which they have one of the roles; without roles any.
func Members(roles ...string) Access { return Access{kind: accessMembers, roles: roles} }

// Agents lets agents with the scope call.
func Agents(scope rls.Scope) Access { return Access{kind: accessAgents, scope: scope} }

// Bearer lets agents with the scope call, and people whose token is for an organization in which they have one of the roles;
// without roles any.
func Bearer(scope rls.Scope, roles ...string) Access {
	return Access{kind: accessBearer, roles: roles, scope: scope}
}

// Token lets everybody call who has a token of their own, agents with the scope; what they may do is left to the database.
func Token(scope rls.Scope) Access { return Access{kind: accessToken, scope: scope} }

// String describes the access for the routing table.
func (a Access) String() string {
	people := "any member"
	if len(a.roles) > 0 {
		people = strings.Join(a.roles, ", ")
	}
	switch a.kind {
	case accessPublic:
		return "public"
	case accessWebhook:
		return "webhook"
	case accessService:
		return "service role"
	case accessSignedIn:
		return "signed in"
	case accessMembers:
		return people
	case accessAgents:
		return "agent: " + string(a.scope)
	case accessBearer:
		return people + "; agent: " + string(a.scope)
	case accessToken:
		return "token; agent: " + string(a.scope)
	default:
		return "nobody"
	}
}

// Scope is the scope that an agent needs, empty if agents may not call or none is asked for.
func (a Access) Scope() rls.Scope { return a.scope }

// IsPublic reports whether no token is asked for.
func (a Access) IsPublic() bool { return a.kind == accessPublic || a.kind == accessWebhook }

// allow refuses a caller who may not call.
func (a Access) allow(identity *rls.Identity) error {
	caller := &identity.Caller
	if a.IsPublic() {
		return nil
	}
	if caller.Class == rls.Anonymous || (caller.Class == rls.AnonKey && a.kind != accessProject) {
		return errUnauthorized
	}
	if a.kind == accessProject {
		return nil
	}
	switch a.kind {
	case accessService:
		if caller.Class == rls.ServiceRole {
			return nil
		}
		return Errorf(http.StatusForbidden, "forbidden", "This function is for servers")
	case accessSignedIn:
		if caller.Class == rls.User {
			return nil
		}
		return errPeopleOnly
	case accessAgents:
		if caller.Class != rls.Agent {
			return Errorf(http.StatusForbidden, "forbidden", "This function is for agents")
		}
	case accessMembers:
		if caller.Class == rls.Agent {
			return errPeopleOnly
		}
	}
	if caller.Class != rls.Agent {
		if a.kind == accessToken {
			return nil
		}
		return a.allowPerson(caller)
	}
	if !caller.Allows(a.scope) {
		return InsufficientScope(a.scope)
	}
	return nil
}

var errPeopleOnly = Errorf(http.StatusForbidden, "forbidden", "This function is for people")

func (a Access) allowPerson(caller *rls.Caller) error {
	switch {
	case caller.Class != rls.User:
		return Errorf(http.StatusForbidden, "forbidden", "This function is for people and agents of an organization")
	case caller.OrganizationID == "":
		return &Error{
			Status: http.StatusForbidden, Code: "organization_required", Message: "The token is for no organization",
			Details: map[string]any{"hint": "Create or join an organization, then refresh the session."},
		}
	case len(a.roles) > 0 && !slices.Contains(a.roles, caller.OrgRole):
		return &Error{
			Status: http.StatusForbidden, Code: "forbidden", Message: "Your role in the organization does not allow this",
			Details: map[string]any{"roles": a.roles},
		}
	default:
		return nil
	}
}
