package limits

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Rate is so many events in a time.
type Rate struct {
	Events int
	Per    time.Duration
	// Exact never lets an event through before it was counted, which costs a round trip for keys that are rarely used.
	Exact bool
}

// Decision is what a Limiter says of an event.
type Decision struct {
	Allowed bool
	// RetryAfter tells when the next event will be allowed; 0 if this one is.
	RetryAfter time.Duration
	// Remaining is how many more events are allowed at the moment, as far as the server knows.
	Remaining int
}

// ErrUnavailable means that events cannot be counted, because what keeps the counts does not answer.
var ErrUnavailable = errors.New("limits: events cannot be counted")

// request asks a store for events.
type request struct {
	key  string
	rate Rate
	// wanted are spent at once; more may be granted for spare.
	wanted int
	spare  time.Duration
	// forced events have happened already.
	forced int
	// backSlice and back give back what was granted before.
	backSlice int64
	back      int
}

// grant is a store's answer.
type grant struct {
	granted    int
	slice      int64
	retryAfter time.Duration
	remaining  int
}

// Store keeps the counts: PostgreSQL, or Redis.
type Store interface {
	take(ctx context.Context, r request) (grant, error)
	forget(ctx context.Context, most int) (forgotten int, err error)
}

const (
	// leaseLife is how long a server may spend what it took in advance.
	leaseLife = time.Second
	// outage is how long the store is left alone after it failed.
	outage = 500 * time.Millisecond
	// idle is after how long without an event a key is forgotten here.
	idle = 10 * time.Minute
	// maxKeys bounds the memory of keys: an attacker has many addresses.
	maxKeys = 100_000
	// askTimeout bounds a question to the store, which outlives the request that asked it: others wait for the answer.
	askTimeout = 5 * time.Second
	// forgetBatch is how many old counts are removed at a time.
	forgetBatch = 1000
)

// Limiter decides about events. It is safe for concurrent use.
type Limiter struct {
	store Store
	log   *slog.Logger
	stop  chan struct{}
	work  sync.WaitGroup

	mu   sync.Mutex
	keys map[string]*entry
}

// entry is what is known of a key.
type entry struct {
	mu sync.Mutex
	// left of what was granted for slice can be spent until.
	left  int
	slice int64
	until time.Time
	// blocked is until when nothing is granted.
	blocked   time.Time
	remaining int
	// asking is closed when the answer that is waited for is there; nil if none is.
	asking  chan struct{}
	waiting int
	// failed is until when the store is not asked again.
	failed time.Time
	used   time.Time
	rate   Rate
	known  bool
}

// New makes a limiter, which has to be closed.
func New(store Store, log *slog.Logger) *Limiter {
	l := &Limiter{store: store, log: log, stop: make(chan struct{}), keys: make(map[string]*entry)}
	l.work.Go(l.tidy)
	return l
}

// Close gives back what was taken in advance, as far as the store answers, and ends all work.
func (l *Limiter) Close() {
	close(l.stop)
	l.work.Wait()
}

// Take counts an event of the key, or refuses it. It fails with ErrUnavailable and the context's error.
func (l *Limiter) Take(ctx context.Context, key string, rate Rate) (Decision, error) {
	e := l.entry(key)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rate = rate
	for {
		now := time.Now()
		e.used = now
		switch {
		case now.Before(e.blocked):
			return Decision{RetryAfter: e.blocked.Sub(now)}, nil
		case e.left > 0 && now.Before(e.until):
			e.left--
			return Decision{Allowed: true, Remaining: e.left + e.remaining}, nil
		case now.Before(e.failed):
			return Decision{}, ErrUnavailable
		case !e.known && !rate.Exact && e.asking == nil:
			// Counted without waiting for it.
			e.known = true
			l.ask(key, e, 0, 1)
			return Decision{Allowed: true, Remaining: rate.Events - 1}, nil
		}
		e.waiting++
		if e.asking == nil {
			l.ask(key, e, e.waiting, 0)
		}
		err := e.await(ctx)
		e.waiting--
		if err != nil {
			return Decision{}, err
		}
	}
}

