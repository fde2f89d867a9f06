package rls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const (
	// minSecret is the least length of a shared secret in bytes (RFC 7518, section 3.2).
	minSecret = 32
	// minRSA is the least length of an RSA modulus in bits (RFC 7518, section 3.3).
	minRSA = 2048
)

// Errors of a jwt-secret.
var (
	// ErrShortSecret refuses a secret that is too short for HS256.
	ErrShortSecret = errors.New("The JWT secret must be at least 32 characters long.") //nolint:staticcheck // PostgREST's words
	// ErrPublicSecret refuses a public key or certificate as a shared secret: everybody who has it could sign tokens.
	ErrPublicSecret = errors.New("jwt-secret is a public key or certificate; give it as a JWK")
	// ErrNoKey refuses a JWK or JWK set without a key for signatures.
	ErrNoKey = errors.New("jwt-secret is a JWK or JWK set without a key that can verify a signature")
)

// key is one verification key with what verifies signatures for each algorithm that it may be used for.
type key struct {
	id        string // "" if it has none
	byName    bool   // it is only for tokens that name it
	material  any
	verifiers map[jwa.SignatureAlgorithm]jws.Verifier
}

// symmetric is true of a key that signs as well.
func (k *key) symmetric() bool {
	_, ok := k.material.([]byte)
	return ok
}

// parseSecret reads the three forms of a jwt-secret: a JWK set, a JWK, or a plain secret for HS256. PostgREST takes a JWK
// that it cannot read as a plain secret; here that is an error, because the text may well be public.
func parseSecret(secret []byte, isBase64 bool) ([]key, error) {
	if isBase64 {
		decoded, err := decodeSecret(secret)
		if err != nil {
			return nil, fmt.Errorf("jwt-secret is not base64: %w", err)
		}
		secret = decoded
	}
	if trimmed := bytes.TrimSpace(secret); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		keys, unusable, err := parseKeySet(trimmed)
		if err = errors.Join(err, unusable); err != nil {
			return nil, fmt.Errorf("jwt-secret is not a usable JWK or JWK set: %w", err)
		}
		if len(keys) == 0 {
			return nil, ErrNoKey
		}
		return keys, nil
	}
	switch {
	case len(secret) < minSecret:
		return nil, ErrShortSecret
	case isPublic(secret):
		return nil, ErrPublicSecret
	}
	k, err := newKey("", secret, jwa.HS256)
	return []key{k}, err
}

// decodeSecret takes the standard and the URL alphabet, with '.' for padding, as PostgREST does, and no padding at all.
func decodeSecret(text []byte) ([]byte, error) {
	standard := strings.NewReplacer("-", "+", "_", "/", ".", "=").Replace(strings.TrimSpace(string(text)))
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(standard, "="))
}

// isPublic recognizes what is made to be given away: public keys and certificates, as PEM or DER.
func isPublic(secret []byte) bool {
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return !bytes.Contains(secret, []byte("PRIVATE KEY-----"))
	}
	if _, err := x509.ParsePKIXPublicKey(secret); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(secret); err == nil {
		return true
	}
	_, err := x509.ParseCertificate(secret)
	return err == nil
}

// parseKeySet reads a JWK set or a single JWK (RFC 7517). Keys of unknown types and keys for other purposes are left out;
// unusable tells about those that should have been usable.
func parseKeySet(text []byte) (keys []key, unusable, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, nil, err
	}
	var set []json.RawMessage
	if list, ok := members["keys"]; !ok {
		set = []json.RawMessage{text}
	} else if err := json.Unmarshal(list, &set); err != nil {
		return nil, nil, err
	}
	var problems []error
	for i, one := range set {
		k, err := parseKey(one)
		if err != nil {
			problems = append(problems, fmt.Errorf("key %d: %w", i+1, err))
		} else if len(k.verifiers) > 0 {
			keys = append(keys, k)
		}
	}
	return keys, errors.Join(problems...), nil
}

// parseKey reads one JWK. A private key is taken for its public one. A key without verifiers is for something else.
func parseKey(text []byte) (key, error) {
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return key{}, err
	}
	switch members["kty"] {
	case "RSA", "EC", "OKP", "oct":
	default:
		return key{}, nil
	}
	if use := members["use"]; use != nil && use != "sig" {
		return key{}, nil
	}
	parsed, err := jwk.ParseKey(text)
	if err != nil {
		return key{}, err
	}
	public, err := parsed.PublicKey()
	if err != nil {
		return key{}, err
	}
	var material any
	if err := public.Raw(&material); err != nil {
		return key{}, err
	}
	if err := checkMaterial(material); err != nil {
		return key{}, err
	}
	suitable := algorithmsOf(material)
	if named := members["alg"]; named != nil {
		suitable = only(suitable, named)
	}
	return newKey(parsed.KeyID(), material, suitable...)
}

func newKey(id string, material any, suitable ...jwa.SignatureAlgorithm) (key, error) {
	k := key{id: id, material: material, verifiers: make(map[jwa.SignatureAlgorithm]jws.Verifier, len(suitable))}
	for _, algorithm := range suitable {
		verifier, err := jws.NewVerifier(algorithm)
		if err != nil {
			return key{}, err
		}
		k.verifiers[algorithm] = verifier
	}
	return k, nil
}

// checkMaterial refuses keys that are too weak, and those on which the cryptographic packages would panic.
func checkMaterial(material any) error {
	switch m := material.(type) {
	case []byte:
		if len(m) == 0 {
			return errors.New("the symmetric key is empty")
		}
	case *rsa.PublicKey:
		if m.N.BitLen() < minRSA {
			return fmt.Errorf("the RSA key has %d bits; at least %d are needed", m.N.BitLen(), minRSA)
		}
	case *ecdsa.PublicKey:
		if _, err := m.ECDH(); err != nil {
			return err
		}
	case ed25519.PublicKey:
		if len(m) != ed25519.PublicKeySize {
			return fmt.Errorf("the Ed25519 key has %d bytes instead of %d", len(m), ed25519.PublicKeySize)
		}
	}
	return nil
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

func only(suitable []jwa.SignatureAlgorithm, name any) []jwa.SignatureAlgorithm {
	for _, a := range suitable {
		if name == a.String() {
			return []jwa.SignatureAlgorithm{a}
		}
	}
	return nil
}
