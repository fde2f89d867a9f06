package provider_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nexus/engine/auth/provider"
)

func hashed(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return hex.EncodeToString(sum[:])
}

func TestIDTokenClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	strict := open(t, w, provider.Config{ClientIDs: []string{clientID, "nexus-ios"}})
	lax := open(t, w, provider.Config{SkipNonceCheck: true})

	tests := []struct {
		name   string
		but    map[string]any
		nonce  string
		access string
		lax    bool
		ok     bool
	}{
		{name: "good", ok: true},
		{name: "for the app on phones", but: map[string]any{"aud": "nexus-ios"}, ok: true},
		{name: "for another client", but: map[string]any{"aud": otherID}},
		{name: "for nobody", but: map[string]any{"aud": nil}},
		{name: "for several, issued to us", but: map[string]any{"aud": []string{otherID, clientID}, "azp": clientID}, ok: true},
		{name: "for several, issued to another", but: map[string]any{"aud": []string{otherID, clientID}, "azp": otherID}},
		{name: "for several, issued to whomever", but: map[string]any{"aud": []string{otherID, clientID}}},
		{name: "for two of ours", but: map[string]any{"aud": []string{"nexus-ios", clientID}}, ok: true},
		{name: "for us, issued to another", but: map[string]any{"azp": otherID}},
		{name: "for us, issued to a number", but: map[string]any{"azp": 7}},
		{name: "another issuer", but: map[string]any{"iss": "https://evil.example"}},
		{name: "no issuer", but: map[string]any{"iss": nil}},
		{name: "issuer with a slash", but: map[string]any{"iss": issuer + "/"}},
		{name: "expired", but: map[string]any{"exp": time.Now().Add(-time.Second).Unix()}},
		{name: "never expires", but: map[string]any{"exp": nil}},
		{name: "not valid yet", but: map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}},
		{name: "no subject", but: map[string]any{"sub": nil}},

		{name: "hashed nonce", but: map[string]any{"nonce": hashed("raw")}, nonce: "raw", ok: true},
		{name: "another nonce", but: map[string]any{"nonce": hashed("raw")}, nonce: "other"},
		{name: "raw nonce", but: map[string]any{"nonce": "raw"}, nonce: "raw"},
		{name: "nonce in the token only", but: map[string]any{"nonce": hashed("raw")}},
		{name: "nonce beside the token only", nonce: "raw"},
		{name: "another nonce, not checked", but: map[string]any{"nonce": hashed("raw")}, nonce: "other", lax: true, ok: true},

		{name: "access token", but: map[string]any{"at_hash": halfHash("token")}, access: "token", ok: true},
		{name: "another access token", but: map[string]any{"at_hash": halfHash("token")}, access: "stolen"},
		{name: "access token without hash", access: "token", ok: true},
		{name: "hash without access token", but: map[string]any{"at_hash": halfHash("token")}, ok: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := strict
			if tt.lax {
				p = lax
			}
			login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{
				IDToken: at.mint(t, said(issuer, tt.but)), Nonce: tt.nonce, AccessToken: tt.access,
			})
			switch {
			case tt.ok && (err != nil || login.Subject != "ann-1"):
				t.Errorf("VerifyIDToken = %v, %v", login, err)
			case !tt.ok && (!errors.Is(err, provider.ErrToken) || login != nil):
				t.Errorf("VerifyIDToken = %v, %v; want ErrToken", login, err)
			case !tt.ok && strings.Contains(err.Error(), "ann"):
				t.Errorf("the error tells what the token says: %v", err)
			}
		})
	}
}