// await waits for an answer, without the lock.
func (e *entry) await(ctx context.Context) error {
	asking := e.asking
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-asking:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask has the store asked for the events of those that wait. The entry's lock is held.
func (l *Limiter) ask(key string, e *entry, wanted, forced int) {
	e.asking = make(chan struct{})
	r := request{
		key: key, rate: e.rate, wanted: wanted, spare: min(leaseLife, e.rate.Per/8), forced: forced,
		backSlice: e.slice, back: e.left,
	}
	e.left, e.slice = 0, 0
	l.work.Go(func() { l.answer(e, r) })
}

// answer asks the store and tells those that wait.
func (l *Limiter) answer(e *entry, r request) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	sent := time.Now() // the events can be spent until then and a while, whenever the answer comes
	g, err := l.store.take(ctx, r)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if err != nil {
		l.log.Error("events cannot be counted", "error", err)
		e.failed = now.Add(outage)
	} else {
		e.known, e.failed = true, time.Time{}
		e.left, e.slice, e.remaining = g.granted, g.slice, g.remaining
		e.until = sent.Add(r.spare)
		if e.waiting > 0 && g.granted > 0 && e.until.Before(now.Add(r.spare/2)) {
			e.until = now.Add(r.spare / 2) // slow answers are spent by those that wait for them
		}
		if g.granted == 0 && g.retryAfter > 0 {
			e.blocked = now.Add(g.retryAfter)
		}
	}
	close(e.asking)
	e.asking = nil
}

func (l *Limiter) entry(key string) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.keys[key]
	if e == nil {
		if len(l.keys) >= maxKeys {
			l.evict()
		}
		e = &entry{}
		l.keys[key] = e
	}
	return e
}

// evict makes room by forgetting some keys; what they had taken in advance counts as spent.
func (l *Limiter) evict() {
	n := 0
	for key := range l.keys {
		delete(l.keys, key)
		if n++; n >= maxKeys/16 {
			return
		}
	}
}

// tidy gives back what was not spent, and forgets what is not used.
func (l *Limiter) tidy() {
	ticker := time.NewTicker(leaseLife)
	defer ticker.Stop()
	for rounds := 1; ; rounds++ {
		select {
		case <-l.stop:
			l.giveBack(func(*entry, time.Time) bool { return true })
			return
		case <-ticker.C:
		}
		l.giveBack(func(e *entry, now time.Time) bool { return !now.Before(e.until) })
		if rounds%60 == 0 {
			l.forget()
		}
	}
}

// giveBack returns to the store what was taken in advance by entries that are due.
func (l *Limiter) giveBack(due func(*entry, time.Time) bool) {
	type unspent struct {
		*entry
		r request
	}
	var all []unspent
	now := time.Now()
	l.mu.Lock()
	for key, e := range l.keys {
		e.mu.Lock()
		if e.left > 0 && e.asking == nil && due(e, now) {
			all = append(all, unspent{e, request{key: key, rate: e.rate, backSlice: e.slice, back: e.left}})
			e.left, e.slice = 0, 0
		}
		if e.asking == nil && e.waiting == 0 && e.left == 0 && now.Sub(e.used) > idle && now.After(e.blocked) {
			delete(l.keys, key)
		}
		e.mu.Unlock()
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	for _, u := range all {
		if _, err := l.store.take(ctx, u.r); err != nil {
			l.log.Warn("events that were taken in advance count as spent", "error", err)
			return
		}
	}
}

func (l *Limiter) forget() {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	for {
		n, err := l.store.forget(ctx, forgetBatch)
		if err != nil {
			l.log.Warn("old counts of limits were not removed", "error", err)
		}
		if err != nil || n < forgetBatch {
			return
		}
	}
}
