package rls

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// NewSecret returns a random secret for HS256 with 384 bits, as text.
func NewSecret() string {
	var b [48]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Issue makes a token signed with HS256. The claims role, iat and exp are set from the arguments; others are taken as they
// are. A ttl of zero makes a token that does not expire. It fails on a secret shorter than 32 bytes and on claims that have
// no JSON form.
func Issue(secret []byte, role string, claims map[string]any, issuedAt time.Time, ttl time.Duration) (string, error) {
	if len(secret) < minSecret {
		return "", ErrShortSecret
	}
	all := maps.Clone(claims)
	if all == nil {
		all = make(map[string]any, 3)
	}
	all["role"] = role
	all["iat"] = issuedAt.Unix()
	if ttl > 0 {
		all["exp"] = issuedAt.Add(ttl).Unix()
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("rls: claims: %w", err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set(jws.TypeKey, "JWT"); err != nil {
		return "", fmt.Errorf("rls: header: %w", err)
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256, secret, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("rls: sign: %w", err)
	}
	return string(token), nil
}
