package provider_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nexus/engine/auth/provider"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{Name: "work"})
	if p.Name() != "work" {
		t.Errorf("Name() = %q", p.Name())
	}
	if n := w.times(issuer + "/.well-known/openid-configuration"); n != 0 {
		t.Errorf("the provider was asked %d times before it was needed", n)
	}

	f := newFlow()
	login, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f)))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.posted().Get("code_verifier"); got != f.verifier {
		t.Errorf("the token endpoint got the verifier %q, want %q", got, f.verifier)
	}
	if w.posted().Get("client_secret") != "" {
		t.Error("the secret was sent in the body although the provider takes it in the header")
	}
	want := map[string]any{
		"iss": issuer, "sub": "ann-1", "provider_id": "ann-1", "name": "Ann Archer", "full_name": "Ann Archer",
		"given_name": "Ann", "family_name": "Archer", "preferred_username": "ann", "user_name": "ann",
		"email": "ann@example.com", "email_verified": true, "phone_verified": false,
	}
	if !reflect.DeepEqual(login.Metadata, want) {
		t.Errorf("metadata:\n got %v\nwant %v", login.Metadata, want)
	}
	if want := []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}; !slices.Equal(login.Emails, want) {
		t.Errorf("e-mails %v, want %v", login.Emails, want)
	}
	if login.Subject != "ann-1" || login.AccessToken == "" || time.Until(login.Expiry) <= 0 {
		t.Errorf("subject %q, access token of %d bytes, until %s", login.Subject, len(login.AccessToken), login.Expiry)
	}
}

func TestCodeFlowIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{})

	tests := []struct {
		name   string
		change func(*provider.ExchangeRequest)
		want   error
		code   string
	}{
		{"another nonce", func(r *provider.ExchangeRequest) { r.Nonce = "another" }, provider.ErrToken, ""},
		{"no nonce", func(r *provider.ExchangeRequest) { r.Nonce = "" }, provider.ErrToken, ""},
		{"another verifier", func(r *provider.ExchangeRequest) { r.CodeVerifier = strings.Repeat("x", 52) }, provider.ErrRefused, "invalid_grant"},
		{"a guessed code", func(r *provider.ExchangeRequest) { r.Code = "guess" }, provider.ErrRefused, "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFlow()
			req := f.exchange(begin(t, p, at, "ann", f))
			tt.change(&req)
			login, err := p.Exchange(t.Context(), req)
			if login != nil || !errors.Is(err, tt.want) {
				t.Fatalf("Exchange = %v, %v; want %v", login, err, tt.want)
			}
			var refused *provider.RefusedError
			if errors.As(err, &refused); tt.code != "" && (refused.Code != tt.code || refused.Status != http.StatusBadRequest) {
				t.Errorf("refused with %q, status %d", refused.Code, refused.Status)
			}
		})
	}

	t.Run("a code for the second time", func(t *testing.T) {
		t.Parallel()
		f := newFlow()
		req := f.exchange(begin(t, p, at, "ann", f))
		if _, err := p.Exchange(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if login, err := p.Exchange(t.Context(), req); !errors.Is(err, provider.ErrRefused) {
			t.Errorf("Exchange = %v, %v; want ErrRefused", login, err)
		}
	})

	t.Run("without code, verifier, state or challenge", func(t *testing.T) {
		t.Parallel()
		f := newFlow()
		for _, req := range []provider.ExchangeRequest{{CodeVerifier: f.verifier}, {Code: "code"}} {
			if _, err := p.Exchange(t.Context(), req); err == nil {
				t.Errorf("Exchange(%+v) succeeds", req)
			}
		}
		for _, req := range []provider.AuthRequest{{Nonce: "n", State: "s"}, {Nonce: "n", CodeChallenge: "c"}, {State: "s", CodeChallenge: "c"}} {
			if link, err := p.AuthURL(t.Context(), req); err == nil {
				t.Errorf("AuthURL(%+v) = %s", req, link)
			}
		}
	})
}

func TestExpiredTokenOfCodeFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	at.lifetime = -time.Minute
	p := open(t, w, provider.Config{})
	f := newFlow()
	_, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f)))
	if !errors.Is(err, provider.ErrToken) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("Exchange: %v; want an expired ErrToken", err)
	}
}

func TestEmails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, person string
		lean         bool
		optional     bool
		want         []provider.Email
		err          error
	}{
		{name: "verified", person: "ann", want: []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{name: "not verified", person: "bob", want: []provider.Email{{Address: "bob@example.com", Primary: true}}},
		{name: "at the userinfo endpoint only", person: "ann", lean: true, want: []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{name: "none", person: "cleo", err: provider.ErrNoEmail},
		{name: "none, and none needed", person: "cleo", optional: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := newIdentityProvider(t, w, issuer)
			at.lean = tt.lean
			p := open(t, w, provider.Config{EmailOptional: tt.optional})
			f := newFlow()
			login, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, tt.person, f)))
			if !errors.Is(err, tt.err) {
				t.Fatalf("Exchange: %v, want %v", err, tt.err)
			}
			if err == nil && !slices.Equal(login.Emails, tt.want) {
				t.Errorf("e-mails %v, want %v", login.Emails, tt.want)
			}
			if err == nil && (login.Metadata["email_verified"] == true) != slices.ContainsFunc(tt.want, func(e provider.Email) bool { return e.Verified }) {
				t.Errorf("metadata say email_verified = %v", login.Metadata["email_verified"])
			}
		})
	}
}

// A provider whose userinfo endpoint answers for another person than the ID token is of must not be believed.
func TestUserinfoOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	at.lean = true
	w.mux.HandleFunc("id.example/userinfo", answer(http.StatusOK, "application/json", `{"sub":"bob-2","email":"bob@example.com","email_verified":true}`))
	p := open(t, w, provider.Config{})
	f := newFlow()
	if login, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f))); !errors.Is(err, provider.ErrToken) {
		t.Errorf("Exchange = %v, %v; want ErrToken", login, err)
	}
}

func TestAuthURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{Scopes: []string{"groups", "email"}})
	f := newFlow()
	req := f.request()
	req.Scopes = []string{"groups", "calendar"}
	req.Extra = url.Values{
		"prompt": {"consent"}, "access_type": {"offline"}, "login_hint": {"a&b=c"},
		"redirect_uri": {"https://evil.example"}, "Redirect_URI": {"https://evil.example"}, "client_id": {"evil"},
		"state": {"evil"}, "nonce": {"evil"}, "code_challenge": {"evil"}, "code_challenge_method": {"plain"},
		"response_type": {"token"}, "response_mode": {"fragment"}, "scope": {"evil"}, "request": {"evil"}, "request_uri": {"evil"},
	}
	link, err := p.AuthURL(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"prompt": {"consent"}, "access_type": {"offline"}, "login_hint": {"a&b=c"},
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "state": {f.state}, "nonce": {f.nonce},
		"code_challenge": {req.CodeChallenge}, "code_challenge_method": {"S256"},
		"scope": {"openid profile email groups calendar"},
	}
	if got := u.Query(); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("parameters:\n got %v\nwant %v", got, want)
	}
	if to := u.Scheme + "://" + u.Host + u.Path; to != issuer+"/authorize" {
		t.Errorf("leads to %s", to)
	}
	again, err := p.AuthURL(t.Context(), f.request())
	if err != nil || strings.Contains(again, "calendar") {
		t.Errorf("scopes of one login are in the next: %s, %v", again, err)
	}
}

