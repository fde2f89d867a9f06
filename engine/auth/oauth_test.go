package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nexus/engine/auth"
	"nexus/engine/auth/provider"
)

// idp is a provider whose users are known by their codes.
type idp map[string]*provider.Login

func (idp) Name() string { return "idp" }

// AuthURL implements provider.Provider.
func (idp) AuthURL(_ context.Context, r provider.AuthRequest) (string, error) {
	return "https://idp.test/?" + url.Values{"state": {r.State}, "nonce": {r.Nonce}, "challenge": {r.CodeChallenge}}.Encode(), nil
}

// Exchange implements provider.Provider. The code is the user's; verifier and nonce must be those of AuthURL.
func (p idp) Exchange(_ context.Context, r provider.ExchangeRequest) (*provider.Login, error) {
	login, ok := p[r.Code]
	if !ok || len(r.CodeVerifier) < 43 || r.Nonce == "" {
		return nil, &provider.RefusedError{Code: "invalid_grant", Description: "secret details"}
	}
	return login, nil
}

// VerifyIDToken implements provider.Provider.
func (p idp) VerifyIDToken(_ context.Context, r provider.IDTokenRequest) (*provider.Login, error) {
	if login, ok := p[r.IDToken]; ok {
		return login, nil
	}
	return nil, provider.ErrToken
}

func login(subject, email string, verified bool) *provider.Login {
	return &provider.Login{
		Subject: subject, AccessToken: "at-" + subject, RefreshToken: "rt-" + subject,
		Emails:   []provider.Email{{Address: email, Verified: verified, Primary: true}},
		Metadata: map[string]any{"sub": subject, "email": email, "full_name": "User " + subject},
	}
}

func newOAuthRig(t *testing.T) *rig {
	t.Helper()
	return newRig(t, func(o *auth.Options) {
		o.Config.ManualLinking = true
		o.Providers = []provider.Provider{idp{
			"ann": login("1", "ann@example.com", true), "bob": login("2", "bob@example.com", true),
			"eve": login("3", "ann@example.com", false), "new": login("4", "new@example.com", false),
		}}
	})
}

// begin returns the state of a login that begins at a path.
func (r *rig) begin(path string, headers ...string) string {
	r.t.Helper()
	a := r.want(http.StatusFound, "GET", path, nil, headers...)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host != "idp.test" || u.Query().Get("challenge") == "" || u.Query().Get("nonce") == "" {
		r.t.Fatalf("%s leads to %s", path, a.header.Get("Location"))
	}
	return u.Query().Get("state")
}

// callback returns where a provider's answer leads, and the values of the fragment.
func (r *rig) callback(values url.Values) (*url.URL, url.Values) {
	r.t.Helper()
	a := r.want(http.StatusFound, "GET", "/callback?"+values.Encode(), nil)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	fragment, err := url.ParseQuery(u.Fragment)
	if err != nil {
		r.t.Fatal(err)
	}
	return u, fragment
}

func TestOAuthLogin(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	state := r.begin("/authorize?provider=idp&redirect_to=" + url.QueryEscape(siteURL+"/in"))
	u, values := r.callback(url.Values{"state": {state}, "code": {"ann"}})
	if u.Path != "/in" || values.Get("access_token") == "" || values.Get("provider_token") != "at-1" {
		t.Fatalf("it leads to %s", u)
	}
	claims := claimsOf(t, values.Get("access_token"))
	app, _ := claims["app_metadata"].(map[string]any)
	if claims["email"] != "ann@example.com" || app["provider"] != "idp" || claims["amr"].([]any)[0].(map[string]any)["method"] != "oauth" {
		t.Errorf("claims %v", claims)
	}
	if _, values := r.callback(url.Values{"state": {state}, "code": {"ann"}}); values.Get("error_code") != "bad_oauth_state" {
		t.Errorf("the state again: %v", values)
	}
	if _, values := r.callback(url.Values{"state": {r.begin("/authorize?provider=idp")}, "code": {"ann"}}); values.Get("access_token") == "" {
		t.Errorf("the second login: %v", values)
	}
	if n := r.query("select count(*) from auth.users"); n != "1" {
		t.Errorf("%s users", n)
	}
	r.refused(http.StatusBadRequest, "validation_failed", "GET", "/authorize?provider=nobody", nil)
}

func TestOAuthWithPKCE(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	verifier := strings.Repeat("v", 50)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	state := r.begin("/authorize?provider=idp&code_challenge_method=s256&code_challenge=" + challenge)
	u, values := r.callback(url.Values{"state": {state}, "code": {"bob"}})
	code := u.Query().Get("code")
	if code == "" || values.Has("access_token") {
		t.Fatalf("it leads to %s", u)
	}
	if _, values := r.callback(url.Values{"state": {state}, "code": {"ann"}}); values.Get("error_code") != "bad_oauth_state" {
		t.Errorf("the state again: %v", values)
	}
	a := r.want(http.StatusOK, "POST", "/token?grant_type=pkce", map[string]any{"auth_code": code, "code_verifier": verifier})
	if a.str("provider_token") != "at-2" || a.str("provider_refresh_token") != "rt-2" {
		t.Errorf("the session is %s", a.text)
	}
	r.refused(http.StatusNotFound, "flow_state_not_found", "POST", "/token?grant_type=pkce", map[string]any{"auth_code": code, "code_verifier": verifier})
}

