package rls_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"nexus/rls"
)

var noKeysYet = rls.Error{Status: 503, Code: "NEXUS503", Message: "The keys that verify tokens are not available"}

// issuer serves a JWK set from memory, so that time can be made to pass in a bubble.
type issuer struct {
	mu      sync.Mutex
	set     string
	err     error
	fetches int
	// held keeps an answer back until it is closed; nil answers at once.
	held chan struct{}
}

func (i *issuer) publish(t testing.TB, keys ...object) {
	t.Helper()
	i.answer(marshal(t, jwkSet(keys...)))
}

func (i *issuer) answer(set string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set, i.err = set, nil
}

func (i *issuer) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// RoundTrip implements http.RoundTripper.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	held, set, err := i.held, i.set, i.err
	i.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Body: io.NopCloser(strings.NewReader(set)), Request: r,
	}, nil
}

// startVerifier starts one on the issuer that must be closed within the bubble.
func (i *issuer) startVerifier(t testing.TB, cfg rls.VerifierConfig) *rls.Verifier {
	t.Helper()
	cfg.JWKSURL, cfg.HTTPClient, cfg.CacheEntries = "https://issuer.example/jwks", &http.Client{Transport: i}, 10
	v, err := rls.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Keys of the issuer, and tokens that name them.
func key(id string) object {
	if id == "two" {
		return jwk(otherKey(), object{"kid": "two"})
	}
	return jwk(p256Key(), object{"kid": "one"})
}

func tokenOf(t testing.TB, id string) string {
	t.Helper()
	sign := ecdsaSigner(p256Key(), crypto.SHA256)
	if id == "two" {
		sign = ecdsaSigner(otherKey(), crypto.SHA256)
	}
	return sign.token(t, `{"alg":"ES256","kid":"`+id+`"}`, `{"role":"`+id+`"}`)
}

func TestRemoteKeysRotate(t *testing.T) {
	t.Parallel()
	one, two := tokenOf(t, "one"), tokenOf(t, "two")
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		authenticate(t, v, one) // waits for the first fetch
		authenticate(t, v, one)
		i.publish(t, key("two"))
		if got := *refusal(t, v, "Bearer "+two); got != unknownKey || i.count() != 1 {
			t.Errorf("soon after a fetch: %+v after %d fetches", got, i.count())
		}
		time.Sleep(10 * time.Second)
		if got := authenticate(t, v, two); got.Role != "two" || i.count() != 2 {
			t.Errorf("later: %+v after %d fetches", got, i.count())
		}
		// The first token was in the cache, but its key is gone.
		if got := *refusal(t, v, "Bearer "+one); got != unknownKey {
			t.Errorf("token of a revoked key: %+v", got)
		}
		i.publish(t, key("one"), key("two"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if i.count() != 3 {
			t.Errorf("%d fetches, want a third by itself", i.count())
		}
		authenticate(t, v, one)
		authenticate(t, v, two)
	})
}

func TestUnchangedKeysKeepTheCache(t *testing.T) {
	t.Parallel()
	one := tokenOf(t, "one")
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		authenticate(t, v, one)
		before := v.CacheStats()
		time.Sleep(time.Hour)
		synctest.Wait()
		authenticate(t, v, one)
		if after := v.CacheStats(); i.count() < 6 || after.Hits != before.Hits+1 || after.Misses != before.Misses {
			t.Errorf("%d fetches; before %+v, after %+v", i.count(), before, after)
		}
	})
}

// TestUnknownKeysFetchSeldom sends a flood of tokens with keys that nobody knows.
func TestUnknownKeysFetchSeldom(t *testing.T) {
	t.Parallel()
	sign := ecdsaSigner(otherKey(), crypto.SHA256)
	var flood []string
	for n := range 50 {
		flood = append(flood, "Bearer "+sign.token(t, fmt.Sprintf(`{"alg":"ES256","kid":"k%d"}`, n), `{"role":"r"}`))
	}
	flood = append(flood, "Bearer "+sign.token(t, `{"alg":"ES256"}`, `{"role":"r"}`))
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		synctest.Wait()
		start := time.Now()
		for time.Since(start) < time.Minute {
			var wg sync.WaitGroup
			for _, authorization := range flood {
				wg.Go(func() {
					if got := *refusal(t, v, authorization); got != unknownKey && got != wrongKey {
						t.Errorf("got %+v", got)
					}
				})
			}
			wg.Wait()
			time.Sleep(time.Second)
		}
		if got := i.count(); got < 2 || got > 7 {
			t.Errorf("%d fetches in a minute", got)
		}
	})
}

