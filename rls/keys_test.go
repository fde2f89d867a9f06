package rls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"nexus/rls"
)

// shared is a key for all of HS256, HS384 and HS512.
var shared = strings.Repeat("0123456789abcdef", 4)

type algorithm struct {
	name     string
	material any
	sign     signer
}

func allAlgorithms() []algorithm {
	return []algorithm{
		{"HS256", shared, hmacSigner(shared, sha256.New)},
		{"HS384", shared, hmacSigner(shared, sha512.New384)},
		{"HS512", shared, hmacSigner(shared, sha512.New)},
		{"RS256", rsaKey(), rsaSigner(rsaKey(), crypto.SHA256, false)},
		{"RS384", rsaKey(), rsaSigner(rsaKey(), crypto.SHA384, false)},
		{"RS512", rsaKey(), rsaSigner(rsaKey(), crypto.SHA512, false)},
		{"PS256", rsaKey(), rsaSigner(rsaKey(), crypto.SHA256, true)},
		{"PS384", rsaKey(), rsaSigner(rsaKey(), crypto.SHA384, true)},
		{"PS512", rsaKey(), rsaSigner(rsaKey(), crypto.SHA512, true)},
		{"ES256", p256Key(), ecdsaSigner(p256Key(), crypto.SHA256)},
		{"ES384", p384Key(), ecdsaSigner(p384Key(), crypto.SHA384)},
		{"ES512", p521Key(), ecdsaSigner(p521Key(), crypto.SHA512)},
		{"EdDSA", edKey(), ed25519Signer(edKey())},
	}
}

func header(name string) string { return `{"alg":"` + name + `","typ":"JWT"}` }

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, a := range allAlgorithms() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			token := a.sign.token(t, header(a.name), `{"role":"r"}`)
			for _, secret := range []object{
				jwk(a.material, nil), jwk(a.material, object{"alg": a.name, "use": "sig", "kid": "k"}),
				jwkSet(jwk(otherKey(), nil), jwk(a.material, nil)),
			} {
				v := newVerifier(t, rls.VerifierConfig{Secret: []byte(marshal(t, secret))})
				if got := authenticate(t, v, token); got.Role != "r" {
					t.Errorf("role %q", got.Role)
				}
				head, rest, _ := strings.Cut(token, ".")
				_, signature, _ := strings.Cut(rest, ".")
				forged := head + "." + encode([]byte(`{"role":"other"}`)) + "." + signature
				if got := *refusal(t, v, "Bearer "+forged); got != wrongKey {
					t.Errorf("forged: got %+v", got)
				}
			}
		})
	}
}

// TestAlgorithmAndKeyMustMatch signs with each algorithm and says another in the header.
func TestAlgorithmAndKeyMustMatch(t *testing.T) {
	t.Parallel()
	all := allAlgorithms()
	for _, signed := range all {
		v := newVerifier(t, rls.VerifierConfig{Secret: []byte(marshal(t, jwk(signed.material, nil)))})
		pinned := newVerifier(t, rls.VerifierConfig{Secret: []byte(marshal(t, jwk(signed.material, object{"alg": signed.name})))})
		for _, said := range all {
			if said.name == signed.name {
				continue
			}
			token := signed.sign.token(t, header(said.name), `{"role":"r"}`)
			if got := *refusal(t, v, "Bearer "+token); got != wrongKey && got != unknownKey {
				t.Errorf("%s as %s: got %+v", signed.name, said.name, got)
			}
			honest := said.sign.token(t, header(said.name), `{"role":"r"}`)
			if got := *refusal(t, pinned, "Bearer "+honest); got != unknownKey {
				t.Errorf("%s where the key says %s: got %+v", said.name, signed.name, got)
			}
		}
	}
}

