package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nexus/engine/auth/provider"
)

const (
	user = `{"id":583231,"login":"ann","name":"Ann Archer","email":"public@example.com","avatar_url":"https://img.example/ann"}`
	mail = `[{"email":"old@example.com","primary":false,"verified":true},{"email":"ann@example.com","primary":true,"verified":true}]`
)

// github is GitHub's part of a login: one code, for one verifier, for one access token, and who that is of.
func github(w *world, base, api, verifier, emails string) {
	w.mux.HandleFunc(base+"/login/oauth/access_token", func(rw http.ResponseWriter, r *http.Request) {
		f := r.PostForm
		want := url.Values{
			"grant_type": {"authorization_code"}, "client_id": {clientID}, "client_secret": {secret}, "redirect_uri": {redirectURI},
			"code": {"good"}, "code_verifier": {verifier},
		}
		if !reflect.DeepEqual(f, want) {
			// GitHub answers 200 to this too.
			answer(http.StatusOK, "application/json", `{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`)(rw, r)
			return
		}
		answer(http.StatusOK, "application/x-www-form-urlencoded", "access_token=gho_1&scope=user%3Aemail&token_type=bearer")(rw, r)
	})
	resource := func(text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer gho_1" {
				answer(http.StatusUnauthorized, "application/json", `{"message":"Bad credentials"}`)(rw, r)
				return
			}
			answer(http.StatusOK, "application/json", text)(rw, r)
		}
	}
	w.mux.HandleFunc(api+"/user", resource(user))
	w.mux.HandleFunc(api+"/user/emails", resource(emails))
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ url, base, api string }{
		"github.com": {"", "github.com", "api.github.com"},
		"enterprise": {"https://git.example/", "git.example", "git.example/api/v3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, f := newWorld(t), newFlow()
			github(w, tt.base, tt.api, f.verifier, mail)
			p := open(t, w, provider.Config{Preset: "github", URL: tt.url, Scopes: []string{"read:org"}})

			link, err := p.AuthURL(t.Context(), f.request())
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(f.verifier))
			want := url.Values{
				"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "state": {f.state},
				"scope": {"user:email read:org"}, "code_challenge_method": {"S256"},
				"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
			}
			if u.Host != tt.base || u.Path != "/login/oauth/authorize" || !reflect.DeepEqual(u.Query(), want) {
				t.Errorf("AuthURL = %s, want parameters %v", link, want)
			}

			login, err := p.Exchange(t.Context(), f.exchange("good"))
			if err != nil {
				t.Fatal(err)
			}
			metadata := map[string]any{
				"iss": "https://" + tt.api, "sub": "583231", "provider_id": "583231", "name": "Ann Archer", "full_name": "Ann Archer",
				"preferred_username": "ann", "user_name": "ann", "avatar_url": "https://img.example/ann",
				"email": "ann@example.com", "email_verified": true, "phone_verified": false,
			}
			if !reflect.DeepEqual(login.Metadata, metadata) {
				t.Errorf("metadata:\n got %v\nwant %v", login.Metadata, metadata)
			}
			if login.Subject != "583231" || login.AccessToken != "gho_1" {
				t.Errorf("subject %q, access token %q", login.Subject, login.AccessToken)
			}

			_, err = p.Exchange(t.Context(), f.exchange("bad"))
			var refused *provider.RefusedError
			if !errors.As(err, &refused) || refused.Code != "bad_verification_code" || !strings.Contains(refused.Description, "incorrect or expired") {
				t.Errorf("Exchange of a bad code: %v", err)
			}
			_, err = p.Exchange(t.Context(), newFlow().exchange("good"))
			if !errors.Is(err, provider.ErrRefused) {
				t.Errorf("Exchange with another verifier: %v, want ErrRefused", err)
			}
			if _, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: "x.y.z"}); !errors.Is(err, provider.ErrUnsupported) {
				t.Errorf("VerifyIDToken: %v, want ErrUnsupported", err)
			}
		})
	}
}

func TestGitHubEmails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		emails string
		want   []provider.Email
		err    error
	}{
		"primary":              {mail, []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}, nil},
		"primary not verified": {`[{"email":"ann@example.com","primary":true},{"email":"o@example.com","verified":true}]`, []provider.Email{{Address: "ann@example.com", Primary: true}}, nil},
		"no primary":           {`[{"email":"o@example.com","verified":true}]`, nil, provider.ErrNoEmail},
		"none":                 {`[]`, nil, provider.ErrNoEmail},
		"no list":              {`{"message":"Not Found"}`, nil, provider.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, f := newWorld(t), newFlow()
			github(w, "github.com", "api.github.com", f.verifier, tt.emails)
			p := open(t, w, provider.Config{Preset: "github"})
			login, err := p.Exchange(t.Context(), f.exchange("good"))
			if !errors.Is(err, tt.err) {
				t.Fatalf("Exchange: %v, want %v", err, tt.err)
			}
			if err == nil && !slices.Equal(login.Emails, tt.want) {
				t.Errorf("e-mails %v, want %v", login.Emails, tt.want)
			}
		})
	}
}

// A login whose e-mail addresses cannot be read must fail as what it is, not pass without them.
func TestGitHubAPIFails(t *testing.T) {
	t.Parallel()
	for path, statuses := range map[string]map[int]error{
		"/user":        {http.StatusForbidden: provider.ErrRefused, http.StatusInternalServerError: provider.ErrUnavailable},
		"/user/emails": {http.StatusNotFound: provider.ErrRefused, http.StatusTooManyRequests: provider.ErrUnavailable},
	} {
		for status, want := range statuses {
			w, f := newWorld(t), newFlow()
			github(w, "github.com", "api.github.com", f.verifier, mail)
			p := open(t, w, provider.Config{Preset: "github", EmailOptional: true})
			w.set(func(rw http.ResponseWriter, r *http.Request) {
				if r.Host == "api.github.com" && r.URL.Path == path {
					answer(status, "application/json", `{"message":"gho_1"}`)(rw, r)
					return
				}
				w.mux.ServeHTTP(rw, r)
			})
			_, err := p.Exchange(t.Context(), f.exchange("good"))
			if !errors.Is(err, want) || strings.Contains(err.Error(), "gho_1") {
				t.Errorf("%s answers %d: %v, want %v", path, status, err, want)
			}
		}
	}
}
