package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// publisher serves a discovery document, and counts how often.
type publisher struct {
	*httptest.Server
	asked atomic.Int32
	down  atomic.Bool
	hold  chan struct{}
}

func publish(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{hold: make(chan struct{})}
	close(p.hold)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		<-p.hold
		if p.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(document{
			Issuer: "http://" + r.Host, AuthURL: p.URL + "/a", TokenURL: p.URL + "/t", JWKSURL: p.URL + "/k",
			Algorithms: []string{"none", "HS256", "ES256"}, AuthMethods: []string{"client_secret_post"},
		})
	}))
	t.Cleanup(p.Close)
	return p
}

// clock is a time that tests move.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.Load()) }
func (c *clock) advance(d time.Duration) { c.Add(int64(d)) }

func TestDirectoryKeepsDocuments(t *testing.T) {
	t.Parallel()
	p, clk := publish(t), new(clock)
	dir := newDirectory(newClient(p.Client()))
	dir.now = clk.now
	get := func(wantAsked int32, wantErr error) *document {
		t.Helper()
		doc, err := dir.get(t.Context(), p.URL, true)
		if !errors.Is(err, wantErr) {
			t.Fatalf("get: %v, want %v", err, wantErr)
		}
		if n := p.asked.Load(); n != wantAsked {
			t.Fatalf("asked %d times, want %d", n, wantAsked)
		}
		return doc
	}
	p.down.Store(true)
	get(1, ErrUnavailable)
	get(2, ErrUnavailable) // a failure is not kept
	p.down.Store(false)
	first := get(3, nil)
	if again := get(3, nil); again != first {
		t.Error("the document was read anew although it is fresh")
	}
	clk.advance(documentLife)
	second := get(4, nil)
	if second.keys == first.keys {
		t.Error("keys outlive their document: one that was withdrawn would be trusted forever")
	}
	clk.advance(documentLife)
	p.down.Store(true)
	if stale := get(5, nil); stale != second {
		t.Error("an outage takes the document away")
	}
	get(5, nil) // and is not felt by every login
	clk.advance(staleLife)
	get(6, nil)
	p.down.Store(false)
	clk.advance(staleLife)
	if fresh := get(7, nil); fresh == second {
		t.Error("the old document is used on although the provider is back")
	}
}

func TestDirectoryAsksOnce(t *testing.T) {
	t.Parallel()
	p := publish(t)
	p.hold = make(chan struct{})
	dir := newDirectory(newClient(p.Client()))

	// The first caller gives up while the provider takes its time; the others must not suffer.
	impatient, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := dir.get(impatient, p.URL, true)
		gone <- err
	}()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("the caller that gave up: %v", err)
	}
	var callers sync.WaitGroup
	ready := make(chan struct{}, 8)
	for range cap(ready) {
		callers.Go(func() {
			ready <- struct{}{}
			if _, err := dir.get(t.Context(), p.URL, true); err != nil {
				t.Error(err)
			}
		})
	}
	for range cap(ready) {
		<-ready
	}
	close(p.hold)
	callers.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestDirectoryIsBounded(t *testing.T) {
	t.Parallel()
	p := publish(t)
	dir := newDirectory(newClient(p.Client()))
	for range maxDocuments + 10 {
		dir.mu.Lock()
		dir.kept[time.Duration(len(dir.kept)).String()] = keptDocument{}
		full := len(dir.kept) >= maxDocuments
		dir.mu.Unlock()
		if full {
			break
		}
	}
	if _, err := dir.get(t.Context(), p.URL, true); err != nil {
		t.Fatal(err)
	}
	if _, ok := dir.kept[p.URL]; !ok || len(dir.kept) > maxDocuments {
		t.Errorf("%d documents are kept, the latest: %t", len(dir.kept), ok)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	p := publish(t)
	dir := newDirectory(newClient(p.Client()))
	doc, err := dir.get(t.Context(), p.URL+"/", true)
	if err != nil {
		t.Fatalf("a slash at the end: %v", err)
	}
	if want := []string{oidc.ES256}; !slices.Equal(doc.Algorithms, want) {
		t.Errorf("algorithms %v, want %v", doc.Algorithms, want)
	}
	for _, tt := range []struct {
		methods []string
		secret  string
		want    oauth2.AuthStyle
	}{
		{nil, "s", oauth2.AuthStyleInHeader},
		{[]string{"client_secret_post", "client_secret_basic"}, "s", oauth2.AuthStyleInHeader},
		{[]string{"client_secret_post"}, "s", oauth2.AuthStyleInParams},
		{nil, "", oauth2.AuthStyleInParams},
	} {
		doc := document{AuthMethods: tt.methods}
		if got := doc.endpoint(tt.secret).AuthStyle; got != tt.want {
			t.Errorf("methods %v, secret %q: style %d, want %d", tt.methods, tt.secret, got, tt.want)
		}
	}
}

func FuzzClaimedIssuer(f *testing.F) {
	for _, seed := range []string{
		"", "..", "a.b.c", "e30.e30.", "e30.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.x", "e30.eyJpc3MiOjd9.x", "e30.bnVsbA.x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		issuer, err := claimedIssuer(raw)
		if err != nil && (!errors.Is(err, ErrToken) || issuer != "") {
			t.Errorf("claimedIssuer(%q) = %q, %v", raw, issuer, err)
		}
	})
}