// TestPublicKeyIsNoSharedSecret signs with HMAC under everything an attacker can know of a public key.
func TestPublicKeyIsNoSharedSecret(t *testing.T) {
	t.Parallel()
	for name, private := range map[string]crypto.Signer{"RSA": rsaKey(), "EC": p256Key(), "Ed25519": edKey()} {
		der := must(x509.MarshalPKIXPublicKey(private.Public()))
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		public := marshal(t, jwk(private, nil))
		v := newVerifier(t, rls.VerifierConfig{Secret: []byte(public)})
		recognized := []string{string(der), string(text), strings.TrimSpace(string(text))}
		guesses := []string{public}
		if key, ok := private.(*rsa.PrivateKey); ok {
			recognized = append(recognized, string(x509.MarshalPKCS1PublicKey(&key.PublicKey)))
			guesses = append(guesses, string(key.N.Bytes()))
		}
		for _, guess := range append(guesses, recognized...) {
			forged := hmacSigner(guess, sha256.New).token(t, header("HS256"), `{"role":"r"}`)
			if got := *refusal(t, v, "Bearer "+forged); got != unknownKey {
				t.Errorf("%s: got %+v", name, got)
			}
		}
		for _, guess := range recognized {
			if _, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(guess)}); !errors.Is(err, rls.ErrPublicSecret) {
				t.Errorf("%s: a public key is taken for a secret: %v", name, err)
			}
		}
		encoded := base64.StdEncoding.EncodeToString(der)
		if _, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(encoded), SecretIsBase64: true}); !errors.Is(err, rls.ErrPublicSecret) {
			t.Errorf("%s: a public key in base64 is taken for a secret: %v", name, err)
		}
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(marshal(t, jwkSet(
		jwk(p256Key(), object{"kid": "one"}), jwk(otherKey(), object{"kid": "two"}), jwk(edKey(), nil),
	)))})
	first, second := ecdsaSigner(p256Key(), crypto.SHA256), ecdsaSigner(otherKey(), crypto.SHA256)
	for name, c := range map[string]struct {
		sign   signer
		header string
		want   rls.Error
	}{
		"first":                 {first, `{"alg":"ES256","kid":"one"}`, rls.Error{}},
		"second":                {second, `{"alg":"ES256","kid":"two"}`, rls.Error{}},
		"unnamed":               {second, `{"alg":"ES256"}`, rls.Error{}},
		"null":                  {second, `{"alg":"ES256","kid":null}`, rls.Error{}},
		"swapped":               {second, `{"alg":"ES256","kid":"one"}`, wrongKey},
		"unknown":               {second, `{"alg":"ES256","kid":"three"}`, unknownKey},
		"named, key is not":     {ed25519Signer(edKey()), `{"alg":"EdDSA","kid":"three"}`, unknownKey},
		"of another algorithm":  {first, `{"alg":"EdDSA","kid":"one"}`, unknownKey},
		"unnamed as key is not": {ed25519Signer(edKey()), `{"alg":"EdDSA"}`, rls.Error{}},
	} {
		token := c.sign.token(t, c.header, `{"role":"r"}`)
		if c.want == (rls.Error{}) {
			authenticate(t, v, token)
		} else if got := *refusal(t, v, "Bearer "+token); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestPrivateKeyStandsForItsPublicOne(t *testing.T) {
	t.Parallel()
	d := must(p256Key().Bytes())
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(marshal(t, jwk(p256Key(), object{"d": encode(d)})))})
	authenticate(t, v, ecdsaSigner(p256Key(), crypto.SHA256).token(t, header("ES256"), `{"role":"r"}`))
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	binary := "\xff\xfe\xfd" + strings.Repeat("\x00\x10\xfb", 12)
	standard := base64.StdEncoding.EncodeToString([]byte(binary))
	for name, c := range map[string]struct {
		secret   string
		isBase64 bool
		key      string
	}{
		"plain":               {secret, false, secret},
		"32 bytes":            {"reallyreallyreallyreallyverysafe", false, "reallyreallyreallyreallyverysafe"},
		"not ASCII":           {strings.Repeat("ñ", 16), false, strings.Repeat("ñ", 16)},
		"begins like JSON":    {"{not json, but a long enough secret}", false, "{not json, but a long enough secret}"},
		"white space":         {"  " + secret + "\n", false, "  " + secret + "\n"},
		"base64":              {standard, true, binary},
		"base64 url":          {base64.URLEncoding.EncodeToString([]byte(binary)), true, binary},
		"base64 dots":         {strings.ReplaceAll(base64.URLEncoding.EncodeToString([]byte(binary+"x")), "=", "."), true, binary + "x"},
		"base64 unpadded":     {strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(binary+"x")), "="), true, binary + "x"},
		"base64 with spaces":  {" " + standard + "\n", true, binary},
		"base64 of a JWK":     {base64.StdEncoding.EncodeToString([]byte(marshal(t, jwk(shared, nil)))), true, shared},
		"JWK in white space":  {"\n " + marshal(t, jwk(shared, nil)) + "\n", false, shared},
		"JWK of a short key":  {marshal(t, jwk("short", nil)), false, "short"},
		"set with others":     {marshal(t, jwkSet(object{"kty": "AKP", "alg": "ML-DSA-44"}, object{"kty": "RSA", "use": "enc"}, jwk(shared, nil))), false, shared},
		"nulls in a JWK":      {marshal(t, jwk(shared, object{"alg": nil, "use": nil})), false, shared},
		"private PEM as text": {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", false, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(c.secret), SecretIsBase64: c.isBase64})
			authenticate(t, v, hmacSigner(c.key, sha256.New).token(t, header("HS256"), `{"role":"r"}`))
		})
	}
}

