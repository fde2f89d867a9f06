package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nexus/engine/auth"
	"nexus/rls"
)

// A refresh token that was replaced long ago is in somebody else's hands: the session ends, for both.
func TestRefreshTokenReuse(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.member("ann@example.com")
	refresh := func(token string) answer {
		return r.call("POST", "/token?grant_type=refresh_token", map[string]any{"refresh_token": token})
	}
	stolen := r.logIn("ann@example.com", good).str("refresh_token")
	live := stolen
	for range 3 {
		a := refresh(live)
		if a.status != 200 {
			t.Fatal(a.text)
		}
		live = a.str("refresh_token")
	}
	r.pass(time.Minute)
	if a := refresh(stolen); a.status != 400 || a.code() != "refresh_token_already_used" {
		t.Errorf("the stolen token: %d %s", a.status, a.text)
	}
	if a := refresh(live); a.status != 400 || a.code() != "refresh_token_not_found" {
		t.Errorf("the live token afterwards: %d %s", a.status, a.text)
	}
	if n := r.query("select count(*) from auth.sessions"); n != "0" {
		t.Errorf("%s sessions are left", n)
	}
}

// Who changes a byte of a refresh token, or makes one, has none.
func TestForgedRefreshTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.member("ann@example.com")
	token := r.logIn("ann@example.com", good).str("refresh_token")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		forged := slices.Clone(raw)
		forged[i] ^= 1
		a := r.call("POST", "/token?grant_type=refresh_token", map[string]any{"refresh_token": base64.RawURLEncoding.EncodeToString(forged)})
		if a.status != 400 {
			t.Errorf("byte %d changed: %d %s", i, a.status, a.text)
		}
	}
	for _, text := range []string{"", "x", strings.Repeat("a", 12), strings.Repeat("A", 60), strings.Repeat("€", 20), "../../etc/passwd"} {
		if a := r.call("POST", "/token?grant_type=refresh_token", map[string]any{"refresh_token": text}); a.status != 400 {
			t.Errorf("%q: %d %s", text, a.status, a.text)
		}
	}
	r.want(200, "POST", "/token?grant_type=refresh_token", map[string]any{"refresh_token": token})
}

// The database holds nothing with which somebody could log in.
func TestNothingUsableIsStored(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.member("ann@example.com")
	session := r.logIn("ann@example.com", good)
	r.want(200, "POST", "/recover", map[string]any{"email": "ann@example.com"})
	code := codeOf(t, r.lastMail("ann@example.com"))
	for _, table := range []string{"users", "sessions", "refresh_tokens", "one_time_tokens", "identities", "audit_log_entries", "flow_state"} {
		rows := r.query("select coalesce(jsonb_agg(t)::text, '') from auth." + table + " t")
		for _, text := range []string{session.str("access_token"), session.str("refresh_token"), good, `"` + code + `"`} {
			if strings.Contains(rows, text) {
				t.Errorf("auth.%s has %q", table, text)
			}
		}
	}
}

func TestReplayedCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.want(200, "POST", "/otp", map[string]any{"email": "ann@example.com"})
	m := r.lastMail("ann@example.com")
	body := map[string]any{"email": "ann@example.com", "token": codeOf(t, m), "type": "email"}
	r.want(200, "POST", "/verify", body)
	r.refused(403, "otp_expired", "POST", "/verify", body)
	if _, values := r.opened(linkOf(t, m)); values.Get("error_code") != "otp_expired" {
		t.Errorf("the link after its code: %v", values)
	}
	r.pass(2 * time.Minute)
	r.want(200, "POST", "/recover", map[string]any{"email": "ann@example.com"})
	late := r.lastMail("ann@example.com")
	r.pass(25 * time.Hour)
	r.refused(403, "otp_expired", "POST", "/verify", map[string]any{"email": "ann@example.com", "token": codeOf(t, late), "type": "recovery"})
}