// What a provider refuses reaches the app as an error, without what the provider told us alone.
func TestOAuthFailures(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	for name, c := range map[string]struct {
		values url.Values
		want   string
	}{
		"the user declined":   {url.Values{"error": {"access_denied"}, "error_description": {"no"}}, "access_denied"},
		"a wrong code":        {url.Values{"code": {"nobody"}}, "bad_oauth_callback"},
		"no code":             {url.Values{}, "bad_oauth_callback"},
		"a state of no flow":  {url.Values{"code": {"ann"}, "state": {"11111111-1111-1111-1111-111111111111"}}, "bad_oauth_state"},
		"a state of no form":  {url.Values{"code": {"ann"}, "state": {"' or 1=1"}}, "bad_oauth_callback"},
		"an unverified email": {url.Values{"code": {"new"}}, "provider_email_needs_verification"},
	} {
		values := url.Values{"state": {r.begin("/authorize?provider=idp")}}
		for key := range c.values {
			values.Set(key, c.values.Get(key))
		}
		u, fragment := r.callback(values)
		if fragment.Get("error_code") != c.want || fragment.Has("access_token") || strings.Contains(u.String(), "secret") {
			t.Errorf("%s: %s", name, u)
		}
	}
	state := r.begin("/authorize?provider=idp")
	r.pass(10 * 60e9)
	if _, values := r.callback(url.Values{"state": {state}, "code": {"ann"}}); values.Get("error_code") != "bad_oauth_state" {
		t.Errorf("a late answer: %v", values)
	}
}

// A login at a provider leads into an account only by an address that the provider has verified, and takes one over from whoever
// signed up with it without owning it.
func TestOAuthLinking(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	ann := r.member("ann@example.com")
	oauth := func(code string) url.Values {
		_, values := r.callback(url.Values{"state": {r.begin("/authorize?provider=idp")}, "code": {code}})
		return values
	}
	if values := oauth("eve"); values.Get("error_code") != "email_exists" || values.Has("access_token") {
		t.Errorf("an unverified address of somebody else: %v", values)
	}
	if claims := claimsOf(t, oauth("ann").Get("access_token")); claims["sub"] != ann {
		t.Errorf("a verified address: %v", claims)
	}
	r.logIn("ann@example.com", good)
	r.want(http.StatusOK, "POST", "/signup", map[string]any{"email": "bob@example.com", "password": "the attacker's"})
	if claims := claimsOf(t, oauth("bob").Get("access_token")); claims["email"] != "bob@example.com" {
		t.Errorf("claims %v", claims)
	}
	r.refused(http.StatusBadRequest, "invalid_credentials", "POST", "/token?grant_type=password",
		map[string]any{"email": "bob@example.com", "password": "the attacker's"})
}

func TestManualLinking(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	id := r.member("carl@example.com")
	token := bearer(r.logIn("carl@example.com", good).str("access_token"))
	a := r.want(http.StatusOK, "GET", "/user/identities/authorize?provider=idp&skip_http_redirect=true", nil, "Authorization", token)
	u, err := url.Parse(a.str("url"))
	if err != nil {
		t.Fatal(err)
	}
	_, values := r.callback(url.Values{"state": {u.Query().Get("state")}, "code": {"bob"}})
	if claims := claimsOf(t, values.Get("access_token")); claims["sub"] != id || claims["email"] != "carl@example.com" {
		t.Errorf("claims %v", claims)
	}
	user := r.want(http.StatusOK, "GET", "/user", nil, "Authorization", token)
	identities := user.body["identities"].([]any)
	if len(identities) != 2 {
		t.Fatalf("identities %v", identities)
	}
	r.member("dora@example.com")
	dora := bearer(r.logIn("dora@example.com", good).str("access_token"))
	taken := r.begin("/user/identities/authorize?provider=idp", "Authorization", dora)
	if _, values := r.callback(url.Values{"state": {taken}, "code": {"bob"}}); values.Get("error_code") != "identity_already_exists" {
		t.Errorf("an identity of somebody else: %v", values)
	}
	for i, want := range []int{http.StatusOK, http.StatusUnprocessableEntity} {
		r.want(want, "DELETE", "/user/identities/"+identities[i].(map[string]any)["identity_id"].(string), nil, "Authorization", token)
	}
	r.refused(http.StatusBadRequest, "invalid_credentials", "POST", "/token?grant_type=password",
		map[string]any{"email": "carl@example.com", "password": good})
}

func TestIDTokens(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t)
	a := r.want(http.StatusOK, "POST", "/token?grant_type=id_token", map[string]any{"provider": "idp", "id_token": "ann"})
	if claims := claimsOf(t, a.str("access_token")); claims["email"] != "ann@example.com" {
		t.Errorf("claims %v", claims)
	}
	r.refused(http.StatusBadRequest, "bad_id_token", "POST", "/token?grant_type=id_token", map[string]any{"provider": "idp", "id_token": "x"})
	r.refused(http.StatusBadRequest, "validation_failed", "POST", "/token?grant_type=id_token", map[string]any{"provider": "other", "id_token": "ann"})
}