func TestProviderDownThenUp(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]http.HandlerFunc{
		"no connection":      unreachable,
		"an error":           answer(http.StatusBadGateway, "text/plain", "secret words"),
		"something else":     answer(http.StatusOK, "text/html", "<p>secret words</p>"),
		"another's document": answer(http.StatusOK, "application/json", `{"issuer":"https://evil.example","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t","jwks_uri":"https://evil.example/k"}`),
		"insecure endpoints": answer(http.StatusOK, "application/json", `{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"http://id.example/t","jwks_uri":"https://id.example/k"}`),
		"endless words":      answer(http.StatusOK, "application/json", `{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/k","access_token":"secret words","padding":"`+strings.Repeat("x", 2<<20)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := newIdentityProvider(t, w, issuer)
			p := open(t, w, provider.Config{})
			f := newFlow()
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, provider.ErrUnavailable) {
					t.Fatalf("%s: %v, want ErrUnavailable", what, err)
				}
				if strings.Contains(err.Error(), "secret words") || len(err.Error()) > 200 {
					t.Fatalf("%s tells what the provider said: %.200s", what, err)
				}
			}

			w.set(trouble)
			_, err := p.AuthURL(t.Context(), f.request())
			refused("AuthURL", err)
			w.set(nil)
			code := begin(t, p, at, "ann", f)
			w.set(trouble)
			if name != "another's document" && name != "insecure endpoints" { // answers that a token endpoint would not give
				_, err = p.Exchange(t.Context(), f.exchange(code))
				refused("Exchange", err)
				_, err = p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: at.mint(t, said(issuer, nil))})
				refused("VerifyIDToken", err)
			}
			w.set(nil)
			if _, err := p.Exchange(t.Context(), f.exchange(code)); err != nil {
				t.Errorf("Exchange after the trouble: %v", err)
			}
			if _, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: at.mint(t, said(issuer, nil))}); err != nil {
				t.Errorf("VerifyIDToken after the trouble: %v", err)
			}
		})
	}
}

// A token endpoint that redirects would make us hand code and secret to whom it names.
func TestTokenEndpointRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{})
	f := newFlow()
	code := begin(t, p, at, "ann", f)
	w.set(http.RedirectHandler("https://evil.example/token", http.StatusTemporaryRedirect).ServeHTTP)
	if _, err := p.Exchange(t.Context(), f.exchange(code)); !errors.Is(err, provider.ErrRefused) {
		t.Errorf("Exchange: %v, want ErrRefused", err)
	}
	if n := w.times("https://evil.example/token"); n != 0 {
		t.Errorf("code and secret went elsewhere %d times", n)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{})
	login := func() error {
		f := newFlow()
		_, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f)))
		return err
	}
	for range 2 {
		if err := login(); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.times(issuer + "/keys"); n != 1 {
		t.Errorf("keys were read %d times for two logins", n)
	}
	at.change(func(at *identityProvider) { at.key = newKey(t) })
	if err := login(); err != nil {
		t.Errorf("after the provider changed its key: %v", err)
	}
	at.change(func(at *identityProvider) { at.key, at.withheld = newKey(t), true })
	if err := login(); !errors.Is(err, provider.ErrToken) {
		t.Errorf("with a key that is not published: %v, want ErrToken", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := provider.Config{Preset: "oidc", URL: issuer, ClientIDs: []string{clientID}, RedirectURI: redirectURI}
	if _, err := provider.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*provider.Config){
		"no preset":             func(c *provider.Config) { c.Preset = "" },
		"unknown preset":        func(c *provider.Config) { c.Preset = "myspace" },
		"no issuer":             func(c *provider.Config) { c.URL = "" },
		"issuer without scheme": func(c *provider.Config) { c.URL = "id.example" },
		"issuer of a file":      func(c *provider.Config) { c.URL = "file:///etc/passwd" },
		"relative redirect URI": func(c *provider.Config) { c.RedirectURI = "/callback" },
		"no client":             func(c *provider.Config) { c.ClientIDs = nil },
		"empty client":          func(c *provider.Config) { c.ClientIDs = []string{""} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := provider.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