// TestSharedSecretTokensFetchNothing: no newer public key could make them good.
func TestSharedSecretTokensFetchNothing(t *testing.T) {
	t.Parallel()
	forged := "Bearer " + hmacSigner("another secret", sha256.New).token(t, header("HS256"), `{}`)
	bad := tokenOf(t, "one")
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
		defer v.Close()
		authenticate(t, v, sign(t, `{"role":"own"}`))
		time.Sleep(time.Minute)
		if got := *refusal(t, v, forged); got != wrongKey {
			t.Errorf("got %+v", got)
		}
		if got := *refusal(t, v, "Bearer "+bad[:len(bad)-8]+"AAAAAAAA"); got != wrongKey {
			t.Errorf("bad signature under a known key: got %+v", got)
		}
		if i.count() != 1 {
			t.Errorf("%d fetches", i.count())
		}
	})
}

func TestFailedFetchKeepsKeys(t *testing.T) {
	t.Parallel()
	one, two := tokenOf(t, "one"), tokenOf(t, "two")
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		authenticate(t, v, one)
		for _, broken := range []func(){
			func() { i.fail(errors.New("no route to host")) },
			func() { i.answer(`{"keys":[]}`) },
			func() { i.answer(`<html>`) },
			func() { i.publish(t, jwk(shared, nil)) },
			func() { i.answer(marshal(t, jwkSet(key("two"))) + strings.Repeat(" ", 1<<20)) },
		} {
			fetches := i.count()
			broken()
			time.Sleep(11 * time.Minute)
			synctest.Wait()
			if i.count() <= fetches {
				t.Error("nothing was fetched")
			}
			authenticate(t, v, one)
			if got := *refusal(t, v, "Bearer "+two); got != unknownKey {
				t.Errorf("got %+v", got)
			}
		}
		i.publish(t, key("one"), key("two"))
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		authenticate(t, v, two)
	})
}

func TestNoKeysYet(t *testing.T) {
	t.Parallel()
	one := tokenOf(t, "one")
	synctest.Test(t, func(t *testing.T) {
		i := issuer{err: errors.New("connection refused")}
		v := i.startVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon"})
		defer v.Close()
		if got := *refusal(t, v, "Bearer "+one); got != noKeysYet {
			t.Errorf("got %+v", got)
		}
		// What needs no remote key works all the time.
		authenticate(t, v, sign(t, `{"role":"own"}`))
		if _, err := v.Authenticate(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if got := *refusal(t, v, "Bearer "+hmacSigner("x", sha256.New).token(t, header("HS256"), `{}`)); got != wrongKey {
			t.Errorf("got %+v", got)
		}
		i.publish(t, key("one"))
		time.Sleep(time.Second) // it is tried again soon
		synctest.Wait()
		authenticate(t, v, one)
	})
}

func TestFetchesBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		i := issuer{err: refused}
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		start, at := time.Now(), func(after time.Duration) time.Time { return time.Now().Add(after) }
		for n, next := range []time.Time{
			at(0), at(1 * time.Second), at(3 * time.Second), at(7 * time.Second), at(15 * time.Second),
			at(15*time.Second + 10*time.Minute), at(16*time.Second + 10*time.Minute),
		} {
			time.Sleep(time.Until(next) - time.Nanosecond)
			synctest.Wait()
			if got := i.count(); n > 0 && got != n {
				t.Fatalf("%d fetches before %s, want %d", got, next.Sub(start), n)
			}
			switch n {
			case 4: // the fifth succeeds, the next ones fail again
				i.publish(t, key("one"))
			case 5:
				i.fail(refused)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := i.count(); got != n+1 {
				t.Fatalf("%d fetches at %s, want %d", got, next.Sub(start), n+1)
			}
		}
	})
}

