package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"nexus/engine/auth/provider"
	"nexus/engine/auth/redirect"
	"nexus/engine/auth/store"
)

// passedOn are parameters of a login that go to the provider as they are.
var passedOn = []string{"prompt", "access_type", "login_hint", "hd", "include_granted_scopes", "query_params", "domain_hint"}

// authorize leads to a provider to log in there (https://supabase.com/docs/guides/auth/social-login).
func authorize(c *call) error {
	location, err := c.beginOAuth(nil)
	if err != nil {
		return err
	}
	c.redirect(http.StatusFound, location)
	return nil
}

// linkIdentity leads a user who is logged in to a provider, to log in there as well from now on.
func linkIdentity(c *call) error {
	if !c.h.cfg.ManualLinking {
		return newError(http.StatusNotFound, "manual_linking_disabled", "Manual linking is disabled")
	}
	location, err := c.beginOAuth(c.user)
	if err != nil {
		return err
	}
	if c.r.URL.Query().Get("skip_http_redirect") == "true" {
		c.write(http.StatusOK, map[string]string{"url": location})
		return nil
	}
	c.redirect(http.StatusFound, location)
	return nil
}

// beginOAuth notes where a login came from and returns where it goes. What the provider must repeat or prove is made from the
// flow's id and the server's secret, so none of it is stored.
func (c *call) beginOAuth(linkTo *store.User) (location string, err error) {
	query := c.r.URL.Query()
	p, err := c.provider(query.Get("provider"))
	if err != nil {
		return "", err
	}
	challenge := challengeInput{Challenge: query.Get("code_challenge"), Method: query.Get("code_challenge_method")}
	if err := challenge.check(); err != nil {
		return "", err
	}
	flow := &store.FlowState{
		ID: newID(), AuthCode: newID(), ChallengeMethod: strings.ToLower(challenge.Method), Challenge: challenge.Challenge,
		ProviderType: p.Name(), Method: byOAuth, Referrer: c.redirectTo(""),
	}
	if linkTo != nil {
		flow.LinkingTargetID = &linkTo.ID
	}
	extra := url.Values{}
	for _, name := range passedOn {
		if query.Has(name) {
			extra.Set(name, query.Get(name))
		}
	}
	verifier, err := c.h.flowSecret(flow.ID, "verifier")
	if err != nil {
		return "", err
	}
	nonce, err := c.h.flowSecret(flow.ID, "nonce")
	if err != nil {
		return "", err
	}
	location, err = p.AuthURL(c.ctx(), provider.AuthRequest{
		State: flow.ID, Nonce: nonce, CodeChallenge: s256(verifier), Scopes: strings.Fields(query.Get("scopes")), Extra: extra,
	})
	if err != nil {
		return "", c.providerError(err)
	}
	return location, c.do(func(tx *store.Tx) error { return tx.CreateFlowState(c.ctx(), flow) })
}