func TestUnusableSecrets(t *testing.T) {
	t.Parallel()
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	offCurve := jwk(p256Key(), object{"x": encode([]byte(strings.Repeat("x", 32)))})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, p256Key())})
	for name, c := range map[string]struct {
		secret   string
		isBase64 bool
		want     error // nil for any
	}{
		"short":                {strings.Repeat("x", 31), false, rls.ErrShortSecret},
		"short after decoding": {base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 31))), true, rls.ErrShortSecret},
		"not base64":           {strings.Repeat("?", 44), true, nil},
		"certificate":          {string(certificate), false, rls.ErrPublicSecret},
		"certificate in DER":   {string(selfSigned(t, p256Key())), false, rls.ErrPublicSecret},
		"empty set":            {`{"keys":[]}`, false, rls.ErrNoKey},
		"set of nothing":       {`{"keys":{}}`, false, nil},
		"no JWK":               {`{"secret":"reallyreallyreallyreallyverysafe"}`, false, rls.ErrNoKey},
		"for encryption":       {marshal(t, jwk(rsaKey(), object{"use": "enc"})), false, rls.ErrNoKey},
		"other algorithm":      {marshal(t, jwk(rsaKey(), object{"alg": "RSA-OAEP"})), false, rls.ErrNoKey},
		"symmetric with RS256": {marshal(t, jwk(shared, object{"alg": "RS256"})), false, rls.ErrNoKey},
		"X25519":               {marshal(t, jwk(edKey(), object{"crv": "X25519"})), false, rls.ErrNoKey},
		"empty key":            {`{"kty":"oct","k":""}`, false, nil},
		"missing member":       {`{"kty":"RSA","n":"AQAB","x":"a long enough text for a plain secret"}`, false, nil},
		"RSA of 1024 bits":     {marshal(t, jwk(small, nil)), false, nil},
		"RSA of nothing":       {`{"kty":"RSA","n":"AA","e":"AA"}`, false, nil},
		"not on the curve":     {marshal(t, offCurve), false, nil},
		"unknown curve":        {marshal(t, jwk(p256Key(), object{"crv": "secp256k1"})), false, nil},
		"short Ed25519":        {`{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`, false, nil},
		"one bad key in a set": {marshal(t, jwkSet(jwk(shared, nil), object{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})), false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(c.secret), SecretIsBase64: c.isBase64})
			if err == nil || v != nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got %v, %v; want %v", v, err, c.want)
			}
		})
	}
}

func selfSigned(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
