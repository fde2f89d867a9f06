package rls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// refreshInterval is how often remote keys are fetched anew.
	refreshInterval = 10 * time.Minute
	// missInterval is the least time between the end of a fetch and another that an unknown key causes.
	missInterval = 10 * time.Second
	// retryInterval is the wait after a fetch that failed; it doubles with each failure, up to refreshInterval.
	retryInterval = time.Second
	// fetchTimeout bounds one fetch.
	fetchTimeout = 5 * time.Second
	// maxKeySet is the largest JWK set in bytes.
	maxKeySet = 1 << 20
)

// remoteKeys fetches a JWK set from a URL: at once, every refreshInterval, and when a token needs a key that is not there.
// All fetching is done by one goroutine of its own, so that a client that goes away interrupts nothing. The library's
// jwk.Cache would neither bound what it reads nor how often tokens make it fetch, nor say when it has ended.
type remoteKeys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	renew  func([]key)

	cancel  context.CancelFunc
	stopped chan struct{}
	ordered chan struct{}
	last    []byte // the set in force; of the goroutine

	mu sync.Mutex
	// pending is closed when the fetch that is under way or ordered has ended; nil without one.
	pending chan struct{}
	ended   time.Time
	closed  bool
}

// startRemoteKeys begins to fetch. Each new set is given to renew; a fetch that fails leaves the last one in force.
func startRemoteKeys(address string, client *http.Client, log *slog.Logger, renew func([]key)) (*remoteKeys, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("the URL of the JWK set must begin with https:// or http://")
	}
	if client == nil {
		client = &http.Client{CheckRedirect: staySecure}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &remoteKeys{
		url: address, client: client, log: log.With(slog.String("jwks_url", u.Redacted())), renew: renew,
		cancel: cancel, stopped: make(chan struct{}), ordered: make(chan struct{}, 1), pending: make(chan struct{}),
	}
	go r.run(ctx)
	return r, nil
}

// staySecure follows no redirection from https to http.
func staySecure(next *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("too many redirections")
	}
	if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("redirected from https to " + next.URL.Scheme)
	}
	return nil
}

func (r *remoteKeys) close() {
	r.cancel()
	<-r.stopped
}

func (r *remoteKeys) run(ctx context.Context) {
	defer close(r.stopped)
	defer r.end(true)
	retry := retryInterval
	for {
		wait := refreshInterval
		if err := r.fetch(ctx); err == nil {
			retry = retryInterval
		} else if ctx.Err() == nil {
			wait, retry = retry, min(2*retry, refreshInterval)
			r.log.WarnContext(ctx, "keys for tokens could not be fetched; those at hand stay in force",
				slog.Any("error", err), slog.Duration("retry_in", wait))
		}
		r.end(false)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			r.begin()
		case <-r.ordered:
			timer.Stop()
		}
	}
}

// begin marks the start of a fetch that nobody ordered, or takes the order that just came.
func (r *remoteKeys) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		r.pending = make(chan struct{})
		return
	}
	<-r.ordered
}

// end tells those who wait that a fetch has ended.
func (r *remoteKeys) end(forever bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = forever
	if r.pending != nil {
		close(r.pending)
		r.pending = nil
		r.ended = time.Now()
	}
}

// refetch returns when a fetch has ended, or at once if the last one is too young.
func (r *remoteKeys) refetch(ctx context.Context) {
	pending := r.order()
	if pending == nil {
		return
	}
	select {
	case <-pending:
	case <-ctx.Done():
	}
}

func (r *remoteKeys) order() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil && !r.closed && time.Since(r.ended) >= missInterval {
		r.pending = make(chan struct{})
		r.ordered <- struct{}{} // there is room: an order is taken before its fetch ends
	}
	return r.pending
}

func (r *remoteKeys) fetch(ctx context.Context) error {
	text, err := r.read(ctx)
	if err != nil || bytes.Equal(text, r.last) {
		return err
	}
	keys, unusable, err := parseKeySet(text)
	if err != nil {
		return fmt.Errorf("not a JWK set: %w", err)
	}
	// What anybody can fetch is no secret.
	keys = slices.DeleteFunc(keys, func(k key) bool { return k.symmetric() })
	if len(keys) == 0 {
		return errors.Join(errors.New("no usable public key in the JWK set"), unusable)
	}
	if unusable != nil {
		r.log.WarnContext(ctx, "some keys for tokens are left out", slog.Any("error", unusable))
	}
	r.last = text
	r.renew(keys)
	r.log.InfoContext(ctx, "keys for tokens were fetched", slog.Int("keys", len(keys)))
	return nil
}

func (r *remoteKeys) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the JWK set is larger than %d bytes", maxKeySet)
	}
	return text, err
}
