package limits_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // goose takes a database/sql connection
	"go.uber.org/goleak"

	"nexus/engine/limits"
	"nexus/migrations"
	"nexus/schema/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// postgres makes a database with the counts and returns its URL.
func postgres(t testing.TB) string {
	t.Helper()
	database := pgtest.New(t)
	conn, err := sql.Open("pgx", database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	provider, err := migrations.Core(conn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	return database.URL
}

// stores are what counts can be kept in: each test runs with all of them.
func stores(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); test(t, postgres(t)) })
	t.Run("Redis", func(t *testing.T) { t.Parallel(); test(t, redisServer(t)) })
}

// redisServer runs a Redis of the test's own.
func redisServer(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("SKIPPED: redis-server is not installed")
	}
	dir, err := os.MkdirTemp("", "nr") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			return "unix://" + socket
		}
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not start")
		}
	}
}

// server is a limiter with connections of its own, as each nexus has them.
func server(t testing.TB, url string) *limits.Limiter {
	t.Helper()
	if strings.HasPrefix(url, "unix:") {
		store, err := limits.NewRedis(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		l := limits.New(store, slog.New(slog.DiscardHandler))
		t.Cleanup(l.Close)
		return l
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l := limits.New(limits.NewPostgres(pool), slog.New(slog.DiscardHandler))
	t.Cleanup(l.Close)
	return l
}

// fire has callers call at once, in turn on the servers, and returns how many events were admitted.
func fire(t *testing.T, servers []*limits.Limiter, key string, rate limits.Rate, callers, each int) int {
	t.Helper()
	var admitted atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range callers {
		all.Go(func() {
			<-start
			for range each {
				d, err := servers[i%len(servers)].Take(t.Context(), key, rate)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					admitted.Add(1)
				} else if d.RetryAfter <= 0 {
					t.Error("a refusal does not say when to come again")
				}
			}
		})
	}
	close(start)
	all.Wait()
	return int(admitted.Load())
}

// Two servers on one database admit what one may, all of it, and at most one more.
func TestSharedLimit(t *testing.T) {
	t.Parallel()
	stores(t, testSharedLimit)
}

func testSharedLimit(t *testing.T, url string) {
	servers := []*limits.Limiter{server(t, url), server(t, url)}
	for _, rate := range []limits.Rate{
		{Events: 100, Per: time.Minute},
		{Events: 20, Per: time.Minute},
		{Events: 500, Per: time.Minute},
		{Events: 10, Per: time.Minute},
		{Events: 1, Per: time.Minute},
		{Events: 100, Per: time.Minute, Exact: true},
		{Events: 1, Per: time.Hour, Exact: true},
	} {
		t.Run(fmt.Sprintf("%d in %s, exact %v", rate.Events, rate.Per, rate.Exact), func(t *testing.T) {
			t.Parallel()
			over := 1
			if rate.Exact {
				over = 0
			}
			n := fire(t, servers, fmt.Sprint(rate), rate, 200, 10)
			if n < rate.Events || n > rate.Events+over {
				t.Errorf("%d of %d were admitted", n, rate.Events)
			}
		})
	}
}

// In no window of the rate's length is more admitted, also when it is asked for all the time.
func TestWindowSlides(t *testing.T) {
	t.Parallel()
	stores(t, testWindowSlides)
}

func testWindowSlides(t *testing.T, url string) {
	servers := []*limits.Limiter{server(t, url), server(t, url)}
	rate := limits.Rate{Events: 20, Per: 400 * time.Millisecond}
	var mu sync.Mutex
	var times []time.Time
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				before := time.Now()
				d, err := servers[i%2].Take(ctx, "k", rate)
				if err != nil {
					return
				}
				if d.Allowed {
					mu.Lock()
					times = append(times, before)
					mu.Unlock()
					continue
				}
				select {
				case <-time.After(d.RetryAfter):
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
	for i := range times {
		n := 0
		for j := range times {
			if d := times[j].Sub(times[i]); d >= 0 && d < rate.Per-20*time.Millisecond {
				n++
			}
		}
		if n > rate.Events+1 {
			t.Fatalf("%d were admitted within %s", n, rate.Per)
		}
	}
	if len(times) < 4*rate.Events {
		t.Errorf("only %d were admitted in all", len(times))
	}
}

// What one server took in advance and did not spend is there for the others after a while.
func TestGivesBack(t *testing.T) {
	t.Parallel()
	stores(t, testGivesBack)
}

func testGivesBack(t *testing.T, url string) {
	first, second, third := server(t, url), server(t, url), server(t, url)
	rate := limits.Rate{Events: 80, Per: time.Minute, Exact: true}
	if d, err := first.Take(t.Context(), "k", rate); err != nil || !d.Allowed || d.Remaining != 79 {
		t.Fatalf("%+v %v", d, err)
	}
	// At once the second server gets what the first has not taken in advance, and later the rest.
	taken := fire(t, []*limits.Limiter{second}, "k", rate, 10, 20)
	if taken >= 79 {
		t.Fatalf("nothing was taken in advance: %d were left", taken)
	}
	for deadline := time.Now().Add(10 * time.Second); taken < 79; time.Sleep(20 * time.Millisecond) {
		fresh := server(t, url) // one that does not know that the key was blocked
		if d, err := fresh.Take(t.Context(), "k", rate); err != nil {
			t.Fatal(err)
		} else if d.Allowed {
			taken++
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d of 79 were left", taken)
		}
	}
	if d, err := third.Take(t.Context(), "k", rate); err != nil || d.Allowed {
		t.Errorf("one too many: %+v %v", d, err)
	}
}

// Keys do not count for each other, and a store that is away is an error, after which it is asked again.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t) // without the function
	l := server(t, database.URL)
	rate := limits.Rate{Events: 5, Per: time.Minute, Exact: true}
	if _, err := l.Take(t.Context(), "k", rate); !errors.Is(err, limits.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	optimist := limits.Rate{Events: 5, Per: time.Minute}
	admitted := 0
	for range 20 {
		if d, err := l.Take(t.Context(), "other", optimist); err == nil && d.Allowed {
			admitted++
		}
	}
	if admitted > 1 {
		t.Errorf("%d events were admitted that nobody counted", admitted)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Take(cancelled, "third", rate); err == nil {
		t.Error("no error")
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	url := postgres(t)
	l := server(t, url)
	if _, err := l.Take(t.Context(), "k", limits.Rate{Events: 1, Per: time.Millisecond, Exact: true}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for deadline := time.Now().Add(5 * time.Second); ; {
		var n int
		if err := pool.QueryRow(t.Context(), "select nexus.forget_events(10)").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the count stays")
		}
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkTake is a key that is far from its limit, as those of most callers are.
func BenchmarkTake(b *testing.B) {
	l := server(b, postgres(b))
	rate := limits.Rate{Events: 1 << 30, Per: time.Minute}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if d, err := l.Take(context.Background(), "k", rate); err != nil || !d.Allowed {
				b.Fatal(d, err)
			}
		}
	})
}

// BenchmarkTakeOfMany is callers that each come once in a while.
func BenchmarkTakeOfMany(b *testing.B) {
	l := server(b, postgres(b))
	rate := limits.Rate{Events: 100, Per: time.Minute}
	i := 0
	for b.Loop() {
		i++
		if _, err := l.Take(context.Background(), fmt.Sprint(i%20000), rate); err != nil {
			b.Fatal(err)
		}
	}
}
