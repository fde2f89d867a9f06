package provider

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// preset is what sets one OpenID Connect provider apart from others.
type preset struct {
	// base is the address that the discovery document is asked of, and exact whether it must be that document's issuer.
	base  string
	exact bool
	// scopes are those that a login needs.
	scopes []string
	// params are sent with each authorization request.
	params map[string]string
	// signer says whose document holds the keys for a token that claims an issuer, and whether it may claim that one. The
	// base's document, home, comes with it.
	signer func(ctx context.Context, dir *directory, home *document, claimed string) (*document, error)
	// identify reads who a verified token tells of.
	identify func(claims) *identity
	// userinfo asks the userinfo endpoint for what the token leaves out.
	userinfo bool
	// anyParty accepts tokens of the id_token grant that other clients of the same project got for one of ours.
	anyParty bool
	// complete adds what the browser's form tells, which nobody vouches for.
	complete func(*identity, ExchangeRequest)
}

// openID is a provider of OpenID Connect.
type openID struct {
	cfg    Config
	preset preset
	client *http.Client
	dir    *directory
}

func newOpenID(cfg Config, p preset) *openID {
	client := newClient(cfg.HTTPClient)
	return &openID{cfg: cfg, preset: p, client: client, dir: newDirectory(client)}
}

// Name implements Provider.
func (p *openID) Name() string { return p.cfg.Name }

// AuthURL implements Provider.
func (p *openID) AuthURL(ctx context.Context, req AuthRequest) (string, error) {
	if req.Nonce == "" {
		return "", errors.New("provider: a nonce is needed")
	}
	doc, err := p.home(ctx)
	if err != nil {
		return "", err
	}
	return authURL(p.oauth(doc), req, p.preset.params)
}

// Exchange implements Provider.
func (p *openID) Exchange(ctx context.Context, req ExchangeRequest) (*Login, error) {
	doc, err := p.home(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := exchange(ctx, p.client, p.oauth(doc), req)
	if err != nil {
		return nil, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, invalid("the provider sent none")
	}
	token, err := p.verify(ctx, doc, raw)
	if err != nil {
		return nil, err
	}
	err = cmp.Or(
		checkAudience(token, p.cfg.ClientIDs[:1], false),
		checkNonce(token, req.Nonce),
		checkAccessToken(token, tokens.AccessToken),
	)
	if err != nil {
		return nil, err
	}
	who, err := p.identify(ctx, doc, token, tokens.AccessToken)
	if err != nil {
		return nil, err
	}
	if p.preset.complete != nil {
		p.preset.complete(who, req)
	}
	login, err := who.login(p.cfg.EmailOptional)
	if err != nil {
		return nil, err
	}
	login.AccessToken, login.RefreshToken, login.Expiry = tokens.AccessToken, tokens.RefreshToken, tokens.Expiry
	return login, nil
}

// VerifyIDToken implements Provider.
func (p *openID) VerifyIDToken(ctx context.Context, req IDTokenRequest) (*Login, error) {
	doc, err := p.home(ctx)
	if err != nil {
		return nil, err
	}
	token, err := p.verify(ctx, doc, req.IDToken)
	if err != nil {
		return nil, err
	}
	err = cmp.Or(
		checkAudience(token, p.cfg.ClientIDs, p.preset.anyParty),
		checkAccessToken(token, req.AccessToken),
	)
	if !p.cfg.SkipNonceCheck {
		err = cmp.Or(err, checkHashedNonce(token, req.Nonce))
	}
	if err != nil {
		return nil, err
	}
	who, err := p.identify(ctx, doc, token, "")
	if err != nil {
		return nil, err
	}
	return who.login(p.cfg.EmailOptional)
}

// home is the provider's own document.
func (p *openID) home(ctx context.Context) (*document, error) {
	return p.dir.get(ctx, p.preset.base, p.preset.exact)
}

func (p *openID) oauth(doc *document) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.cfg.ClientIDs[0], ClientSecret: p.cfg.Secret, RedirectURL: p.cfg.RedirectURI,
		Endpoint: doc.endpoint(p.cfg.Secret), Scopes: slices.Concat(p.preset.scopes, p.cfg.Scopes),
	}
}

// verify checks a token with the keys of who claims to have issued it, if they may have.
func (p *openID) verify(ctx context.Context, home *document, raw string) (*oidc.IDToken, error) {
	claimed, err := claimedIssuer(raw)
	if err != nil {
		return nil, err
	}
	doc, err := p.preset.signer(ctx, p.dir, home, claimed)
	if err != nil {
		return nil, err
	}
	return verify(ctx, doc, claimed, raw)
}

// identify reads a token, and the userinfo endpoint if that may tell the address which the token does not.
func (p *openID) identify(ctx context.Context, doc *document, token *oidc.IDToken, access string) (*identity, error) {
	said := make(claims)
	if err := token.Claims(&said); err != nil {
		return nil, invalid("its claims are not JSON")
	}
	if p.preset.userinfo && doc.UserInfoURL != "" && access != "" && said.text("email") == "" {
		more := make(claims)
		if err := fetch(ctx, p.client, doc.UserInfoURL, access, &more); err != nil {
			return nil, err
		}
		// Without this, an access token of somebody else would be believed (OpenID Connect Core 1.0, section 5.3.2).
		if more.text("sub") != token.Subject {
			return nil, invalid("the userinfo endpoint tells of somebody else")
		}
		for name, value := range more {
			if _, ok := said[name]; !ok {
				said[name] = value
			}
		}
	}
	who := p.preset.identify(said)
	who.subject = token.Subject
	who.data["iss"], who.data["sub"], who.data["provider_id"] = token.Issuer, token.Subject, token.Subject
	return who, nil
}

// sameIssuer lets only the base's own issuer sign.
func sameIssuer(_ context.Context, _ *directory, home *document, claimed string) (*document, error) {
	if claimed != home.Issuer {
		return nil, errOtherIssuer
	}
	return home, nil
}

var errOtherIssuer = invalid("another issuer made it")

// generic is any provider of OpenID Connect, by its issuer.
func generic(issuer string) preset {
	return preset{
		base: issuer, exact: true, scopes: []string{oidc.ScopeOpenID, "profile", "email"},
		signer: sameIssuer, identify: identifyGeneric, userinfo: true,
	}
}

const issuerGoogle = "https://accounts.google.com"

// google is Google (https://developers.google.com/identity/openid-connect/openid-connect).
func google() preset {
	return preset{
		base: issuerGoogle, exact: true, scopes: []string{oidc.ScopeOpenID, "email", "profile"},
		signer: func(_ context.Context, _ *directory, home *document, claimed string) (*document, error) {
			// Google's documentation names both spellings.
			if claimed != issuerGoogle && claimed != strings.TrimPrefix(issuerGoogle, "https://") {
				return nil, errOtherIssuer
			}
			return home, nil
		},
		identify: identifyGoogle, anyParty: true,
	}
}
