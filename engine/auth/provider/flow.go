package provider

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// reserved are the parameters that make the flow, which clients cannot set. A request object could hold any of them.
var reserved = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "code_verifier", "request", "request_uri",
}

// authURL is the authorization request of a code flow with PKCE.
func authURL(cfg *oauth2.Config, req AuthRequest, params map[string]string) (string, error) {
	if req.State == "" || req.CodeChallenge == "" {
		return "", errors.New("provider: state and code challenge are needed")
	}
	var options []oauth2.AuthCodeOption
	set := func(name, value string) { options = append(options, oauth2.SetAuthURLParam(name, value)) }
	for name, values := range req.Extra {
		if len(values) > 0 && !slices.Contains(reserved, strings.ToLower(name)) {
			set(name, values[0])
		}
	}
	for name, value := range params {
		set(name, value)
	}
	if req.Nonce != "" {
		set("nonce", req.Nonce)
	}
	set("code_challenge", req.CodeChallenge)
	set("code_challenge_method", "S256")
	cfg.Scopes = unique(slices.Concat(cfg.Scopes, req.Scopes))
	return cfg.AuthCodeURL(req.State, options...), nil
}

// unique keeps the first of equal scopes.
func unique(scopes []string) []string {
	var kept []string
	for _, scope := range scopes {
		if scope != "" && !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	return kept
}

// exchange redeems a code. Errors are ErrRefused and ErrUnavailable, without what the provider said besides its error.
func exchange(ctx context.Context, client *http.Client, cfg *oauth2.Config, req ExchangeRequest) (*oauth2.Token, error) {
	if req.Code == "" || req.CodeVerifier == "" {
		return nil, errors.New("provider: code and code verifier are needed")
	}
	tokens, err := cfg.Exchange(oidc.ClientContext(ctx, client), req.Code, oauth2.VerifierOption(req.CodeVerifier))
	if err == nil {
		return tokens, nil
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return nil, unavailable("token endpoint", err)
	}
	status := refused.Response.StatusCode
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return nil, &unavailableError{"token endpoint", statusError(status)}
	}
	return nil, &RefusedError{Code: refused.ErrorCode, Description: refused.ErrorDescription, Status: status}
}

// fetch reads a resource of the person that an access token is of.
func fetch(ctx context.Context, client *http.Client, url, access string, dst any) error {
	err := getJSON(ctx, client, url, access, dst)
	var status statusError
	if !errors.As(err, &status) {
		return err
	}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return &unavailableError{"profile", status}
	}
	return &RefusedError{Status: int(status), Description: "the profile cannot be read with the access token"}
}
