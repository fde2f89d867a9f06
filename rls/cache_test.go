package rls_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nexus/rls"
)

// sign makes a token of HS256 with the secret.
func sign(t testing.TB, payload string) string {
	t.Helper()
	return hmacSigner(secret, sha256.New).token(t, `{"alg":"HS256"}`, payload)
}

func TestCacheHonoursTime(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	v := newVerifier(t, rls.VerifierConfig{
		Secret: []byte(secret), CacheEntries: 10, Clock: func() time.Time { return time.Unix(now.Load(), 0) },
	})
	token := sign(t, `{"role":"r","nbf":1000,"exp":2000}`)
	expired, early := badClaims("JWT expired"), badClaims("JWT not yet valid")
	for _, c := range []struct {
		at   int64
		want *rls.Error
	}{{900, &early}, {970, nil}, {1500, nil}, {2030, nil}, {2031, &expired}, {900, &early}, {1500, nil}} {
		now.Store(c.at)
		if c.want == nil {
			authenticate(t, v, token)
		} else if got := *refusal(t, v, "Bearer "+token); got != *c.want {
			t.Errorf("at %d: got %+v", c.at, got)
		}
	}
	if got, want := v.CacheStats(), (rls.CacheStats{Hits: 6, Misses: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestCacheCounters asks for tokens in an order and counts what the cache does, as PostgREST's metrics would
// (https://docs.postgrest.org/en/v14/references/observability.html#jwt-cache-metrics).
func TestCacheCounters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size   int
		tokens []int
		want   rls.CacheStats
	}{
		"once":                        {2, []int{1}, rls.CacheStats{Misses: 1}},
		"again":                       {2, []int{1, 1}, rls.CacheStats{Misses: 1, Hits: 1}},
		"off":                         {0, []int{1, 1}, rls.CacheStats{}},
		"in a circle":                 {2, []int{1, 2, 3, 1, 2, 3}, rls.CacheStats{Misses: 6, Evictions: 4}},
		"not first in, first out":     {2, []int{1, 2, 1, 3, 1, 3}, rls.CacheStats{Misses: 3, Hits: 3, Evictions: 1}},
		"all were hit":                {2, []int{1, 2, 1, 2, 3, 2, 3}, rls.CacheStats{Misses: 3, Hits: 4, Evictions: 1}},
		"of one":                      {1, []int{1, 1, 2, 2, 1}, rls.CacheStats{Misses: 3, Hits: 2, Evictions: 2}},
		"a scan spares what is used":  {3, []int{1, 1, 2, 3, 4, 5, 6, 1}, rls.CacheStats{Misses: 6, Hits: 2, Evictions: 3}},
		"the hand stays where it was": {3, []int{1, 2, 3, 1, 4, 5, 1}, rls.CacheStats{Misses: 5, Hits: 2, Evictions: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), CacheEntries: c.size})
			for _, n := range c.tokens {
				if got := authenticate(t, v, sign(t, fmt.Sprintf(`{"role":"r%d"}`, n))); got.Role != fmt.Sprintf("r%d", n) {
					t.Errorf("token %d gave role %s", n, got.Role)
				}
			}
			if got := v.CacheStats(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCacheKeepsWhatIsGenuine(t *testing.T) {
	t.Parallel()
	for authorization, want := range map[string]rls.CacheStats{
		"Bearer " + sign(t, `{"exp":1}`):                {Misses: 1, Hits: 1},
		"Bearer " + sign(t, `{"aud":1}`):                {Misses: 1, Hits: 1},
		"Bearer " + sign(t, `{"sub":"without a role"}`): {Misses: 1, Hits: 1},
		"Bearer " + sign(t, `[]`):                       {Misses: 2},
		"Bearer some random bytes":                      {Misses: 2},
		"Bearer " + hmacSigner("another secret", sha256.New).token(t, header("HS256"), `{"exp":1}`): {Misses: 2},
	} {
		v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), CacheEntries: 10})
		for range 2 {
			_ = refusal(t, v, authorization)
		}
		if got := v.CacheStats(); got != want {
			t.Errorf("%s: got %+v, want %+v", authorization, got, want)
		}
	}
}

// TestCacheConcurrently is for the race detector, and to see that nobody ever gets someone else's identity.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	const tokens, size, clients, requests = 12, 4, 8, 500
	v := newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), CacheEntries: size})
	var signed [tokens]string
	for i := range signed {
		signed[i] = "Bearer " + sign(t, `{"role":"r`+strconv.Itoa(i)+`"}`)
	}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range requests {
				n := (client + i*i) % tokens
				identity, err := v.Authenticate(context.Background(), signed[n])
				if err != nil || identity.Role != "r"+strconv.Itoa(n) {
					t.Errorf("token %d: %+v, %v", n, identity, err)
					return
				}
			}
		})
	}
	wg.Wait()
	stats := v.CacheStats()
	if got := stats.Hits + stats.Misses; got != clients*requests {
		t.Errorf("%d lookups, want %d", got, clients*requests)
	}
	if kept := stats.Misses - stats.Evictions; stats.Evictions == 0 || kept < size {
		t.Errorf("unlikely counters %+v", stats)
	}
}

func hotVerifier(t testing.TB) (v *rls.Verifier, authorization string) {
	t.Helper()
	v = newVerifier(t, rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", CacheEntries: 1000})
	token := sign(t, `{"aud":"authenticated","email":"someone@example.com","exp":4102444800,"iat":1700000000,"iss":"https://example.com/auth/v1",`+
		`"role":"authenticated","session_id":"5b0e2b3c-6a3f-4c3f-9a59-8d6f0f6f4c3d","sub":"11f1b1a6-2f4e-4c62-b4a1-3c9b3b1f9f10"}`)
	authenticate(t, v, token)
	return v, "Bearer " + token
}

func TestHitsAllocateNothing(t *testing.T) {
	v, authorization := hotVerifier(t)
	ctx := t.Context()
	for name, header := range map[string]string{"hit": authorization, "anonymous": ""} {
		allocs := testing.AllocsPerRun(1000, func() {
			if _, err := v.Authenticate(ctx, header); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func BenchmarkCacheHit(b *testing.B) {
	v, authorization := hotVerifier(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Authenticate(ctx, authorization); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCacheHitParallel(b *testing.B) {
	v, authorization := hotVerifier(b)
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Authenticate(ctx, authorization); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, a := range allAlgorithms() {
		b.Run(a.name, func(b *testing.B) {
			v := newVerifier(b, rls.VerifierConfig{Secret: []byte(marshal(b, jwk(a.material, nil)))})
			authorization := "Bearer " + a.sign.token(b, header(a.name), `{"role":"r","exp":4102444800,"sub":"u"}`)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Authenticate(ctx, authorization); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
