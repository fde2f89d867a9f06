package functions_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"nexus/engine/functions"
	"nexus/rls"
)

type greeting struct {
	Name   string      `json:"name" jsonschema:"whom to greet" min:"1" max:"5"`
	Tone   string      `json:"tone,omitempty" jsonschema:"how" enum:"warm,cold"`
	Times  int         `json:"times,omitempty" jsonschema:"how often" min:"1" max:"3"`
	Tags   []string    `json:"tags,omitempty" jsonschema:"what else" enum:"a,b" max:"2"`
	At     *time.Time  `json:"at,omitempty" jsonschema:"when"`
	ID     *uuid.UUID  `json:"id,omitempty" jsonschema:"an id"`
	Mail   *string     `json:"mail,omitempty" jsonschema:"an address" format:"email"`
	Nested *nestedPart `json:"nested,omitempty" jsonschema:"a part"`
}

type nestedPart struct {
	Size int `json:"size" jsonschema:"how large" min:"1"`
}

type greeted struct {
	Text string `json:"text" jsonschema:"the greeting"`
}

func greet(_ context.Context, _ *functions.Call, g greeting) (greeted, error) {
	return greeted{Text: strings.Repeat("Hello "+g.Name+". ", max(g.Times, 1))}, nil
}

func goodSpec() functions.Spec {
	return functions.Spec{
		Name: "greet", Tag: "Contacts", Summary: "Greet somebody", Access: functions.Public(), Tier: functions.Standard,
		Example: `{"name": "Ann"}`,
	}
}

