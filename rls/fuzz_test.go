package rls_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"nexus/rls"
)

func decode(t testing.TB, part string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzAuthorization looks for a header that is accepted though it should not be, or that upsets the verifier. What is
// accepted is checked again in the plainest way there is.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Bearer", "bearer x.y.z", "Basic abc", "Bearer " + sign(f, `{"role":"r","exp":4102444800}`),
		"Bearer " + sign(f, `{"role":{"a":[1,null]},"aud":["x"],"nbf":1e3}`),
		"Bearer " + hmacSigner(secret, sha256.New).token(f, `{"alg":"none","kid":""}`, `{}`),
		"Bearer " + hmacSigner(secret, sha256.New).token(f, `{"alg":"HS256","kid":null,"typ":"JWT"}`, `{"role":"\u0000"}`),
		"Bearer " + ed25519Signer(edKey()).token(f, `{"alg":"EdDSA","kid":"ed"}`, `{"role":"r"}`),
	} {
		f.Add(seed)
	}
	v := newVerifier(f, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", CacheEntries: 4})
	sets := newVerifier(f, rls.VerifierConfig{Secret: []byte(marshal(f, jwkSet(
		jwk(p256Key(), object{"kid": "p"}), jwk(edKey(), object{"kid": "ed"}),
	)))})
	f.Fuzz(func(t *testing.T, authorization string) {
		_, _ = sets.Authenticate(t.Context(), authorization)
		identity, err := v.Authenticate(t.Context(), authorization)
		if err != nil {
			var refused *rls.Error
			if identity != nil || !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, "PGRST30") {
				t.Errorf("%+v, %v", identity, err)
			}
			return
		}
		if !json.Valid([]byte(identity.Claims)) || strings.Contains(identity.Claims+identity.Role, "\x00") {
			t.Errorf("unusable identity %q %q", identity.Role, identity.Claims)
		}
		if identity.Anonymous {
			if len(authorization) >= 7 && strings.EqualFold(authorization[:7], "bearer ") {
				t.Error("a bearer is anonymous")
			}
			return
		}
		token := authorization[strings.LastIndexAny(authorization, " \t\n\v\f\r")+1:]
		dot := strings.LastIndexByte(token, '.')
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token[:dot]))
		if !hmac.Equal(mac.Sum(nil), decode(t, token[dot+1:])) {
			t.Error("accepted without a signature")
		}
	})
}

// FuzzSecret looks for a secret that upsets the verifier, or that makes one that accepts what everybody can sign.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		secret, "", `{"kty":"oct","k":""}`, `{"keys":[null,1,{}]}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"AA"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB","alg":5}`,
		marshal(f, jwk(p256Key(), nil)), marshal(f, jwkSet(jwk(edKey(), nil), jwk(shared, nil))), "-----BEGIN PUBLIC KEY-----",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	tokens := []string{hmacSigner("", sha256.New).token(f, header("HS256"), `{"role":"r"}`)}
	for _, a := range []string{"ES256", "EdDSA", "RS256"} {
		tokens = append(tokens, encode([]byte(header(a)))+"."+encode([]byte(`{"role":"r"}`))+"."+encode(make([]byte, 64)))
	}
	f.Fuzz(func(t *testing.T, text string, isBase64 bool) {
		v, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(text), SecretIsBase64: isBase64})
		if err != nil {
			return
		}
		defer v.Close()
		for _, token := range tokens {
			if identity, err := v.Authenticate(t.Context(), "Bearer "+token); err == nil {
				t.Errorf("accepted as %+v", identity)
			}
		}
	})
}
