package rls_test

import (
	"strings"
	"testing"

	"nexus/rls"
)

func TestRolePathFindsTheRole(t *testing.T) {
	t.Parallel()
	const roles = `{"roles":["other","web_author",7,"web_editor"]}`
	for _, c := range []struct{ path, claims, want string }{
		{".role", `{"role":"author"}`, "author"},
		{`."role"`, `{"role":"author"}`, "author"},
		{".postgrest.a_role", `{"postgrest":{"a_role":"author"},"other":"claims"}`, "author"},
		{".customObject.manyRoles[1]", `{"customObject":{"manyRoles":["other","author"]}}`, "author"},
		{`."https://www.example.com/roles"[0].value`, `{"https://www.example.com/roles":[{"value":"author"}]}`, "author"},
		{".$a_1@b", `{"$a_1@b":"author"}`, "author"},
		{".größe", `{"größe":"author"}`, "author"},
		{`."".""`, `{"":{"":"author"}}`, "author"},
		{".roles[2]", roles, "7"},
		{".roles", roles, `["other","web_author",7,"web_editor"]`},
		{".a[0][1]", `{"a":[["x","author"]]}`, "author"},
		{".flag", `{"flag":true}`, "true"},
		{".aud", `{"aud":"author"}`, "author"},
		{`.roles[?(@ == "web_author")]`, roles, "web_author"},
		{`.roles[?(@=="web_author")]`, roles, "web_author"},
		{".roles[?(@ \n==\t \"web_author\")]", roles, "web_author"},
		{`.roles[?(@ != "other")]`, roles, "web_author"},
		{`.roles[?(@ ^== "web_")]`, roles, "web_author"},
		{`.roles[?(@ ==^ "editor")]`, roles, "web_editor"},
		{`.roles[?(@ *== "b_e")]`, roles, "web_editor"},
		{`.roles[?(@ *== "")]`, roles, "other"},
		// What follows leads nowhere, so that it is the anonymous role.
		{".myDomain[3]", `{"myDomain":["other","author"]}`, "anon"},
		{".myRole", `{"role":"author"}`, "anon"},
		{".role.name", `{"role":"author"}`, "anon"},
		{".role[0]", `{"role":"author"}`, "anon"},
		{".role[0]", `{"role":{"0":"author"}}`, "anon"},
		{".roles.0", roles, "anon"},
		{`.roles[?(@ == "nobody")]`, roles, "anon"},
		{`.roles[?(@ == "7")]`, roles, "anon"},
		{`.roles[?(@ == "x")]`, `{"roles":[{"x":"x"}]}`, "anon"},
		{`.roles[?(@ == "author")]`, `{"roles":"author"}`, "anon"},
		{`.roles[?(@ == "author")]`, `{}`, "anon"},
		{"[0]", `{"0":"author"}`, "anon"},
		// JSON Path.
		{"$.role", `{"role":"author"}`, "author"},
		{"$['https://www.example.com/role'].key", `{"https://www.example.com/role":{"key":"author"}}`, "author"},
		{"$.postgrest.roles[1]", `{"postgrest":{"roles":["other","author"]}}`, "author"},
		{`$.roles[?@ == 'web_editor']`, roles, "web_editor"},
		{`$.roles[?search(@, "^web_")]`, roles, "web_author"},
		{"$.roles[2]", roles, "7"},
		{"$.roles", roles, `["other","web_author",7,"web_editor"]`},
		{"$.*", `{"z":"last","a":"first"}`, "first"},
		{"$.roles[9]", roles, "anon"},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", RoleClaimKey: c.path})
			if got := authenticate(t, v, sign(t, c.claims)).Role; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestRolePathElsewhere: the claims say the role that was found, wherever that was.
func TestRolePathElsewhere(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), RoleClaimKey: ".app.role"})
	got := authenticate(t, v, sign(t, `{"app":{"role":"author"},"role":"admin"}`))
	if got.Role != "author" || got.Claims != `{"app":{"role":"author"},"role":"author"}` {
		t.Errorf("got %+v", got)
	}
}

func TestRolePathCanonicalForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		".role":                        `."role"`,
		"$.roles[?@ == 'x']":           "$.roles[?@ == 'x']",
		`."a.b"[007].c`:                `."a.b"[7]."c"`,
		`.r[?(@=="x")]`:                `."r"[?(@ == "x")]`,
		`.r[?(@  !=  "x")]`:            `."r"[?(@ != "x")]`,
		`.r[?(@^=="x")]`:               `."r"[?(@ ^== "x")]`,
		`.r[?(@==^"x")]`:               `."r"[?(@ ==^ "x")]`,
		`.r[?(@*=="x")]`:               `."r"[?(@ *== "x")]`,
		`."back\slash"[?(@ == "a\b")]`: `."back\slash"[?(@ == "a\b")]`,
	} {
		path, err := rls.ParseRolePath(text)
		if err != nil || path.String() != want {
			t.Errorf("%s: got %s, %v; want %s", text, path, err, want)
		}
	}
}

func TestUnusableRolePaths(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "role", "role.other", ".role##", ".my_role;;domain", ".#$$%&$%/", "1234", ".", "..", ".a.", ". a", ".a b", " .a",
		`."a`, `.a"b"`, "[", "[]", "[-1]", "[+1]", "[1", "[1_0]", "[ 1]", "[99999999999]", ".a[x]",
		".role[?(@ =)]", `[?(@ = "x")]`, `[?(@ == x)]`, `[?(@ == "x"]`, `[?(@ == "x")`, `[?(@ == "x)]`, `[?( @ == "x")]`,
		`[?(@ == "x" )]`, `[?(@ == "x")].a`, `[?(@ == "x")][0]`, `[?(@ === "x")]`, `[?(== "x")]`, "[?(", "[?",
		"$.", "$.write-role", "$role", "$[?", `$.roles[?search(@, "(")]`,
	} {
		if path, err := rls.ParseRolePath(text); err == nil {
			t.Errorf("%q: parsed as %s", text, path)
		} else if !strings.HasPrefix(err.Error(), "failed to parse role-claim-key value ("+text+")") {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := rls.NewVerifier(rls.VerifierConfig{RoleClaimKey: text}); err == nil && text != "" {
			t.Errorf("%q: a verifier takes it", text)
		}
	}
}

func FuzzRolePath(f *testing.F) {
	for _, seed := range []string{
		".role", `."a.b"[0].c`, `.r[?(@ == "x")]`, `.r[?(@ ==^ "x")]`, `[1]`, `.größe."ü"`, ".a\xff", `."\"`, "[?(@*==\"\")]", "$.a['b'][?search(@, 'c')]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := rls.ParseRolePath(text)
		if err != nil {
			return
		}
		again, err := rls.ParseRolePath(path.String())
		if err != nil || again.String() != path.String() {
			t.Errorf("%q: %s is parsed as %s, %v", text, path, again, err)
		}
	})
}
