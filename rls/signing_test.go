package rls_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"nexus/rls"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// signingKeys makes a set of each algorithm's key, made in this order, over the plain secret.
func signingKeys(t testing.TB, algorithms ...string) *rls.KeySet {
	t.Helper()
	set := must(rls.NewKeySet(must(rls.SecretKey([]byte(secret), time.Now(), rls.Current))))
	for _, name := range algorithms {
		set = must(set.Rotate(must(rls.NewSigningKey(name))))
	}
	return set
}

// issued is a token of the key for the role.
func issued(t testing.TB, k *rls.SigningKey, role string) string {
	t.Helper()
	return must(k.Issue(role, nil, time.Now(), time.Hour))
}

func headerOf(t testing.TB, token string) map[string]string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	var members map[string]string
	if err := json.Unmarshal(decode(t, head), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	for _, name := range []string{rls.HS256, rls.ES256, rls.RS256} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := must(rls.NewSigningKey(name))
			if k.Algorithm() != name || k.State() != rls.Current || time.Since(k.CreatedAt()) > time.Minute {
				t.Errorf("made a key for %s, %s since %v", k.Algorithm(), k.State(), k.CreatedAt())
			}
			token := issued(t, k, "author")
			if got, want := headerOf(t, token), (map[string]string{"alg": name, "typ": "JWT", "kid": k.ID()}); !maps.Equal(got, want) {
				t.Errorf("header %v, want %v", got, want)
			}
			text := must(json.Marshal(k))
			var read rls.SigningKey
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if again := must(json.Marshal(&read)); !bytes.Equal(again, text) {
				t.Error("the JSON form is not what was read")
			}
			for _, one := range []*rls.SigningKey{k, &read} {
				v := newVerifier(t, rls.VerifierConfig{Keys: must(rls.NewKeySet(one))})
				for _, token := range []string{token, issued(t, &read, "author")} {
					if got := authenticate(t, v, token); got.Role != "author" {
						t.Errorf("role %q", got.Role)
					}
				}
				if got := *refusal(t, v, "Bearer "+issued(t, must(rls.NewSigningKey(name)), "author")); got != unknownKey {
					t.Errorf("another key's token: %+v", got)
				}
			}
			if name == rls.HS256 {
				if k.Public() != nil {
					t.Error("a shared key is public")
				}
				return
			}
			authenticate(t, newVerifier(t, rls.VerifierConfig{Secret: k.Public()}), token)
		})
	}
}