// A code of six digits is safe because one may not try many, from however many addresses.
func TestGuessingCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) {
		o.Config.Limits.Account = rate(5)
		o.Config.IPHeader = "X-Forwarded-For"
	})
	r.want(200, "POST", "/otp", map[string]any{"email": "ann@example.com"})
	right := codeOf(t, r.lastMail("ann@example.com"))
	limited := 0
	for i := range 20 {
		guess := fmt.Sprintf("%06d", i)
		if guess == right {
			continue
		}
		a := r.call("POST", "/verify", map[string]any{"email": "ann@example.com", "token": guess, "type": "email"},
			"X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
		switch {
		case a.status == 429 && a.header.Get("Retry-After") != "":
			limited++
		case a.status != 403:
			t.Fatalf("guess %d: %d %s", i, a.status, a.text)
		}
	}
	if limited < 14 {
		t.Errorf("%d of 20 guesses were refused unseen, want 15", limited)
	}
	if a := r.call("POST", "/verify", map[string]any{"email": "ann@example.com", "token": right, "type": "email"}); a.status != 429 {
		t.Errorf("the right code among guesses: %d", a.status)
	}
}

func TestGuessingPasswords(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) { o.Config.Limits.Account = rate(5) })
	r.member("ann@example.com")
	for i := range 10 {
		a := r.call("POST", "/token?grant_type=password", map[string]any{"email": "Ann@Example.com", "password": fmt.Sprint("guess ", i)})
		if want := 400; i >= 5 && a.status != 429 || i < 5 && a.status != want {
			t.Fatalf("guess %d: %d %s", i, a.status, a.text)
		}
	}
	r.member("bob@example.com")
	r.logIn("bob@example.com", good)
}

// An auth code of a flow with PKCE is worth nothing without the verifier, and there is no way around it.
func TestPKCEDowngrade(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	verifier := strings.Repeat("v", 50)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	begin := func() string {
		r.pass(2 * time.Minute)
		r.want(200, "POST", "/otp", map[string]any{"email": "ann@example.com", "code_challenge": challenge, "code_challenge_method": "s256"})
		u, values := r.opened(linkOf(t, r.lastMail("ann@example.com")))
		if values.Has("access_token") || u.Query().Get("code") == "" {
			t.Fatalf("the link leads to %s", u)
		}
		return u.Query().Get("code")
	}
	exchange := func(code, verifier string) answer {
		return r.call("POST", "/token?grant_type=pkce", map[string]any{"auth_code": code, "code_verifier": verifier})
	}
	for _, wrong := range []string{challenge, strings.Repeat("w", 50), "", "v"} {
		code := begin()
		if a := exchange(code, wrong); a.status != 400 {
			t.Errorf("verifier %q: %d %s", wrong, a.status, a.text)
		}
		if a := exchange(code, verifier); wrong != "" && a.status != 404 {
			t.Errorf("the right verifier after a wrong one: %d %s", a.status, a.text)
		}
	}
	code := begin()
	if a := exchange(code, verifier); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if a := exchange(code, verifier); a.status != 404 || a.code() != "flow_state_not_found" {
		t.Errorf("the code again: %d %s", a.status, a.text)
	}
	late := begin()
	r.pass(10 * time.Minute)
	if a := exchange(late, verifier); a.status != 422 || a.code() != "flow_state_expired" {
		t.Errorf("a late code: %d %s", a.status, a.text)
	}
	for _, body := range []map[string]any{
		{"email": "ann@example.com", "code_challenge": challenge},
		{"email": "ann@example.com", "code_challenge_method": "s256"},
		{"email": "ann@example.com", "code_challenge": challenge, "code_challenge_method": "none"},
		{"email": "ann@example.com", "code_challenge": "short", "code_challenge_method": "plain"},
		{"email": "ann@example.com", "code_challenge": strings.Repeat("\"", 50), "code_challenge_method": "plain"},
	} {
		r.refused(400, "validation_failed", "POST", "/otp", body)
	}
}

