package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// maxToken bounds the ID tokens that are looked at, in bytes.
const maxToken = 64 << 10

// invalid is an ErrToken with its reason.
func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrToken, reason) }

// claimedIssuer reads who a token says has issued it, before anything of it is checked.
func claimedIssuer(raw string) (string, error) {
	if len(raw) > maxToken {
		return "", invalid("it is too long")
	}
	// Only the compact form: the JSON forms of JWS are no ID tokens.
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "", invalid("it is not a signed JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", invalid("its claims are not base64url")
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", invalid("its claims are not JSON")
	}
	return claims.Issuer, nil
}

// keySet remembers how the verifier's question for a signature ended, which the verifier's error does not tell.
type keySet struct {
	oidc.KeySet
	failure error
}

func (s *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := s.KeySet.VerifySignature(ctx, jwt)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		s.failure = &unavailableError{"signing keys", ctx.Err()}
	case errors.Unwrap(err) != nil:
		// The remote key set wraps what went wrong while fetching keys, and nothing else.
		s.failure = unavailable("signing keys", err)
	default:
		s.failure = invalid("its signature does not verify")
	}
	return payload, err
}

// verify checks the signature, issuer and times of a token. The verifier's errors are not handed on: they quote the token.
func verify(ctx context.Context, doc *document, issuer, raw string) (*oidc.IDToken, error) {
	keys := &keySet{KeySet: doc.keys}
	token, err := oidc.NewVerifier(issuer, keys, &oidc.Config{
		SkipClientIDCheck: true, SupportedSigningAlgs: doc.Algorithms,
	}).Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case err == nil && token.Subject == "":
		return nil, invalid("it has no subject")
	case err == nil:
		return token, nil
	case keys.failure != nil:
		return nil, keys.failure
	case errors.As(err, &expired):
		return nil, invalid("it has expired")
	}
	return nil, invalid("it is malformed, not valid yet, or signed in a way that is not accepted")
}

// checkAudience follows OpenID Connect Core 1.0, section 3.1.3.7, rules 3 to 5: the token is for one of ours, and if others
// share it, it was issued to one of ours. With anyParty a token that is for ours alone may be issued to another: apps of one
// project at Google get tokens for its server.
func checkAudience(token *oidc.IDToken, ours []string, anyParty bool) error {
	foreign := 0
	for _, audience := range token.Audience {
		if !slices.Contains(ours, audience) {
			foreign++
		}
	}
	if foreign == len(token.Audience) {
		return invalid("it is for another client")
	}
	var claims struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return invalid("its azp is no string")
	}
	switch {
	case claims.Party == "" && foreign > 0:
		return invalid("it is for several clients and does not say for which")
	case claims.Party == "" || slices.Contains(ours, claims.Party):
		return nil
	case anyParty && foreign == 0:
		return nil
	}
	return invalid("it was issued to another client")
}

// checkNonce compares the nonce that was sent with that of the token, in constant time.
func checkNonce(token *oidc.IDToken, sent string) error {
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(sent)) != 1 {
		return invalid("its nonce is another one")
	}
	return nil
}

// checkHashedNonce is checkNonce for the id_token grant, where apps hand the provider a nonce's SHA-256 in hex.
func checkHashedNonce(token *oidc.IDToken, raw string) error {
	if (token.Nonce == "") != (raw == "") {
		return invalid("a nonce must be both in it and beside it, or in neither place")
	}
	if raw == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(raw))
	return checkNonce(token, hex.EncodeToString(sum[:]))
}

// checkAccessToken ties an access token to the ID token that came with it, as far as the latter has an at_hash.
func checkAccessToken(token *oidc.IDToken, access string) error {
	if access == "" || token.AccessTokenHash == "" {
		return nil
	}
	if token.VerifyAccessToken(access) != nil {
		return invalid("its at_hash is of another access token")
	}
	return nil
}