// What the token endpoint answers is checked like any token: it may be the answer to somebody else's login.
func TestTokenEndpointAnswers(t *testing.T) {
	t.Parallel()
	f := newFlow()
	for name, but := range map[string]map[string]any{
		"good":                          {},
		"issued to another client":      {"aud": otherID},
		"of another access token":       {"at_hash": halfHash("another")},
		"with the hash of the nonce":    {"nonce": hashed(f.nonce)},
		"without nonce":                 {"nonce": nil},
		"of another issuer":             {"iss": "https://evil.example"},
		"for us and others, not for us": {"aud": []string{clientID, "stranger"}, "azp": "stranger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := newIdentityProvider(t, w, issuer)
			claims := said(issuer, map[string]any{"nonce": f.nonce, "at_hash": halfHash("access")})
			maps.Copy(claims, but)
			w.mux.HandleFunc("id.example/oauth/token", answer(http.StatusOK, "application/json",
				`{"access_token":"access","refresh_token":"refresh","token_type":"Bearer","id_token":"`+at.mint(t, claims)+`"}`))
			// Audiences of the id_token grant are none of the code flow.
			p := open(t, w, provider.Config{ClientIDs: []string{clientID, otherID}})
			login, err := p.Exchange(t.Context(), f.exchange("code"))
			switch {
			case name != "good" && (!errors.Is(err, provider.ErrToken) || login != nil):
				t.Errorf("Exchange = %v, %v; want ErrToken", login, err)
			case name == "good" && err != nil:
				t.Error(err)
			case name == "good" && (login.AccessToken != "access" || login.RefreshToken != "refresh" || !login.Expiry.IsZero()):
				t.Errorf("tokens are not handed on: %+v", login)
			}
		})
	}
	t.Run("without ID token", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		newIdentityProvider(t, w, issuer)
		w.mux.HandleFunc("id.example/oauth/token", answer(http.StatusOK, "application/json", `{"access_token":"access"}`))
		p := open(t, w, provider.Config{})
		if login, err := p.Exchange(t.Context(), f.exchange("code")); !errors.Is(err, provider.ErrToken) {
			t.Errorf("Exchange = %v, %v; want ErrToken", login, err)
		}
	})
}

func TestForgedSignatures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{})
	claims := said(issuer, nil)
	good := at.mint(t, claims)
	der, err := x509.MarshalPKIXPublicKey(at.key.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mine := newKey(t)
	part := strings.Split(good, ".")
	header := func(fields map[string]any) string {
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	payload, err := json.Marshal(said(issuer, map[string]any{"sub": "bob-2"}))
	if err != nil {
		t.Fatal(err)
	}

	for name, token := range map[string]string{
		"alg none":                   header(map[string]any{"alg": "none"}) + "." + part[1] + ".",
		"alg none, signature kept":   header(map[string]any{"alg": "none", "kid": at.key.id}) + "." + part[1] + "." + part[2],
		"HMAC with the public key":   sign(t, jose.HS256, public, at.key.id, claims),
		"HMAC with its DER":          sign(t, jose.HS256, der, at.key.id, claims),
		"HMAC with its modulus":      sign(t, jose.HS512, at.key.key.N.Bytes(), at.key.id, claims),
		"HMAC with the secret":       sign(t, jose.HS256, []byte(secret+strings.Repeat("x", 32)), at.key.id, claims),
		"another key":                sign(t, jose.RS256, mine.key, mine.id, claims),
		"another key, known id":      sign(t, jose.RS256, mine.key, at.key.id, claims),
		"another key, no id":         sign(t, jose.RS256, mine.key, "", claims),
		"an algorithm not announced": sign(t, jose.PS256, at.key.key, at.key.id, claims),
		"other claims":               part[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + part[2],
		"no signature":               part[0] + "." + part[1] + ".",
		"the key inside":             embedded(t, mine, claims),
		"key URL inside": header(map[string]any{"alg": "RS256", "kid": at.key.id, "jku": "https://evil.example/keys"}) +
			"." + part[1] + "." + part[2],
		"JSON form":    `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"two parts":    part[0] + "." + part[1],
		"no claims":    part[0] + ".e30." + part[2],
		"no base64":    part[0] + ".!." + part[2],
		"empty":        "",
		"far too long": good + strings.Repeat("A", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token}); !errors.Is(err, provider.ErrToken) || login != nil {
				t.Errorf("VerifyIDToken = %v, %v; want ErrToken", login, err)
			}
		})
	}
	if _, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: good}); err != nil {
		t.Errorf("the good token: %v", err)
	}
	if n := w.times("https://evil.example/keys"); n != 0 {
		t.Error("keys were read where the token says")
	}
}

// embedded signs claims with a key that comes along in the header.
func embedded(t *testing.T, key *signingKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key.key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