func TestOpenRedirects(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) {
		o.Config.AllowList = []string{"https://*.example.com/**", "com.example.app://callback"}
	})
	r.member("ann@example.com")
	for target, want := range map[string]string{
		"https://evil.test/":                      siteURL,
		"//evil.test":                             siteURL,
		"https://localhost:3000@evil.test/":       siteURL,
		"http://localhost:3000.evil.test/":        siteURL,
		"javascript:alert(1)":                     siteURL,
		"https://evil.test/.example.com/":         siteURL,
		"https://a.example.com.evil.test/":        siteURL,
		"https://app.example.com/in?x=1":          "https://app.example.com/in?x=1",
		"com.example.app://callback":              "com.example.app://callback",
		siteURL + "/welcome":                      siteURL + "/welcome",
		"http://localhost:3000\\@evil.test/":      siteURL,
		"https://app.example.com\r\nX: y":         siteURL,
		"http://2130706433/":                      siteURL,
		"https://app.example.com/#access_token=x": "https://app.example.com/",
	} {
		r.pass(2 * time.Minute)
		r.want(200, "POST", "/recover?redirect_to="+url.QueryEscape(target), map[string]any{"email": "ann@example.com"})
		u, values := r.opened(linkOf(t, r.lastMail("ann@example.com")))
		if values.Get("access_token") == "" || strings.Contains(values.Get("access_token"), ",") {
			t.Fatalf("%q: no session: %v", target, values)
		}
		u.Fragment, u.RawFragment = "", ""
		if u.String() != want {
			t.Errorf("%q leads to %s, want %s", target, u, want)
		}
	}
}

// Tokens that are signed in another way than ours, or by nobody, are none.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	id := r.member("ann@example.com")
	claims := map[string]any{"sub": id, "role": "service_role", "aud": "authenticated", "exp": r.clock().Add(time.Hour).Unix()}
	sign := func(header map[string]any, key []byte) string {
		head, _ := json.Marshal(header)
		payload, _ := json.Marshal(claims)
		text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	rsa, err := rls.NewSigningKey(rls.RS256)
	if err != nil {
		t.Fatal(err)
	}
	if r.keys, err = r.keys.Rotate(rsa); err != nil {
		t.Fatal(err)
	}
	r.verifier.UseKeys(r.keys)
	none := sign(map[string]any{"alg": "none"}, nil)
	for name, token := range map[string]string{
		"no signature":               none[:strings.LastIndex(none, ".")+1],
		"alg none":                   none,
		"alg None":                   sign(map[string]any{"alg": "None"}, nil),
		"an empty key":               sign(map[string]any{"alg": "HS256"}, nil),
		"HS256 with the public key":  sign(map[string]any{"alg": "HS256", "kid": rsa.ID()}, rsa.Public()),
		"RS256 that is an HMAC":      sign(map[string]any{"alg": "RS256", "kid": rsa.ID()}, []byte(secret)),
		"another secret":             sign(map[string]any{"alg": "HS256"}, []byte(strings.Repeat("x", 40))),
		"a kid that is a path":       sign(map[string]any{"alg": "HS256", "kid": "../../dev/null"}, nil),
		"a kid that is SQL":          sign(map[string]any{"alg": "HS256", "kid": "' union select 'x"}, []byte("x")),
		"a jwk of its own":           sign(map[string]any{"alg": "HS256", "jwk": map[string]any{"kty": "oct", "k": "eA"}}, []byte("x")),
		"a jku":                      sign(map[string]any{"alg": "HS256", "jku": "http://evil.test/jwks.json"}, []byte("x")),
		"another kid and our secret": sign(map[string]any{"alg": "HS256", "kid": "unknown"}, []byte(secret)),
	} {
		for _, path := range []string{"/user", "/admin/users"} {
			if a := r.call("GET", path, nil, "Authorization", bearer(token)); a.status != 403 || a.code() != "bad_jwt" {
				t.Errorf("%s, %s: %d %s", name, path, a.status, a.text)
			}
		}
	}
	r.want(200, "GET", "/admin/users", nil, "Authorization", r.service())
}

