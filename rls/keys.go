package rls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// minSecret is the least length of a shared secret in bytes (RFC 7518, section 3.2).
const minSecret = 32

// ErrShortSecret refuses a secret that is too short for HS256.
var ErrShortSecret = errors.New("The JWT secret must be at least 32 characters long.") //nolint:staticcheck // PostgREST's words

// key is one verification key with the algorithms it may be used for.
type key struct {
	id         string
	material   any
	algorithms []jwa.SignatureAlgorithm
}

// parseKeys reads the secret's three forms: a JWK set, a JWK, or a plain secret for HS256.
func parseKeys(secret []byte, isBase64 bool) ([]key, error) {
	if isBase64 {
		decoded, err := decodeBase64(secret)
		if err != nil {
			return nil, fmt.Errorf("jwt-secret is not base64: %w", err)
		}
		secret = decoded
	}
	if trimmed := bytes.TrimSpace(secret); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return parseKeySet(trimmed)
	}
	if len(secret) < minSecret {
		return nil, ErrShortSecret
	}
	return []key{{material: secret, algorithms: []jwa.SignatureAlgorithm{jwa.HS256}}}, nil
}

// decodeBase64 takes the standard and the URL alphabet, with '.' for padding, as PostgREST does.
func decodeBase64(text []byte) ([]byte, error) {
	standard := strings.NewReplacer("-", "+", "_", "/", ".", "=").Replace(strings.TrimSpace(string(text)))
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(standard, "="))
}

func parseKeySet(text []byte) ([]key, error) {
	set, err := jwk.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("jwt-secret is not a usable JWK or JWK set: %w", err)
	}
	return keysOf(set)
}

// keysOf keeps the keys that can verify a signature.
func keysOf(set jwk.Set) ([]key, error) {
	var keys []key
	for i := range set.Len() {
		one, _ := set.Key(i)
		if one.KeyUsage() == "enc" {
			continue
		}
		k, err := newKey(one)
		if err != nil {
			return nil, err
		}
		if len(k.algorithms) > 0 {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func newKey(one jwk.Key) (key, error) {
	if public, err := one.PublicKey(); err == nil {
		one = public
	}
	k := key{id: one.KeyID()}
	if err := one.Raw(&k.material); err != nil {
		return k, fmt.Errorf("jwt-secret holds an unusable key: %w", err)
	}
	k.algorithms = algorithmsOf(k.material)
	if named := one.Algorithm(); named != nil && named.String() != "" {
		k.algorithms = only(k.algorithms, named.String())
	}
	return k, nil
}

// algorithmsOf ties algorithms to the type of a key, so that a public key can never serve as a shared secret.
func algorithmsOf(material any) []jwa.SignatureAlgorithm {
	switch m := material.(type) {
	case []byte:
		return []jwa.SignatureAlgorithm{jwa.HS256, jwa.HS384, jwa.HS512}
	case *rsa.PublicKey:
		return []jwa.SignatureAlgorithm{jwa.RS256, jwa.RS384, jwa.RS512, jwa.PS256, jwa.PS384, jwa.PS512}
	case ed25519.PublicKey:
		return []jwa.SignatureAlgorithm{jwa.EdDSA}
	case *ecdsa.PublicKey:
		switch m.Curve.Params().BitSize {
		case 256:
			return []jwa.SignatureAlgorithm{jwa.ES256}
		case 384:
			return []jwa.SignatureAlgorithm{jwa.ES384}
		case 521:
			return []jwa.SignatureAlgorithm{jwa.ES512}
		}
	}
	return nil
}

func only(algorithms []jwa.SignatureAlgorithm, name string) []jwa.SignatureAlgorithm {
	for _, a := range algorithms {
		if a.String() == name {
			return []jwa.SignatureAlgorithm{a}
		}
	}
	return nil
}

// tokenHeader is what of a JOSE header decides how a token is verified.
type tokenHeader struct {
	Algorithm string   `json:"alg"`
	KeyID     string   `json:"kid"`
	Critical  []string `json:"crit"`
}

// suits reports whether the key may verify a token with that header.
func (k *key) suits(h tokenHeader) (jwa.SignatureAlgorithm, bool) {
	if k.id != "" && h.KeyID != "" && k.id != h.KeyID {
		return "", false
	}
	for _, a := range k.algorithms {
		if a.String() == h.Algorithm {
			return a, true
		}
	}
	return "", false
}

// verify checks a token's signature against the keys and returns its payload.
func verify(keys []key, token string) ([]byte, *Error) {
	header, refused := parseHeader(token)
	if refused != nil {
		return nil, refused
	}
	tried := false
	for i := range keys {
		algorithm, ok := keys[i].suits(header)
		if !ok {
			continue
		}
		tried = true
		if payload, err := jws.Verify([]byte(token), jws.WithKey(algorithm, keys[i].material)); err == nil {
			return payload, nil
		}
	}
	if !tried {
		return nil, errNoKey
	}
	return nil, errKeysFailed
}

// parseHeader reads the header of a compact serialization (RFC 7515, section 3.1).
func parseHeader(token string) (h tokenHeader, refused *Error) {
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return h, badToken(fmt.Sprintf("Expected 3 parts in JWT; got %d", parts), nil)
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return h, errCrypto
	}
	switch {
	case h.Algorithm == "none":
		return h, errUnsecured
	case h.Algorithm == "", len(h.Critical) > 0:
		// No extension is understood, so RFC 7515 (section 4.1.11) demands a refusal.
		return h, errCrypto
	}
	return h, nil
}