// What a function lacks is found before it is served.
func TestRegistryRefusesIncompleteFunctions(t *testing.T) {
	t.Parallel()
	if _, err := functions.NewRegistry(functions.Define(goodSpec(), greet)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*functions.Spec)
		want   string
	}{
		"no access":         {func(s *functions.Spec) { s.Access = functions.Access{} }, "access rule"},
		"unknown scope":     {func(s *functions.Spec) { s.Access = functions.Agents("everything") }, "scope"},
		"no summary":        {func(s *functions.Spec) { s.Summary = "" }, "summary"},
		"no tier":           {func(s *functions.Spec) { s.Tier = 0 }, "tier"},
		"unknown tag":       {func(s *functions.Spec) { s.Tag = "Things" }, "tag"},
		"name":              {func(s *functions.Spec) { s.Name = "Greet_All" }, "kebab"},
		"no example":        {func(s *functions.Spec) { s.Example = "" }, "example"},
		"example not valid": {func(s *functions.Spec) { s.Example = `{"name": ""}` }, "example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := goodSpec()
			c.change(&spec)
			if _, err := functions.NewRegistry(functions.Define(spec, greet)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	type bare struct {
		Name string `json:"name"`
	}
	if _, err := functions.NewRegistry(functions.Define(goodSpec(), func(context.Context, *functions.Call, bare) (greeted, error) {
		return greeted{}, nil
	})); err == nil || !strings.Contains(err.Error(), "description") {
		t.Errorf("a field without a description: %v", err)
	}
	if _, err := functions.NewRegistry(functions.Define(goodSpec(), func(context.Context, *functions.Call, string) (greeted, error) {
		return greeted{}, nil
	})); err == nil || !strings.Contains(err.Error(), "request") {
		t.Errorf("a request that is no struct: %v", err)
	}
	if _, err := functions.NewRegistry(functions.Define(goodSpec(), greet), functions.Define(goodSpec(), greet)); err == nil {
		t.Error("a function is there twice")
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	registry, err := functions.NewRegistry(functions.Define(goodSpec(), greet))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := registry.Lookup("greet", "POST")
	for body, want := range map[string]string{
		`{"name": "Ann"}`: "",
		`{"name": "Ann", "times": 2, "tone": "warm"}`:           "",
		`{"name": "Ann", "at": "2026-01-02T03:04:05Z"}`:         "",
		`{"name": "Ann", "at": null, "id": null, "mail": null}`: "",
		`{"name": "Ann", "nested": {"size": 1}, "tags": ["a"]}`: "",
		`{}`:                                                  "name is missing",
		`{"name": ""}`:                                        "name must have at least 1 characters",
		`{"name": "Annabel"}`:                                 "name must have at most 5 characters",
		`{"name": 7}`:                                         "name must be string, not integer",
		`{"name": null}`:                                      "name must be string, not null",
		`{"name": "Ann", "nickname": 1}`:                      "nickname is not known",
		`{"name": "Ann", "times": 4}`:                         "times must be at most 3",
		`{"name": "Ann", "times": 0}`:                         "times must be at least 1",
		`{"name": "Ann", "times": 1.5}`:                       "times must be integer, not number",
		`{"name": "Ann", "tone": "loud"}`:                     "tone must be one of [warm cold]",
		`{"name": "Ann", "tags": ["c"]}`:                      "must be one of [a b]",
		`{"name": "Ann", "tags": ["a", "b", "a"]}`:            "tags must have at most 2 values",
		`{"name": "Ann", "id": "x"}`:                          "id must be of the format uuid",
		`{"name": "Ann", "mail": "nobody"}`:                   "mail must be of the format email",
		`{"name": "Ann", "at": "tomorrow"}`:                   "a value that cannot be read",
		`{"name": "Ann", "nested": {"size": 0}}`:              "nested.size must be at least 1",
		`{"name": "Ann", "nested": {"size": 1, "weight": 2}}`: "nested.weight is not known",
		`[]`:                 "must be a JSON object",
		`{"name": "Ann"`:     "not valid JSON",
		`{"name": "Ann"} {}`: "not valid JSON",
	} {
		_, err := f.Invoke(t.Context(), &functions.Call{Identity: &rls.Identity{Anonymous: true}}, json.RawMessage(body))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// Third parties add fields when they like, but those that are known must be what they are.
func TestLenient(t *testing.T) {
	t.Parallel()
	spec := goodSpec()
	spec.Lenient = true
	registry, err := functions.NewRegistry(functions.Define(spec, greet))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := registry.Lookup("greet", "POST")
	for body, ok := range map[string]bool{
		`{"name": "Ann", "nickname": 1, "nested": {"size": 1, "weight": 2}}`: true,
		`{"nickname": 1}`:                        false,
		`{"name": "Ann", "nested": {"size": 0}}`: false,
	} {
		if _, err := f.Invoke(t.Context(), &functions.Call{Identity: &rls.Identity{Anonymous: true}}, json.RawMessage(body)); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestParseComment(t *testing.T) {
	t.Parallel()
	for comment, want := range map[string]string{
		"":                                    "|||token; agent: read|standard|",
		"Low stock.\nMore.\n\nEven more.":     "Low stock|More.\n\nEven more.||token; agent: read|standard|",
		"S\n@method get\n@access public":      "S||GET|public|standard|",
		"S\n@access owner, admin":             "S|||owner, admin|standard|",
		"S\n@access member,agent:write":       "S|||owner, admin, member; agent: write|standard|",
		"S\n@access agent:admin\n@tier bulk":  "S|||agent: admin|bulk|",
		"S\n@access service\n@tag Orders":     "S|||service role|standard|Orders",
		"S\n@access signed-in\n@tier webhook": "S|||signed in|webhook|",
		"S\n@access everybody":                "error",
		"S\n@access":                          "error",
		"S\n@access public, owner":            "error",
		"S\n@access agent:read, agent:write":  "error",
		"S\n@method TRACE":                    "error",
		"S\n@tier none":                       "error",
		"S\n@acess public":                    "error",
		"S\n@tier agent-auth":                 "error",
	} {
		a, err := functions.ParseComment(comment)
		got := "error"
		if err == nil {
			got = strings.Join([]string{a.Summary, a.Description, a.Method, a.Access.String(), a.Tier.String(), a.Tag}, "|")
		}
		if got != want {
			t.Errorf("%q: %q, want %q", comment, got, want)
		}
	}
}

func FuzzParseComment(f *testing.F) {
	f.Add("S\n@access owner, agent:read\n@method GET")
	f.Fuzz(func(t *testing.T, comment string) {
		a, err := functions.ParseComment(comment)
		if err == nil && a.Access.String() == "nobody" {
			t.Errorf("%q: nobody may call", comment)
		}
		// A door opens only for those who are named.
		if err == nil && a.Access.IsPublic() && !strings.Contains(comment, "public") {
			t.Errorf("%q is public", comment)
		}
	})
}
