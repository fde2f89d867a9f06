package password_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"nexus/engine/password"
)

func newHasher(t *testing.T, cfg password.Config) *password.Hasher {
	t.Helper()
	h := password.New(cfg)
	t.Cleanup(h.Close)
	return h
}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := newHasher(t, password.Config{Cost: bcrypt.MinCost})
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := h.Verify(t.Context(), hash, "correct horse"); !ok || rehash || err != nil {
		t.Errorf("the password: %v, %v, %v", ok, rehash, err)
	}
	for _, wrong := range []string{"", "correct hors", "correct horse ", "Correct horse"} {
		if ok, _, err := h.Verify(t.Context(), hash, wrong); ok || err != nil {
			t.Errorf("%q: %v, %v", wrong, ok, err)
		}
	}
	if _, err := h.Hash(t.Context(), strings.Repeat("x", 73)); !errors.Is(err, password.ErrTooLong) {
		t.Errorf("73 bytes: %v", err)
	}
	stronger := newHasher(t, password.Config{Cost: bcrypt.MinCost + 1})
	if ok, rehash, err := stronger.Verify(t.Context(), hash, "correct horse"); !ok || !rehash || err != nil {
		t.Errorf("a hash of another cost: %v, %v, %v", ok, rehash, err)
	}
	if err := h.VerifyUnknown(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// Our loop computes what the library's does.
func TestBcryptIsBcrypt(t *testing.T) {
	t.Parallel()
	h := newHasher(t, password.Config{Cost: 5})
	for _, text := range []string{"", "a", "correct horse", "pässwörd", strings.Repeat("x", 71), strings.Repeat("y", 72), "nul\x00inside"} {
		theirs, err := bcrypt.GenerateFromPassword([]byte(text), 5)
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), string(theirs), text); !ok || rehash || err != nil {
			t.Errorf("%q: %v, %v, %v", text, ok, rehash, err)
		}
		ours, err := h.Hash(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(ours), []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	long := strings.Repeat("z", 80)
	theirs, err := bcrypt.GenerateFromPassword([]byte(long[:72]), 4)
	if err != nil {
		t.Fatal(err)
	}
	// As the library, beyond 72 bytes: an import must not lock anybody out.
	want := bcrypt.CompareHashAndPassword(theirs, []byte(long)) == nil
	if got, _, err := h.Verify(t.Context(), string(theirs), long); err != nil || got != want {
		t.Errorf("80 bytes: %v, want %v", got, want)
	}
}

// Hashes that other programs made: PHP's bcrypt, the argon2 command, and the example of Firebase's scrypt.
func TestForeignHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, password.Config{})
	for name, c := range map[string]struct{ hash, password string }{
		"bcrypt 2y": {"$2y$10$.vGA1O9wmRjrwAVXD98HNOgsNpDczlqm3Jq7KnEd1rVAGv3Fykk1a", "rasmuslerdorf"},
		"argon2id":  {"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		"argon2i":   {"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"},
		"Firebase scrypt": {
			"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
			"user1password",
		},
	} {
		if err := password.CheckHash(c.hash); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ok, rehash, err := h.Verify(t.Context(), c.hash, c.password)
		if want := !strings.HasPrefix(c.hash, "$2"); !ok || rehash != want || err != nil {
			t.Errorf("%s: %v, %v, %v", name, ok, rehash, err)
		}
		if ok, _, _ := h.Verify(t.Context(), c.hash, c.password+"x"); ok {
			t.Errorf("%s takes another password", name)
		}
	}
}

