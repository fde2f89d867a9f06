package auth_test

import (
	"net/http"
	"sync"
	"testing"

	"nexus/engine/auth"
)

// BenchmarkRefresh exchanges refresh tokens of 32 sessions.
func BenchmarkRefresh(b *testing.B) {
	r := newRig(b, func(o *auth.Options) { o.Now = nil })
	var mu sync.Mutex
	var idle []string
	for range 32 {
		id := auth.NewID()
		r.member(id + "@example.com")
		idle = append(idle, r.logIn(id+"@example.com", good).str("refresh_token"))
	}
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			token := idle[len(idle)-1]
			idle = idle[:len(idle)-1]
			mu.Unlock()
			a := r.call("POST", "/token?grant_type=refresh_token", map[string]any{"refresh_token": token})
			if a.status != http.StatusOK {
				b.Errorf("%d %s", a.status, a.text)
				return
			}
			mu.Lock()
			idle = append(idle, a.str("refresh_token"))
			mu.Unlock()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refreshes/s")
}