// TestClientsThatGoAway must not spoil the fetch for those who stay, nor have to wait for it.
func TestClientsThatGoAway(t *testing.T) {
	t.Parallel()
	one := tokenOf(t, "one")
	synctest.Test(t, func(t *testing.T) {
		i := issuer{held: make(chan struct{})}
		i.publish(t, key("one"))
		v := i.startVerifier(t, rls.VerifierConfig{})
		defer v.Close()
		ctx, cancel := context.WithCancel(t.Context())
		gone, stayed := make(chan error, 1), make(chan error, 1)
		go func() { _, err := v.Authenticate(ctx, "Bearer "+one); gone <- err }()
		go func() { _, err := v.Authenticate(t.Context(), "Bearer "+one); stayed <- err }()
		synctest.Wait()
		cancel()
		var refused *rls.Error
		if err := <-gone; !errors.As(err, &refused) || *refused != noKeysYet {
			t.Errorf("gone: %v", err)
		}
		close(i.held)
		if err := <-stayed; err != nil || i.count() != 1 {
			t.Errorf("stayed: %v after %d fetches", err, i.count())
		}
	})
}

func TestSlowIssuer(t *testing.T) {
	t.Parallel()
	one := tokenOf(t, "one")
	synctest.Test(t, func(t *testing.T) {
		i := issuer{held: make(chan struct{})}
		v := i.startVerifier(t, rls.VerifierConfig{})
		start := time.Now()
		if got := *refusal(t, v, "Bearer "+one); got != noKeysYet {
			t.Errorf("got %+v", got)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("waited %s", waited)
		}
		// Closing ends a fetch that is under way, and afterwards nothing is fetched.
		time.Sleep(2 * time.Second)
		v.Close()
		fetches := i.count()
		time.Sleep(time.Hour)
		if got := *refusal(t, v, "Bearer "+one); got != noKeysYet || i.count() != fetches {
			t.Errorf("after closing: %+v, %d fetches", got, i.count()-fetches)
		}
	})
}

func TestRemoteKeysOverHTTP(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var set atomic.Pointer[string]
	publish := func(keys ...object) {
		text := marshal(t, jwkSet(keys...))
		set.Store(&text)
	}
	publish(key("one"), object{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, *set.Load()) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, *set.Load())
	})
	mux.Handle("/moved", http.RedirectHandler("/jwks", http.StatusFound))
	server := httptest.NewServer(mux)
	one, two := tokenOf(t, "one"), tokenOf(t, "two")
	client := server.Client()
	for path, want := range map[string]bool{"/jwks": true, "/moved": true, "/error": false, "/none": false} {
		v, err := rls.NewVerifier(rls.VerifierConfig{JWKSURL: server.URL + path, HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		if want {
			authenticate(t, v, one)
			if got := *refusal(t, v, "Bearer "+two); got != unknownKey {
				t.Errorf("%s: got %+v", path, got)
			}
		} else if got := *refusal(t, v, "Bearer "+one); got != noKeysYet {
			t.Errorf("%s: got %+v", path, got)
		}
		v.Close()
	}
	server.Close()
	client.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

// TestNoRedirectionToHTTP redirects from https to http, where anybody on the way could put in keys.
func TestNoRedirectionToHTTP(t *testing.T) {
	t.Parallel()
	one := tokenOf(t, "one")
	var asked atomic.Bool
	text := marshal(t, jwkSet(key("one")))
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Store(true)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(secure.Close)
	client := secure.Client()
	client.CheckRedirect = rls.StaySecure
	v := newVerifier(t, rls.VerifierConfig{JWKSURL: secure.URL, HTTPClient: client})
	if got := *refusal(t, v, "Bearer "+one); got != noKeysYet || asked.Load() {
		t.Errorf("got %+v, asked %t", got, asked.Load())
	}
}

func TestUnusableURLs(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"issuer.example/jwks", "ftp://issuer.example/jwks", "file:///etc/jwks", "https://", "https:// x", "http://[::1"} {
		if v, err := rls.NewVerifier(rls.VerifierConfig{JWKSURL: address}); err == nil {
			v.Close()
			t.Errorf("%q is taken", address)
		}
	}
}