// badHashes cannot be read, or would take too much of the machine.
var badHashes = []string{
	"", "plain", "$", "$1$abc$def", "$2a$99$x", "$2a$31$" + strings.Repeat("a", 53), "$argon2d$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1a",
	"$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1a", "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1a",
	"$argon2id$v=19$m=64,t=999,p=1$c29tZXNhbHQ$CTFhFdXPJO1a", "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1a",
	"$argon2id$v=19$m=64,t=1,p=255$c29tZXNhbHQ$CTFhFdXPJO1a", "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$t=1,m=64,p=1$c29tZXNhbHQ$CTFhFdXPJO1a",
	"$fbscrypt$v=1,n=40,r=8,p=1,ss=Bw==,sk=jxsp$42xE$lSrf", "$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,sk=jxsp$42xE$lSrf", "$fbscrypt$v=1,n=14,r=8,p=1$42xE$lSrf",
}

func TestBadHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, password.Config{})
	for _, hash := range badHashes {
		if err := password.CheckHash(hash); !errors.Is(err, password.ErrHash) {
			t.Errorf("%q: %v", hash, err)
		}
		if ok, _, err := h.Verify(t.Context(), hash, ""); ok || err != nil {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
	}
}

func FuzzCheckHash(f *testing.F) {
	for _, hash := range badHashes {
		f.Add(hash)
	}
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1a")
	f.Fuzz(func(_ *testing.T, hash string) { _ = password.CheckHash(hash) })
}

// Only so many are at work, so many wait, and the others are told at once.
func TestStorm(t *testing.T) {
	t.Parallel()
	h := newHasher(t, password.Config{Cost: 8, Workers: 1, Queue: 3})
	const callers = 40
	results := make(chan error, callers)
	var ready, start sync.WaitGroup
	start.Add(1)
	for range callers {
		ready.Add(1)
		go func() {
			ready.Done()
			start.Wait()
			_, err := h.Hash(context.Background(), "correct horse")
			results <- err
		}()
	}
	ready.Wait()
	start.Done()
	var done, busy int
	for range callers {
		switch err := <-results; {
		case err == nil:
			done++
		case errors.Is(err, password.ErrBusy):
			busy++
		default:
			t.Error(err)
		}
	}
	if done < 4 || busy == 0 {
		t.Errorf("%d were hashed, %d were refused", done, busy)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release := h.Occupy()
	defer release()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who is gone: %v", err)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	rules := password.Rules{MinLength: 8, Required: password.ParseRequired(`abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMNOPQRSTUVWXYZ:0123456789:\:;`)}
	if !slices.Equal(rules.Required[3:], []string{":;"}) {
		t.Errorf("sets %q", rules.Required)
	}
	for text, want := range map[string][]string{
		"Password1;": nil, "Pass1;": {"length"}, "password1;": {"characters"}, "": {"length", "characters"},
	} {
		var weak *password.WeakError
		err := rules.Check(t.Context(), text)
		if errors.As(err, &weak) != (want != nil) || weak != nil && !slices.Equal(weak.Reasons, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := rules.Check(t.Context(), strings.Repeat("x", 73)); !errors.Is(err, password.ErrTooLong) {
		t.Error(err)
	}
	random := password.Random()
	if random == password.Random() || len(random) > 72 {
		t.Errorf("a random password is %q", random)
	}
}

func TestHIBP(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The SHA-1 of "password" is 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
		if r.URL.Path != "/5BAA6" || r.Header.Get("Add-Padding") != "true" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("003D68EB55068C33ACE09247EE4C639306B:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:9\r\n01330C689E5D64F660D6947A93AD634EF8F:0\r\n"))
	}))
	t.Cleanup(service.Close)
	h := &password.HIBP{URL: service.URL + "/"}
	var weak *password.WeakError
	if err := (password.Rules{Breached: h}).Check(t.Context(), "password"); !errors.As(err, &weak) || !slices.Equal(weak.Reasons, []string{"pwned"}) {
		t.Errorf("%v", err)
	}
	status = http.StatusServiceUnavailable
	if leaked, err := h.Breached(t.Context(), "password"); leaked || err != nil {
		t.Errorf("without the service: %v, %v", leaked, err)
	}
	h.FailClosed = true
	if _, err := h.Breached(t.Context(), "password"); err == nil {
		t.Error("without the service, and with the rule to fail: no error")
	}
}
