package rls_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"

	"nexus/rls"
)

// secret is that of the recorded exchanges.
const secret = "a-secret-of-at-least-32-bytes-length!!"

type object = map[string]any

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func marshal(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signer makes signatures with the standard library alone, so that the tests do not ask the library under test for them.
type signer func(t testing.TB, message string) []byte

// token signs a payload under a header, both as they are.
func (s signer) token(t testing.TB, header, payload string) string {
	t.Helper()
	message := encode([]byte(header)) + "." + encode([]byte(payload))
	return message + "." + encode(s(t, message))
}

func hmacSigner(key string, newHash func() hash.Hash) signer {
	return func(_ testing.TB, message string) []byte {
		mac := hmac.New(newHash, []byte(key))
		mac.Write([]byte(message))
		return mac.Sum(nil)
	}
}

func digest(h crypto.Hash, message string) []byte {
	d := h.New()
	d.Write([]byte(message))
	return d.Sum(nil)
}

func rsaSigner(key *rsa.PrivateKey, h crypto.Hash, pss bool) signer {
	return func(t testing.TB, message string) []byte {
		var signature []byte
		var err error
		if pss {
			signature, err = rsa.SignPSS(rand.Reader, key, h, digest(h, message),
				&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, err = rsa.SignPKCS1v15(rand.Reader, key, h, digest(h, message))
		}
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func ecdsaSigner(key *ecdsa.PrivateKey, h crypto.Hash) signer {
	return func(t testing.TB, message string) []byte {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest(h, message))
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		out := make([]byte, 2*size)
		r.FillBytes(out[:size])
		s.FillBytes(out[size:])
		return out
	}
}

func ed25519Signer(key ed25519.PrivateKey) signer {
	return func(_ testing.TB, message string) []byte { return ed25519.Sign(key, []byte(message)) }
}

// Keys are made once, because making an RSA key takes long.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECDSA(elliptic.P256()) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECDSA(elliptic.P384()) })
	p521Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECDSA(elliptic.P521()) })
	otherKey = sync.OnceValue(func() *ecdsa.PrivateKey { return newECDSA(elliptic.P256()) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))) })
)

func newECDSA(curve elliptic.Curve) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(curve, rand.Reader))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// jwk makes a JWK of a public key or a shared one, with further members.
func jwk(material any, more ...object) object {
	var out object
	switch m := material.(type) {
	case string:
		out = object{"kty": "oct", "k": encode([]byte(m))}
	case *rsa.PrivateKey:
		out = object{"kty": "RSA", "n": encode(m.N.Bytes()), "e": encode(big.NewInt(int64(m.E)).Bytes())}
	case *ecdsa.PrivateKey:
		point := must(m.PublicKey.Bytes())[1:] // without the mark of an uncompressed point
		half := len(point) / 2
		out = object{
			"kty": "EC", "crv": m.Curve.Params().Name, "x": encode(point[:half]), "y": encode(point[half:]),
		}
	case ed25519.PrivateKey:
		out = object{"kty": "OKP", "crv": "Ed25519", "x": encode(m.Public().(ed25519.PublicKey))}
	default:
		panic("unknown key")
	}
	for _, members := range more {
		maps.Copy(out, members)
	}
	return out
}

func jwkSet(keys ...object) object { return object{"keys": keys} }

func newVerifier(t testing.TB, cfg rls.VerifierConfig) *rls.Verifier {
	t.Helper()
	v, err := rls.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// authenticate expects an identity.
func authenticate(t testing.TB, v *rls.Verifier, token string) *rls.Identity {
	t.Helper()
	identity, err := v.Authenticate(context.Background(), "Bearer "+token)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return identity
}

// refusal expects an error, which must be an *rls.Error.
func refusal(t testing.TB, v *rls.Verifier, authorization string) *rls.Error {
	t.Helper()
	identity, err := v.Authenticate(context.Background(), authorization)
	if err == nil {
		t.Fatalf("accepted as %+v", identity)
	}
	var refused *rls.Error
	if !errors.As(err, &refused) {
		t.Fatalf("not an *rls.Error: %v", err)
	}
	return refused
}

// What most tests expect.
var (
	wrongKey   = badToken("No suitable key or wrong key type", "None of the keys was able to decode the JWT")
	unknownKey = badToken("No suitable key or wrong key type", "No suitable key was found to decode the JWT")
	badCrypto  = badToken("JWT cryptographic operation failed", nil)
)

func badToken(message string, details any) rls.Error {
	return rls.Error{
		Status: 401, Code: "PGRST301", Message: message, Details: details,
		WWWAuthenticate: `Bearer error="invalid_token", error_description="` + message + `"`,
	}
}

func badClaims(message string) rls.Error {
	e := badToken(message, nil)
	e.Code = "PGRST303"
	return e
}