// What users say of themselves never becomes what the server says of them.
func TestMetadataGrantsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) { o.Config.Autoconfirm = true })
	evil := map[string]any{
		"role": "service_role", "aud": "admin", "sub": "00000000-0000-0000-0000-000000000001", "is_anonymous": false,
		"app_metadata": map[string]any{"role": "king"}, "aal": "aal2", "email_verified": true,
	}
	session := r.want(200, "POST", "/signup", map[string]any{
		"email": "eve@example.com", "password": good, "data": evil, "role": "service_role", "aud": "admin",
		"app_metadata": map[string]any{"role": "king"}, "email_confirm": true, "id": "00000000-0000-0000-0000-000000000002",
	})
	token := session.str("access_token")
	claims := claimsOf(t, token)
	if claims["role"] != "authenticated" || claims["aud"] != "authenticated" || claims["aal"] != "aal1" {
		t.Errorf("the token says %v", claims)
	}
	if app, ok := claims["app_metadata"].(map[string]any); !ok || app["role"] != nil || app["provider"] != "email" {
		t.Errorf("app_metadata is %v", claims["app_metadata"])
	}
	r.refused(403, "not_admin", "GET", "/admin/users", nil, "Authorization", bearer(token))
	r.refused(403, "not_admin", "PUT", "/user", map[string]any{"app_metadata": map[string]any{"role": "king"}}, "Authorization", bearer(token))
	r.want(200, "PUT", "/user", map[string]any{"data": evil, "role": "service_role", "aud": "admin"}, "Authorization", bearer(token))
	if role := r.query("select role from auth.users"); role != "authenticated" {
		t.Errorf("the role is %s", role)
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// The hash in a link cannot be computed by whoever guesses its code.
func TestGuessingHashes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.want(200, "POST", "/otp", map[string]any{"email": "ann@example.com"})
	sum := sha256.Sum224([]byte("ann@example.com" + codeOf(t, r.lastMail("ann@example.com"))))
	r.refused(403, "otp_expired", "POST", "/verify", map[string]any{"token_hash": hex.EncodeToString(sum[:]), "type": "email"})
}

// Known and unknown addresses get the same answers after the same time.
func TestEnumeration(t *testing.T) {
	r := newRig(t, func(o *auth.Options) { o.Hasher = hasher(t, 8) })
	r.member("known@example.com")
	measure := func(email string) (answer, time.Duration) {
		began := time.Now()
		a := r.call("POST", "/token?grant_type=password", map[string]any{"email": email, "password": "not it at all"})
		return a, time.Since(began)
	}
	const rounds = 40
	var known, unknown []float64
	for i := range rounds {
		a, d := measure("known@example.com")
		b, e := measure(fmt.Sprintf("unknown-%d@example.com", i))
		if a.status != b.status || a.text != b.text {
			t.Fatalf("%d %s\n%d %s", a.status, a.text, b.status, b.text)
		}
		known, unknown = append(known, d.Seconds()), append(unknown, e.Seconds())
	}
	// Medians, because the machine has other work to do. Without the same hashing they would differ by far more than half.
	a, b := median(known), median(unknown)
	if math.Abs(a-b) > 0.35*max(a, b) {
		t.Errorf("known addresses take %.2f ms, unknown ones %.2f ms", 1000*a, 1000*b)
	}
	r.want(200, "POST", "/recover", map[string]any{"email": "known@example.com"})
	before := r.mails()
	r.want(200, "POST", "/recover", map[string]any{"email": "nobody@example.com"})
	r.want(200, "POST", "/resend", map[string]any{"email": "nobody@example.com", "type": "signup"})
	if r.mails() != before {
		t.Error("an unknown address got a mail")
	}
	again := r.call("POST", "/recover", map[string]any{"email": "known@example.com"})
	if unknown := r.call("POST", "/recover", map[string]any{"email": "nobody@example.com"}); unknown.status != again.status || unknown.text != again.text {
		t.Errorf("a second time: %d %s and %d %s", again.status, again.text, unknown.status, unknown.text)
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func TestMassSignUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) {
		o.Config.Limits.OTP, o.Config.Limits.Anonymous, o.Config.AnonymousUsers = rate(10), rate(10), true
	})
	var mu sync.Mutex
	statuses := map[int]int{}
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			body := map[string]any{"email": fmt.Sprintf("bot-%d@example.com", i), "password": good}
			if i%2 == 0 {
				body = map[string]any{}
			}
			a := r.call("POST", "/signup", body)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	group.Wait()
	if statuses[200] != 20 || statuses[429] != 40 {
		t.Errorf("statuses %v, want 20 times 200 and 40 times 429", statuses)
	}
	if n := r.query("select count(*) from auth.users"); n != "20" {
		t.Errorf("there are %s users", n)
	}
}

// The service key in a page is a leak; it may be refused there.
func TestBrowsersMayBeRefusedAdmin(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) { o.Config.RefuseBrowserAdmins = true })
	r.refused(403, "not_admin", "GET", "/admin/users", nil, "Authorization", r.service(), "Origin", "https://app.example.com")
	r.want(200, "GET", "/admin/users", nil, "Authorization", r.service())
}
