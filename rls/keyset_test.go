package rls_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nexus/rls"
)

func TestRotationKeepsTokensValid(t *testing.T) {
	t.Parallel()
	set := signingKeys(t)
	v := newVerifier(t, rls.VerifierConfig{Keys: set, CacheEntries: 10})
	tokens := []string{issued(t, set.Current(), "first")}
	for _, name := range []string{rls.ES256, rls.RS256, rls.HS256, rls.ES256} {
		next := must(rls.NewSigningKey(name))
		token := issued(t, next, name)
		if got := *refusal(t, v, "Bearer "+token); got != unknownKey {
			t.Errorf("before the rotation: %+v", got)
		}
		before := set
		set = must(set.Rotate(next))
		if set.Current() != next || before.Current().State() != rls.Current {
			t.Errorf("current is %s, and was %s", set.Current().ID(), before.Current().State())
		}
		for i, k := range set.Keys()[1:] {
			if k.State() != rls.Previous || k.ID() != before.Keys()[i].ID() {
				t.Errorf("key %d is %s and %s", i, k.ID(), k.State())
			}
		}
		v.UseKeys(set)
		tokens = append(tokens, token)
		for _, token := range tokens {
			authenticate(t, v, token)
		}
	}
}

func TestDroppedKeysTokensAreRefused(t *testing.T) {
	t.Parallel()
	set := signingKeys(t, rls.ES256, rls.HS256)
	old, current := set.Keys()[1], set.Current()
	v := newVerifier(t, rls.VerifierConfig{Keys: set, CacheEntries: 10})
	dropped, kept, first := issued(t, old, "r"), issued(t, current, "r"), issued(t, set.Keys()[2], "r")
	for range 2 {
		authenticate(t, v, dropped)
	}
	if got := v.CacheStats(); got.Hits != 1 {
		t.Fatalf("the token is not in the cache: %+v", got)
	}
	v.UseKeys(must(set.Drop(old.ID())))
	if got := *refusal(t, v, "Bearer "+dropped); got != unknownKey {
		t.Errorf("dropped: %+v", got)
	}
	authenticate(t, v, kept)
	authenticate(t, v, first)
	v.UseKeys(nil)
	if got := *refusal(t, v, "Bearer "+kept); got.Code != "PGRST300" {
		t.Errorf("without keys: %+v", got)
	}
}