func (c *call) provider(name string) (provider.Provider, error) {
	if p, ok := c.h.providers[strings.ToLower(name)]; ok {
		return p, nil
	}
	return nil, invalid("Unsupported provider: provider is not enabled")
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// flowSecret makes a secret of a flow for a purpose.
func (h *Handler) flowSecret(flowID, purpose string) (string, error) {
	key, err := hkdf.Key(sha256.New, h.refresh.secret, []byte(flowID), "nexus oauth "+purpose, sha256.Size)
	return base64.RawURLEncoding.EncodeToString(key), err
}

// providerError tells a client what went wrong at a provider, without what the provider said to us.
func (c *call) providerError(err error) error {
	var refused *provider.RefusedError
	switch {
	case errors.As(err, &refused):
		return &Error{Status: http.StatusBadRequest, Code: "bad_oauth_callback", Message: "The provider refused the login: " + refused.Code, Cause: err}
	case errors.Is(err, provider.ErrToken):
		return &Error{Status: http.StatusBadRequest, Code: "bad_id_token", Message: "Bad ID token", Cause: err}
	case errors.Is(err, provider.ErrNoEmail):
		return newError(http.StatusBadRequest, "provider_email_missing", "Error getting user email from external provider")
	default:
		return &Error{Status: http.StatusInternalServerError, Code: "unexpected_failure", Message: "Unable to reach the external provider", Cause: err}
	}
}

// callback is where a provider sends the user back to.
func callback(c *call) error {
	if err := c.r.ParseForm(); err != nil {
		return newError(http.StatusBadRequest, "bad_oauth_callback", "The callback cannot be read")
	}
	form := c.r.Form
	target := c.h.cfg.SiteURL
	flow, err := c.takeFlow(form.Get("state"))
	if err == nil {
		if flow.Referrer != "" {
			target = flow.Referrer
		}
		var location string
		if location, err = c.endOAuth(flow, form, target); err == nil {
			c.redirect(http.StatusFound, location)
			return nil
		}
	}
	c.redirect(http.StatusFound, c.errorLocation(target, err, true))
	return nil
}

var errState = newError(http.StatusBadRequest, "bad_oauth_state", "OAuth state is not valid")

// takeFlow finds the flow of a state. One without PKCE is over with that; the other waits for its code to be exchanged.
func (c *call) takeFlow(state string) (flow *store.FlowState, err error) {
	if !isUUID(state) {
		return nil, newError(http.StatusBadRequest, "bad_oauth_callback", "OAuth state parameter missing")
	}
	err = c.do(func(tx *store.Tx) error {
		flow, err = tx.FlowState(c.ctx(), state)
		if errors.Is(err, store.ErrNotFound) || err == nil && (flow.AuthCodeIssuedAt != nil || flow.UserID != nil || flow.Method != byOAuth) {
			return errState // unknown, or used before
		}
		if err != nil {
			return err
		}
		if !c.within(&flow.CreatedAt, flowLife) {
			return newError(http.StatusBadRequest, "bad_oauth_state", "OAuth state has expired")
		}
		if flow.Challenge == "" {
			return tx.DeleteFlowState(c.ctx(), flow.ID)
		}
		flow.AuthCodeIssuedAt = &c.now // taken: a second callback with this state is refused
		return tx.SaveFlowState(c.ctx(), flow)
	})
	return flow, err
}

// endOAuth exchanges the provider's code and returns where the user goes with the session.
func (c *call) endOAuth(flow *store.FlowState, form url.Values, target string) (location string, err error) {
	if code := form.Get("error"); code != "" {
		return "", &Error{
			Status: http.StatusForbidden, Code: code, Message: firstOf(form.Get("error_description"), code),
		}
	}
	p, err := c.provider(flow.ProviderType)
	if err != nil {
		return "", err
	}
	if form.Get("code") == "" {
		return "", newError(http.StatusBadRequest, "bad_oauth_callback", "OAuth callback with missing authorization code missing")
	}
	verifier, err := c.h.flowSecret(flow.ID, "verifier")
	if err != nil {
		return "", err
	}
	nonce, err := c.h.flowSecret(flow.ID, "nonce")
	if err != nil {
		return "", err
	}
	login, err := p.Exchange(c.ctx(), provider.ExchangeRequest{Code: form.Get("code"), CodeVerifier: verifier, Nonce: nonce, Form: form})
	if err != nil {
		return "", c.providerError(err)
	}
	var unverified error
	err = c.do(func(tx *store.Tx) error {
		user, err := c.admit(tx, p.Name(), login, flow.LinkingTargetID)
		if errors.Is(err, errUnverified) {
			unverified = err // the mail that was sent stands
			return nil
		}
		if err != nil {
			return err
		}
		location, err = c.leave(tx, flow, user, login, target)
		return err
	})
	return location, errors.Join(err, unverified)
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// leave returns where the user goes: with an auth code, or with the session itself.
func (c *call) leave(tx *store.Tx, flow *store.FlowState, user *store.User, login *provider.Login, target string) (string, error) {
	if flow.Challenge != "" {
		flow.UserID, flow.AuthCodeIssuedAt = &user.ID, &c.now
		flow.ProviderAccessToken, flow.ProviderRefreshToken = login.AccessToken, login.RefreshToken
		if err := tx.SaveFlowState(c.ctx(), flow); err != nil {
			return "", err
		}
		return redirect.WithQuery(target, url.Values{"code": {flow.AuthCode}}), nil
	}
	session, err := c.open(tx, user, byOAuth)
	if err != nil {
		return "", err
	}
	session.ProviderToken, session.ProviderRefreshToken = login.AccessToken, login.RefreshToken
	return redirect.WithFragment(target, session.fragment()), nil
}

// grantIDToken logs in with an ID token that the app itself got from a provider.
func grantIDToken(c *call) error {
	var in struct {
		Provider     string `json:"provider"`
		IDToken      string `json:"id_token"`
		AccessToken  string `json:"access_token"`
		Nonce        string `json:"nonce"`
		LinkIdentity bool   `json:"link_identity"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.IDToken == "" {
		return newError(http.StatusBadRequest, "validation_failed", "id_token required")
	}
	p, err := c.provider(in.Provider)
	if err != nil {
		return err
	}
	var linkTo *string
	if in.LinkIdentity {
		if !c.h.cfg.ManualLinking {
			return newError(http.StatusNotFound, "manual_linking_disabled", "Manual linking is disabled")
		}
		if err := signedIn(c); err != nil {
			return err
		}
		linkTo = &c.user.ID
	}
	login, err := p.VerifyIDToken(c.ctx(), provider.IDTokenRequest{IDToken: in.IDToken, AccessToken: in.AccessToken, Nonce: in.Nonce})
	if err != nil {
		return c.providerError(err)
	}
	var out *sessionView
	var unverified error
	err = c.do(func(tx *store.Tx) error {
		user, err := c.admit(tx, p.Name(), login, linkTo)
		if errors.Is(err, errUnverified) {
			unverified = err
			return nil
		}
		if err != nil {
			return err
		}
		out, err = c.open(tx, user, byOAuth)
		return err
	})
	if err = errors.Join(err, unverified); err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}
