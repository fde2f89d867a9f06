package rls

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"time"
)

// NewSecret returns a random secret for HS256 with 384 bits, as text.
func NewSecret() string {
	var b [48]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Issue makes a token with a plain secret for HS256, as SigningKey.Issue does. It fails on a secret shorter than 32 bytes,
// too.
func Issue(secret []byte, role string, claims map[string]any, issuedAt time.Time, ttl time.Duration) (string, error) {
	k, err := SecretKey(secret, issuedAt, Current)
	if err != nil {
		return "", err
	}
	return k.Issue(role, claims, issuedAt, ttl)
}

// Issue makes a token. The claims role, iat and exp are set from the arguments; others are taken as they are. A ttl of zero
// makes a token that does not expire. It fails on claims that have no JSON form.
func (k *SigningKey) Issue(role string, claims map[string]any, issuedAt time.Time, ttl time.Duration) (string, error) {
	all := maps.Clone(claims)
	if all == nil {
		all = make(map[string]any, 3)
	}
	all["role"] = role
	all["iat"] = issuedAt.Unix()
	if ttl > 0 {
		all["exp"] = issuedAt.Add(ttl).Unix()
	}
	return k.Sign(all)
}
