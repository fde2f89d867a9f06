package functions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"nexus/rls"
)

// Annotations are what the comment on a function in SQL says of how it is called.
type Annotations struct {
	Summary     string
	Description string
	// Method is "" for the default: POST, and GET as well for functions that change nothing.
	Method string
	Access Access
	Tier   Tier
	Tag    string
}

// ParseComment reads the comment on a function of the schema functions. The first line is the summary. Lines that begin with
// one of these say how it is called, and all others are the description:
//
//	@method GET | POST | PUT | PATCH | DELETE
//	@access public | token | signed-in | member | owner | admin | agent:read | agent:write | agent:admin | service
//	@tier standard | bulk | webhook
//	@tag Orders
//
// Of several kinds of access, with commas between them, any will do; what cannot be combined, and what is unknown, is an error.
// Without @access the caller needs a token of any kind, and the rights of PostgreSQL decide.
func ParseComment(comment string) (Annotations, error) {
	a := Annotations{Access: Token(rls.ScopeRead), Tier: Standard}
	var description []string
	for i, line := range strings.Split(strings.TrimSpace(comment), "\n") {
		line = strings.TrimSpace(line)
		word, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		var err error
		switch word {
		case "@method":
			a.Method, err = parseMethod(value)
		case "@access":
			a.Access, err = parseAccess(value)
		case "@tier":
			a.Tier, err = parseTier(value)
		case "@tag":
			a.Tag = value
		default:
			switch {
			case strings.HasPrefix(word, "@"):
				err = fmt.Errorf("unknown annotation %s", word)
			case i == 0:
				a.Summary = strings.TrimSuffix(line, ".")
			default:
				description = append(description, line)
			}
		}
		if err != nil {
			return Annotations{}, err
		}
	}
	a.Description = strings.TrimSpace(strings.Join(description, "\n"))
	return a, nil
}

func parseMethod(text string) (string, error) {
	method := strings.ToUpper(text)
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
		return "", fmt.Errorf("unknown method %q", text)
	}
	return method, nil
}

func parseTier(text string) (Tier, error) {
	for _, t := range []Tier{Standard, Bulk, WebhookTier} {
		if t.String() == text {
			return t, nil
		}
	}
	return tierNone, fmt.Errorf("unknown tier %q", text)
}

func parseAccess(text string) (Access, error) {
	var roles []string
	var scope rls.Scope
	single := map[string]Access{
		"public": Public(), "service": Service(), "signed-in": SignedIn(), "token": Token(rls.ScopeRead),
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	people := false
	for _, word := range words {
		one, alone := single[word]
		agent, isAgent := strings.CutPrefix(word, "agent:")
		switch {
		case alone && len(words) == 1:
			return one, nil
		case word == "member":
			people, roles = true, []string{rls.RoleOwner, rls.RoleAdmin, rls.RoleMember}
		case word == rls.RoleOwner, word == rls.RoleAdmin:
			people = true
			if !slices.Contains(roles, word) {
				roles = append(roles, word)
			}
		case isAgent && rls.Scope(agent).Includes(rls.Scope(agent)) && scope == "":
			scope = rls.Scope(agent)
		default:
			return Access{}, fmt.Errorf("unknown access %q", text)
		}
	}
	switch {
	case people && scope != "":
		return Bearer(scope, roles...), nil
	case people:
		return Members(roles...), nil
	case scope != "":
		return Agents(scope), nil
	default:
		return Access{}, fmt.Errorf("unknown access %q", text)
	}
}
