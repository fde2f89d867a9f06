package provider

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

const (
	githubBase = "https://github.com"
	githubAPI  = "https://api.github.com"
)

// gitHub is GitHub, or an Enterprise server (https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps).
type gitHub struct {
	cfg       Config
	client    *http.Client
	base, api string
}

func newGitHub(cfg Config) *gitHub {
	p := &gitHub{cfg: cfg, client: newClient(cfg.HTTPClient), base: githubBase, api: githubAPI}
	if base := strings.TrimSuffix(cfg.URL, "/"); base != "" && base != githubBase {
		p.base, p.api = base, base+"/api/v3"
	}
	return p
}

// Name implements Provider.
func (p *gitHub) Name() string { return p.cfg.Name }

// AuthURL implements Provider.
func (p *gitHub) AuthURL(_ context.Context, req AuthRequest) (string, error) {
	req.Nonce = "" // there is no ID token to carry it
	return authURL(p.oauth(), req, nil)
}

// Exchange implements Provider.
func (p *gitHub) Exchange(ctx context.Context, req ExchangeRequest) (*Login, error) {
	tokens, err := exchange(ctx, p.client, p.oauth(), req)
	if err != nil {
		return nil, err
	}
	who, err := p.identify(ctx, tokens.AccessToken)
	if err != nil {
		return nil, err
	}
	login, err := who.login(p.cfg.EmailOptional)
	if err != nil {
		return nil, err
	}
	login.AccessToken, login.RefreshToken, login.Expiry = tokens.AccessToken, tokens.RefreshToken, tokens.Expiry
	return login, nil
}

// VerifyIDToken implements Provider.
func (p *gitHub) VerifyIDToken(context.Context, IDTokenRequest) (*Login, error) {
	return nil, ErrUnsupported
}

func (p *gitHub) oauth() *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.cfg.ClientIDs[0], ClientSecret: p.cfg.Secret, RedirectURL: p.cfg.RedirectURI,
		Scopes: slices.Concat([]string{"user:email"}, p.cfg.Scopes),
		Endpoint: oauth2.Endpoint{
			AuthURL: p.base + "/login/oauth/authorize", TokenURL: p.base + "/login/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// identify asks who an access token is of. Of the addresses only the primary one counts: the others are not who the person
// wants to be, and would let one login match several accounts. The address of the public profile is not verified at all.
func (p *gitHub) identify(ctx context.Context, access string) (*identity, error) {
	var user struct {
		ID     int64  `json:"id"`
		Login  string `json:"login"`
		Name   string `json:"name"`
		Avatar string `json:"avatar_url"`
	}
	if err := fetch(ctx, p.client, p.api+"/user", access, &user); err != nil {
		return nil, err
	}
	if user.ID == 0 {
		return nil, &unavailableError{what: "profile has no id"}
	}
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := fetch(ctx, p.client, p.api+"/user/emails?per_page=100", access, &emails); err != nil {
		return nil, err
	}
	id := strconv.FormatInt(user.ID, 10)
	who := &identity{subject: id, data: map[string]any{
		"iss": p.api, "sub": id, "provider_id": id, "name": user.Name, "full_name": user.Name,
		"preferred_username": user.Login, "user_name": user.Login, "avatar_url": user.Avatar,
	}}
	for _, email := range emails {
		if email.Primary {
			who.tell(email.Email, email.Verified)
		}
	}
	return who, nil
}