func TestSecretKeyHasNoID(t *testing.T) {
	t.Parallel()
	k := signingKeys(t).Current()
	token := issued(t, k, "author")
	if got, want := headerOf(t, token), (map[string]string{"alg": "HS256", "typ": "JWT"}); !maps.Equal(got, want) {
		t.Errorf("header %v, want %v", got, want)
	}
	if k.Public() != nil {
		t.Error("the secret is public")
	}
	authenticate(t, newVerifier(t, rls.VerifierConfig{Secret: []byte(secret)}), token)
	for text, want := range map[string]error{
		"short": rls.ErrShortSecret, "-----BEGIN PUBLIC KEY-----" + secret: rls.ErrPublicSecret,
	} {
		if _, err := rls.SecretKey([]byte(text), time.Now(), rls.Current); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestSignTakesClaimsAsTheyAre(t *testing.T) {
	t.Parallel()
	k := must(rls.NewSigningKey(rls.ES256))
	v := newVerifier(t, rls.VerifierConfig{Keys: must(rls.NewKeySet(k)), AnonRole: "anon"})
	for want, claims := range map[string]object{
		`{"amr":[{"method":"otp"}],"role":"r"}`: {"role": "r", "amr": []object{{"method": "otp"}}},
		`{"role":"anon"}`:                       nil,
	} {
		if got := authenticate(t, v, must(k.Sign(claims))); got.Claims != want {
			t.Errorf("claims %s, want %s", got.Claims, want)
		}
	}
	if token, err := k.Sign(object{"f": func() {}}); err == nil {
		t.Errorf("claims without a JSON form: %s", token)
	}
}

func TestUnusableSigningKeys(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "none", "hs256", "HS512", "EdDSA", "ES384", "PS256"} {
		if _, err := rls.NewSigningKey(name); !errors.Is(err, rls.ErrAlgorithm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	private := func(m object) object {
		return jwk(p256Key(), object{
			"d": encode(must(p256Key().Bytes())), "kid": "k", "alg": "ES256", "state": "current", "created_at": "2026-01-01T00:00:00Z",
		}, m)
	}
	read := func(m object) error {
		var k rls.SigningKey
		return json.Unmarshal([]byte(marshal(t, m)), &k)
	}
	if err := read(private(nil)); err != nil {
		t.Fatalf("the key that the others are made of: %v", err)
	}
	for name, c := range map[string]object{
		"no id":              {"kid": nil},
		"empty id":           {"kid": ""},
		"list as id":         {"kid": []string{"k"}},
		"no algorithm":       {"alg": nil},
		"other algorithm":    {"alg": "ES384"},
		"HMAC":               {"alg": "HS256"},
		"none":               {"alg": "none"},
		"encryption":         {"use": "enc"},
		"no state":           {"state": nil},
		"unknown state":      {"state": "standby"},
		"no date":            {"created_at": "yesterday"},
		"public":             {"d": nil},
		"halves of two keys": {"d": encode(must(otherKey().Bytes()))},
		"not on the curve":   {"x": encode(bytes.Repeat([]byte("x"), 32))},
		"zero":               {"d": encode(make([]byte, 32))},
		"short secret":       {"kty": "oct", "k": "c2hvcnQ", "alg": "HS256"},
		"unknown type":       {"kty": "AKP"},
		"other curve":        {"crv": "P-384"},
	} {
		if err := read(private(c)); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), encode(must(p256Key().Bytes()))) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

// TestPublicJWKS holds the published form to a golden file, and the stored one to what was stored before.
func TestPublicJWKS(t *testing.T) {
	t.Parallel()
	stored := must(os.ReadFile("testdata/signing_keys.json"))
	var keys []*rls.SigningKey
	if err := json.Unmarshal(stored, &keys); err != nil {
		t.Fatal(err)
	}
	set := must(rls.NewKeySet(append(keys, must(rls.SecretKey([]byte(secret), time.Now(), rls.Previous)))...))
	if got := indented(t, must(json.Marshal(set))); got != string(stored) {
		t.Errorf("stored as\n%s", got)
	}
	const golden = "testdata/jwks.json"
	got := indented(t, set.PublicJWKS())
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(must(os.ReadFile(golden))); got != want {
		t.Errorf("published\n%s\nwant\n%s", got, want)
	}
	if got := string(signingKeys(t, rls.HS256).PublicJWKS()); got != `{"keys":[]}` {
		t.Errorf("of shared keys: %s", got)
	}
}

func indented(t testing.TB, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out.String() + "\n"
}

// FuzzSigningKey looks for a stored key that upsets the reader, or that signs what it does not verify itself.
func FuzzSigningKey(f *testing.F) {
	for _, name := range []string{rls.HS256, rls.ES256, rls.RS256} {
		f.Add(must(json.Marshal(must(rls.NewSigningKey(name)))))
	}
	for _, seed := range []string{`null`, `{}`, `{"kty":"oct","k":"","kid":"k","alg":"HS256","state":"current"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var k *rls.SigningKey
		if json.Unmarshal(text, &k) != nil || k == nil || k.State() != rls.Current {
			return
		}
		v := newVerifier(t, rls.VerifierConfig{Keys: must(rls.NewKeySet(k))})
		authenticate(t, v, issued(t, k, "author"))
		if other := hmacSigner(string(k.Public()), sha256.New); k.Public() != nil {
			forged := other.token(t, `{"alg":"HS256","kid":`+marshal(t, k.ID())+`}`, `{"role":"r"}`)
			if identity, err := v.Authenticate(t.Context(), "Bearer "+forged); err == nil {
				t.Errorf("accepted as %+v", identity)
			}
		}
	})
}
