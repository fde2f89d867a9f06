package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config is how one provider is set up.
type Config struct {
	// Name is what clients call the provider, and what identities are filed under. Empty means the Preset's name.
	Name string
	// Preset is oidc, google, github, azure or apple.
	Preset string
	// ClientIDs are this application's identifiers at the provider. The first runs the code flow; ID tokens of the id_token
	// grant may be issued to any of them, as an app has others on phones than on the web.
	ClientIDs []string
	// Secret is the client secret of the code flow. Public clients have none.
	Secret string
	// RedirectURI is where the provider sends browsers back to.
	RedirectURI string
	// URL is the issuer of oidc, the tenant's address of azure (such as https://login.microsoftonline.com/contoso.com) and
	// the base of a GitHub Enterprise server. Google and Apple have fixed ones.
	URL string
	// Scopes are asked for in addition to those that a login needs.
	Scopes []string
	// SkipNonceCheck accepts ID tokens of the id_token grant whatever their nonce, for SDKs that cannot send one. The code flow
	// always checks it.
	SkipNonceCheck bool
	// EmailOptional accepts people whose e-mail address the provider does not tell.
	EmailOptional bool
	// HTTPClient talks to the provider; nil is one of our own. A Timeout of zero becomes 10 seconds.
	HTTPClient *http.Client
}

// Provider is one place to log in at. It is safe for use by several goroutines.
type Provider interface {
	// Name is what clients call the provider.
	Name() string
	// AuthURL is where a browser logs in. Errors are ErrUnavailable, or a request that lacks state or challenge.
	AuthURL(ctx context.Context, req AuthRequest) (string, error)
	// Exchange turns the code that a browser came back with into a login. Errors are ErrUnavailable, ErrRefused (a
	// *RefusedError), ErrToken and ErrNoEmail, or a request that lacks code or verifier.
	Exchange(ctx context.Context, req ExchangeRequest) (*Login, error)
	// VerifyIDToken turns an ID token that an app got by itself into a login. Errors are ErrUnavailable, ErrToken, ErrNoEmail
	// and ErrUnsupported.
	VerifyIDToken(ctx context.Context, req IDTokenRequest) (*Login, error)
}

// AuthRequest begins a code flow.
type AuthRequest struct {
	// State comes back with the browser; it is opaque here, and must be bound to the browser by the caller.
	State string
	// Nonce comes back in the ID token. OpenID Connect providers need one.
	Nonce string
	// CodeChallenge is the S256 challenge of the verifier that Exchange gets (RFC 7636, section 4.2).
	CodeChallenge string
	// Scopes are asked for in addition to the configured ones.
	Scopes []string
	// Extra parameters of the client are handed on, such as prompt, access_type or login_hint. Those that the flow itself is
	// made of are not.
	Extra url.Values
}

// ExchangeRequest ends a code flow.
type ExchangeRequest struct {
	Code string
	// CodeVerifier is what AuthRequest.CodeChallenge was made of, and Nonce what AuthRequest.Nonce was.
	CodeVerifier, Nonce string
	// Form is what the browser posted. Apple puts the user's name there, at the first login only.
	Form url.Values
}

// IDTokenRequest is an id_token grant.
type IDTokenRequest struct {
	IDToken string
	// AccessToken is checked against the ID token's at_hash, if both are there.
	AccessToken string
	// Nonce is the raw nonce, of which the token holds the SHA-256 in hex, as apps of GoTrue do. Both or neither must be there.
	Nonce string
}

// Login is who logged in.
type Login struct {
	// Subject identifies the person at the provider, forever.
	Subject string
	// Emails are the addresses that the provider tells, the primary one among them.
	Emails []Email
	// Metadata are the identity's data under the names of GoTrue's identity_data.
	Metadata map[string]any
	// AccessToken and RefreshToken are the provider's, after a code flow only; RefreshToken may be empty.
	AccessToken, RefreshToken string
	// Expiry is the end of the access token; zero if it has none.
	Expiry time.Time
}

// Email is an address that a provider tells of.
type Email struct {
	Address string
	// Verified says that the provider vouches for the address to be the person's.
	Verified bool
	// Primary is true for the address that the person prefers.
	Primary bool
}

// New makes a provider without asking it anything. The error tells what is wrong with the configuration.
func New(cfg Config) (Provider, error) {
	if cfg.Name == "" {
		cfg.Name = cfg.Preset
	}
	cfg.ClientIDs = slices.DeleteFunc(slices.Clone(cfg.ClientIDs), func(id string) bool { return id == "" })
	cfg.URL = strings.TrimSpace(cfg.URL)
	p, err := newPreset(cfg)
	if err == nil {
		err = cfg.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", cfg.Name, err)
	}
	return p, nil
}

func newPreset(cfg Config) (Provider, error) {
	switch cfg.Preset {
	case "oidc":
		if cfg.URL == "" {
			return nil, errors.New("an issuer URL is needed")
		}
		return newOpenID(cfg, generic(cfg.URL)), nil
	case "google":
		return newOpenID(cfg, google()), nil
	case "apple":
		return newOpenID(cfg, apple()), nil
	case "azure":
		return newOpenID(cfg, azure(cfg.URL)), nil
	case "github":
		return newGitHub(cfg), nil
	}
	return nil, fmt.Errorf("unknown preset %q", cfg.Preset)
}

func (c *Config) validate() error {
	if len(c.ClientIDs) == 0 {
		return errors.New("a client ID is needed")
	}
	for what, text := range map[string]string{"URL": c.URL, "redirect URI": c.RedirectURI} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Fragment != "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("%s is not an absolute http(s) URL", what)
		}
	}
	return nil
}
