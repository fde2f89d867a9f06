package limit_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nexus/engine/auth/limit"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limit.Rate{
		"30":       {Events: 30, Per: time.Hour, Burst: 30},
		"150/5m":   {Events: 150, Per: 5 * time.Minute, Burst: 150},
		"1/1s":     {Events: 1, Per: time.Second, Burst: 1},
		"30.0":     {Events: 30, Per: time.Hour, Burst: 30},
		"10/1h30m": {Events: 10, Per: 90 * time.Minute, Burst: 10},
	} {
		if got, err := limit.ParseRate(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "0", "1/", "1/x", "1/-5m", "1/0s", "1e99", "NaN", "/5m"} {
		if got, err := limit.ParseRate(text); !errors.Is(err, limit.ErrRate) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := limit.NewAt(limit.Rate{Events: 2, Per: time.Minute}, func() time.Time { return now })
	for i := range 2 {
		if ok, _ := l.Allow("a"); !ok {
			t.Fatalf("event %d was refused", i)
		}
	}
	if ok, after := l.Allow("a"); ok || after != 30*time.Second {
		t.Errorf("the third: %v, again after %v", ok, after)
	}
	if ok, _ := l.Allow("b"); !ok {
		t.Error("another key was refused")
	}
	now = now.Add(29 * time.Second)
	if ok, after := l.Allow("a"); ok || after.Round(time.Millisecond) != time.Second {
		t.Errorf("a second too soon: %v, again after %v", ok, after)
	}
	now = now.Add(time.Second)
	if ok, _ := l.Allow("a"); !ok {
		t.Error("refused when there was a token")
	}
}

func TestAllowIsExact(t *testing.T) {
	t.Parallel()
	l := limit.NewAt(limit.Rate{Events: 100, Per: time.Hour}, func() time.Time { return time.Unix(0, 0) })
	var allowed atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 50 {
				if ok, _ := l.Allow("key"); ok {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := allowed.Load(); n != 100 {
		t.Errorf("%d events were allowed, want 100", n)
	}
}

// Many keys take the place of old ones, and the one that is in use stays.
func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	l := limit.NewAt(limit.Rate{Events: 1, Per: time.Hour}, func() time.Time { return time.Unix(0, 0) })
	l.Allow("attacker")
	for i := range 200_000 {
		l.Allow(fmt.Sprint(i))
		if i%1000 == 0 {
			if ok, _ := l.Allow("attacker"); ok {
				t.Fatalf("the key was forgotten after %d others", i)
			}
		}
	}
	if n := l.Keys(); n > 65536 {
		t.Errorf("%d keys are remembered", n)
	}
}

func BenchmarkAllow(b *testing.B) {
	l := limit.New(limit.Rate{Events: 1 << 30, Per: time.Second})
	b.ReportAllocs()
	for b.Loop() {
		l.Allow("192.0.2.1")
	}
}