func TestKeySetRefuses(t *testing.T) {
	t.Parallel()
	plain := must(rls.SecretKey([]byte(secret), time.Now(), rls.Previous))
	one, two := must(rls.NewSigningKey(rls.HS256)), must(rls.NewSigningKey(rls.ES256))
	for name, keys := range map[string][]*rls.SigningKey{
		"nothing": nil, "no current key": {plain}, "two current keys": {one, two}, "a key twice": {one, one}, "two secrets": {one, plain, plain},
	} {
		if _, err := rls.NewKeySet(keys...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	set := must(rls.NewKeySet(one, plain))
	if _, err := set.Rotate(one); err == nil {
		t.Error("rotated to a key that is there")
	}
	if _, err := set.Rotate(plain); err == nil {
		t.Error("rotated to a previous key")
	}
	for id, want := range map[string]error{
		one.ID(): rls.ErrCurrentKey, two.ID(): rls.ErrUnknownKey, "": rls.ErrUnknownKey, one.ID() + " ": rls.ErrUnknownKey,
	} {
		if _, err := set.Drop(id); !errors.Is(err, want) {
			t.Errorf("drop %q: %v, want %v", id, err, want)
		}
	}
}

// raw are the bytes that HMAC could take for a key, of a signing key's JWK.
func raw(t testing.TB, k *rls.SigningKey) (members map[string]string) {
	t.Helper()
	if err := json.Unmarshal(must(json.Marshal(k)), &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"k", "n", "x", "y"} {
		members[name] = string(decode(t, members[name]))
	}
	return members
}

// TestSigningKeysAreForOneAlgorithm signs with what an attacker knows of public keys, and with keys under other names and
// algorithms than theirs.
func TestSigningKeysAreForOneAlgorithm(t *testing.T) {
	t.Parallel()
	set := signingKeys(t, rls.RS256, rls.ES256, rls.HS256)
	shared, curve, modulus := set.Keys()[0], set.Keys()[1], set.Keys()[2]
	v := newVerifier(t, rls.VerifierConfig{Keys: set})
	named := func(algorithm string, k *rls.SigningKey) string {
		return `{"alg":"` + algorithm + `","kid":"` + k.ID() + `"}`
	}
	key := raw(t, shared)["k"]
	for name, token := range map[string]string{
		"HS256 with the secret's own kid": hmacSigner(key, sha256.New).token(t, named("HS256", shared), `{"role":"r"}`),
		"HS256 with the plain secret":     hmacSigner(secret, sha256.New).token(t, `{"alg":"HS256"}`, `{"role":"r"}`),
	} {
		if got := authenticate(t, v, token); got.Role != "r" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	guesses := map[string]string{
		"HS256 with a kid's key and no kid":   hmacSigner(key, sha256.New).token(t, `{"alg":"HS256"}`, `{"role":"r"}`),
		"plain secret under a kid":            hmacSigner(secret, sha256.New).token(t, named("HS256", shared), `{"role":"r"}`),
		"HS384":                               hmacSigner(key, crypto.SHA384.New).token(t, named("HS384", shared), `{"role":"r"}`),
		"HS512 with the plain secret":         hmacSigner(secret, crypto.SHA512.New).token(t, `{"alg":"HS512"}`, `{"role":"r"}`),
		"HS256 under the kid of ES256":        hmacSigner(key, sha256.New).token(t, named("HS256", curve), `{"role":"r"}`),
		"ES256 under the kid of HS256":        ecdsaSigner(p256Key(), crypto.SHA256).token(t, named("ES256", shared), `{"role":"r"}`),
		"plain secret under the kid of ES256": hmacSigner(secret, sha256.New).token(t, named("HS256", curve), `{"role":"r"}`),
		"unsigned":                            encode([]byte(named("none", curve))) + "." + encode([]byte(`{"role":"r"}`)) + ".",
	}
	for _, k := range []*rls.SigningKey{curve, modulus} {
		for what, guess := range publicForms(t, k) {
			guesses[k.Algorithm()+" as secret: "+what] = hmacSigner(guess, sha256.New).token(t, named("HS256", k), `{"role":"r"}`)
			guesses[k.Algorithm()+" as secret without kid: "+what] = hmacSigner(guess, sha256.New).token(t, `{"alg":"HS256"}`, `{"role":"r"}`)
		}
	}
	for name, token := range guesses {
		if got, err := v.Authenticate(t.Context(), "Bearer "+token); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

// publicForms are the ways to write a public key.
func publicForms(t testing.TB, k *rls.SigningKey) map[string]string {
	t.Helper()
	members := raw(t, k)
	forms := map[string]string{"JWK": string(k.Public()), "n": members["n"], "x": members["x"], "x and y": "\x04" + members["x"] + members["y"]}
	var public crypto.PublicKey
	switch k.Algorithm() {
	case rls.RS256:
		public = &rsa.PublicKey{N: new(big.Int).SetBytes([]byte(members["n"])), E: 65537}
		forms["PKCS #1"] = string(x509.MarshalPKCS1PublicKey(public.(*rsa.PublicKey)))
	case rls.ES256:
		public = must(ecdsa.ParseUncompressedPublicKey(p256Key().Curve, []byte(forms["x and y"])))
	}
	der := must(x509.MarshalPKIXPublicKey(public))
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	forms["DER"], forms["PEM"], forms["PEM without line end"] = string(der), text, strings.TrimSpace(text)
	return forms
}

func TestSigningKeysByName(t *testing.T) {
	t.Parallel()
	set := signingKeys(t, rls.ES256, rls.HS256)
	shared, curve := set.Current(), set.Keys()[1]
	v := newVerifier(t, rls.VerifierConfig{Keys: set})
	named, plain := hmacSigner(raw(t, shared)["k"], sha256.New), hmacSigner(secret, sha256.New)
	id := marshal(t, shared.ID())
	for name, c := range map[string]struct {
		sign signer
		kid  string // as JSON
		want rls.Error
	}{
		"its own":                   {named, id, rls.Error{}},
		"other one's":               {named, marshal(t, curve.ID()), unknownKey},
		"last of two":               {named, `"x","kid":` + id, rls.Error{}},
		"first of two":              {named, id + `,"kid":"x"`, unknownKey},
		"second is empty":           {named, id + `,"kid":""`, wrongKey},
		"in other letters":          {named, `null,"KID":` + id, wrongKey},
		"upper case":                {named, strings.ToUpper(id), unknownKey},
		"escaped":                   {named, fmt.Sprintf(`"\u%04x`, id[1]) + id[2:], rls.Error{}},
		"beginning":                 {named, marshal(t, shared.ID()[:5]), unknownKey},
		"with a zero byte":          {named, marshal(t, shared.ID()+"\x00"), unknownKey},
		"with a space":              {named, marshal(t, " "+shared.ID()), unknownKey},
		"path":                      {named, `"../../../../dev/null"`, unknownKey},
		"path to it":                {named, marshal(t, "./"+shared.ID()), unknownKey},
		"URL":                       {named, `"https://attacker.example/jwks.json"`, unknownKey},
		"SQL":                       {named, `"x' union select 'secret"`, unknownKey},
		"empty":                     {named, `""`, wrongKey},
		"null":                      {named, `null`, wrongKey},
		"huge":                      {named, marshal(t, strings.Repeat("k", 1<<20)), unknownKey},
		"list":                      {named, `[` + id + `]`, badCrypto},
		"object":                    {named, `{"kid":` + id + `}`, badCrypto},
		"number":                    {named, `0`, badCrypto},
		"true":                      {named, `true`, badCrypto},
		"plain secret, none":        {plain, `null`, rls.Error{}},
		"plain secret, empty":       {plain, `""`, rls.Error{}},
		"plain secret, named":       {plain, id, wrongKey},
		"plain secret, unknown":     {plain, `"x"`, unknownKey},
		"plain secret, as its name": {plain, `"jwt_secret"`, unknownKey},
		"nobody's, empty":           {hmacSigner("", sha256.New), `""`, wrongKey},
		"nobody's, path":            {hmacSigner("", sha256.New), `"/dev/null"`, unknownKey},
	} {
		token := c.sign.token(t, `{"alg":"HS256","kid":`+c.kid+`}`, `{"role":"r"}`)
		got, err := v.Authenticate(t.Context(), "Bearer "+token)
		var refused *rls.Error
		switch {
		case c.want == (rls.Error{}):
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &refused):
			t.Errorf("%s: accepted as %+v", name, got)
		case *refused != c.want:
			t.Errorf("%s: got %+v, want %+v", name, *refused, c.want)
		}
	}
}

// TestKeysChangeConcurrently is for the race detector, and to see that keys that stay always verify and that no token of a
// key is accepted after it went.
func TestKeysChangeConcurrently(t *testing.T) {
	t.Parallel()
	const swaps, clients = 200, 4
	set := signingKeys(t, rls.HS256, rls.ES256)
	small := must(set.Drop(set.Keys()[1].ID()))
	v := newVerifier(t, rls.VerifierConfig{Keys: set, CacheEntries: 8})
	stays, goes := "Bearer "+issued(t, set.Current(), "stays"), "Bearer "+issued(t, set.Keys()[1], "goes")
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, err := v.Authenticate(context.Background(), stays); err != nil || got.Role != "stays" {
					t.Errorf("%+v, %v", got, err)
					return
				}
				if got, err := v.Authenticate(context.Background(), goes); err == nil && got.Role != "goes" {
					t.Errorf("%+v", got)
					return
				}
			}
		})
	}
	for range swaps {
		v.UseKeys(small)
		if got, err := v.Authenticate(context.Background(), goes); err == nil {
			t.Errorf("accepted as %+v", got)
		}
		v.UseKeys(set)
		if _, err := v.Authenticate(context.Background(), goes); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

// TestSigningKeysBesideRemoteOnes sees that neither source of keys replaces the other's.
func TestSigningKeysBesideRemoteOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := signingKeys(t)
		server := new(issuer)
		server.publish(t, key("one"))
		v := server.startVerifier(t, rls.VerifierConfig{Keys: set})
		defer v.Close()
		authenticate(t, v, issued(t, set.Current(), "r"))
		synctest.Wait()
		authenticate(t, v, issued(t, set.Current(), "r"))
		authenticate(t, v, tokenOf(t, "one"))
		rotated := must(set.Rotate(must(rls.NewSigningKey(rls.ES256))))
		v.UseKeys(rotated)
		for _, token := range []string{tokenOf(t, "one"), issued(t, set.Current(), "r"), issued(t, rotated.Current(), "r")} {
			authenticate(t, v, token)
		}
		server.publish(t, key("two"))
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		for _, token := range []string{tokenOf(t, "two"), issued(t, rotated.Current(), "r")} {
			authenticate(t, v, token)
		}
		if got := *refusal(t, v, "Bearer "+tokenOf(t, "one")); got != unknownKey {
			t.Errorf("got %+v", got)
		}
	})
}
