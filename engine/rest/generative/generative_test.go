package generative

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of the requests; 0 for another one each time")
	count = flag.Uint64("requests", 0, "number of requests; 0 for 10,000 where CI=true and 1,000 elsewhere")
	first = flag.Uint64("first", 0, "number of the first request, to look at one again")
)

// maxFailures is after how many failures a run ends.
const maxFailures = 5

// TestGenerated compares the answers to requests that are made up with those of the reference.
func TestGenerated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed, requests := *seed, *count
	if seed == 0 {
		seed = rand.Uint64()
	}
	if requests == 0 {
		requests = 1000
		if os.Getenv("CI") == "true" {
			requests = 10000
		}
	}
	t.Logf("%d requests; again with -args -seed=%d", requests, seed)
	for _, f := range w.run(t.Context(), seed, *first, requests, maxFailures) {
		t.Errorf("request %d of seed %d, as shrunk:\n%s", f.number, seed, f.report())
	}
}

// failed is a request whose answer is wrong.
type failed struct {
	number     uint64
	query      *query
	difference string
}

func (f *failed) report() string {
	var headers strings.Builder
	h := f.query.header()
	h.Del("Authorization")
	_ = h.Write(&headers)
	if f.query.limited {
		fmt.Fprintf(&headers, "(at most %d rows)\r\n", maxRows)
	}
	return fmt.Sprintf("GET %s as %s\n%s%s", f.query.target(), f.query.who.name, headers.String(), f.difference)
}

// run makes requests and returns those that fail, shrunk.
func (w *world) run(ctx context.Context, seed, first, requests uint64, most int) []failed {
	var (
		next  atomic.Uint64
		mu    sync.Mutex
		found []failed
		group sync.WaitGroup
	)
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(found) >= most
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < requests && !enough(); i = next.Add(1) - 1 {
				q := w.generate(seed, first+i)
				if w.verify(ctx, q) == "" {
					continue
				}
				q = shrink(q, func(q *query) bool { return w.verify(ctx, q) != "" })
				mu.Lock()
				found = append(found, failed{first + i, q, w.verify(ctx, q)})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return found
}

// ask makes a request.
func (w *world) ask(ctx context.Context, q *query) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, q.target(), nil).WithContext(ctx)
	r.Header = q.header()
	server := w.server
	if q.limited {
		server = w.capped
	}
	got := httptest.NewRecorder()
	server.ServeHTTP(got, r)
	return got
}

// verify makes a request and tells how the answer differs from the right one, "" if it does not.
func (w *world) verify(ctx context.Context, q *query) string {
	want, err := w.evaluate(ctx, q)
	if err != nil {
		return "the reference cannot answer: " + err.Error()
	}
	got := w.ask(ctx, q)
	status, contentRange := want.summary(q)
	body := got.Body.String()
	differs := func(what string) string {
		return fmt.Sprintf("%s\n got %s\nwant %s", what, cut(body), cut(want.rows.String()))
	}
	if got.Code != status {
		return differs(fmt.Sprintf("status %d, want %d", got.Code, status))
	}
	if r := got.Header().Get("Content-Range"); r != contentRange {
		return differs(fmt.Sprintf("Content-Range %s, want %s", r, contentRange))
	}
	if status < http.StatusMultipleChoices && !want.rows.matches(q.rows(body)) {
		return differs("body")
	}
	return ""
}

// cut keeps reports readable.
func cut(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s … and %d bytes", strings.ToValidUTF8(s[:most], ""), len(s)-most)
}
