// Package limit bounds how often something may happen for a key: an address, or an account.
package limit

import (
	"container/list"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is so many events in a time. Burst may happen at once; 0 means Events.
type Rate struct {
	Events int
	Per    time.Duration
	Burst  int
}

// ErrRate means that a text is no rate.
var ErrRate = errors.New(`want a number of events within an hour, or "events/time", such as 30/5m`)

// ParseRate reads a rate as GoTrue writes it.
func ParseRate(text string) (Rate, error) {
	events, within, slash := strings.Cut(strings.TrimSpace(text), "/")
	n, err := strconv.ParseFloat(events, 64)
	if err != nil || !(n >= 1 && n <= 1e9) { // nor NaN
		return Rate{}, fmt.Errorf("%q: %w", text, ErrRate)
	}
	r := Rate{Events: int(n), Per: time.Hour, Burst: int(n)}
	if slash {
		if r.Per, err = time.ParseDuration(within); err != nil || r.Per <= 0 {
			return Rate{}, fmt.Errorf("%q: %w", text, ErrRate)
		}
	}
	return r, nil
}

// maxKeys bounds the memory that keys can take: an attacker has many addresses.
const maxKeys = 65536

// Limiter has a bucket of tokens for each key. It is safe for concurrent use.
type Limiter struct {
	rate Rate
	now  func() time.Time

	mu      sync.Mutex
	buckets map[string]*list.Element // of *bucket
	used    list.List                // the most recently used first
}

type bucket struct {
	key    string
	tokens *rate.Limiter
}

// New makes a limiter.
func New(r Rate) *Limiter { return NewAt(r, time.Now) }

// NewAt is New with a clock.
func NewAt(r Rate, now func() time.Time) *Limiter {
	if r.Burst <= 0 {
		r.Burst = r.Events
	}
	return &Limiter{rate: r, now: now, buckets: map[string]*list.Element{}}
}

// Allow takes a token of the key. Without one it tells when there will be one.
func (l *Limiter) Allow(key string) (ok bool, retryAfter time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := l.bucket(key)
	if tokens.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - tokens.TokensAt(now)
	return false, time.Duration(missing * float64(l.rate.Per) / float64(l.rate.Events))
}

// bucket finds the key's bucket, or makes one in place of that which was not used for longest.
func (l *Limiter) bucket(key string) *rate.Limiter {
	if e, ok := l.buckets[key]; ok {
		l.used.MoveToFront(e)
		return e.Value.(*bucket).tokens
	}
	if len(l.buckets) >= maxKeys {
		oldest := l.used.Back()
		delete(l.buckets, l.used.Remove(oldest).(*bucket).key)
	}
	b := &bucket{strings.Clone(key), rate.NewLimiter(rate.Limit(float64(l.rate.Events)/l.rate.Per.Seconds()), l.rate.Burst)}
	l.buckets[b.key] = l.used.PushFront(b)
	return b.tokens
}
