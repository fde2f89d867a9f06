package rls

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

const (
	// refreshInterval is how often remote keys are fetched anew.
	refreshInterval = 10 * time.Minute
	// missInterval is the least time between fetches that unknown keys cause.
	missInterval = 10 * time.Second
	// fetchTimeout bounds one fetch.
	fetchTimeout = 5 * time.Second
)

// remoteKeys are keys from a URL. They are fetched when they are first needed, every refreshInterval, and when a token names
// a key that is not there; a fetch that fails leaves the old keys in force.
type remoteKeys struct {
	url    string
	client *http.Client
	clock  func() time.Time
	log    *slog.Logger

	keys    atomic.Pointer[[]key]
	mu      sync.Mutex // one fetch at a time
	fetched time.Time  // of the last try
	stop    context.CancelFunc
	stopped chan struct{}
}

func newRemoteKeys(url string, client *http.Client, clock func() time.Time, log *slog.Logger) *remoteKeys {
	if client == nil {
		client = http.DefaultClient
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &remoteKeys{url: url, client: client, clock: clock, log: log, stop: stop, stopped: make(chan struct{})}
	go r.refresh(ctx)
	return r
}

func (r *remoteKeys) close() {
	r.stop()
	<-r.stopped
}

func (r *remoteKeys) refresh(ctx context.Context) {
	defer close(r.stopped)
	ticker := time.NewTicker(refreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.fetch(ctx, 0)
		}
	}
}

// verify tries the keys at hand, and once more after a fetch when they do not suit.
func (r *remoteKeys) verify(ctx context.Context, token string) ([]byte, *Error) {
	if keys := r.keys.Load(); keys != nil {
		payload, refused := verify(*keys, token)
		if refused != errNoKey && refused != errKeysFailed {
			return payload, refused
		}
	}
	r.fetch(ctx, missInterval)
	keys := r.keys.Load()
	if keys == nil {
		return nil, errNoKey
	}
	return verify(*keys, token)
}

// fetch replaces the keys unless the last try is younger than least.
func (r *remoteKeys) fetch(ctx context.Context, least time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if !r.fetched.IsZero() && now.Sub(r.fetched) < least {
		return
	}
	r.fetched = now
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := r.load(ctx)
	if err != nil {
		r.log.WarnContext(ctx, "keys for tokens could not be fetched; the old ones stay in force", slog.Any("error", err))
		return
	}
	r.keys.Store(&keys)
}

func (r *remoteKeys) load(ctx context.Context) ([]key, error) {
	set, err := jwk.Fetch(ctx, r.url, jwk.WithHTTPClient(r.client))
	if err != nil {
		return nil, fmt.Errorf("rls: fetch keys: %w", err)
	}
	return keysOf(set)
}
