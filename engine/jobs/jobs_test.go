package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // goose takes a database/sql connection
	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"

	"nexus/engine/jobs"
	"nexus/migrations"
	"nexus/schema/pgtest"
)

const (
	ours   = "10000000-0000-0000-0000-000000000001"
	theirs = "10000000-0000-0000-0000-000000000002"
)

type greeting struct {
	OrganizationID string `json:"organization_id"`
	Name           string `json:"name"`
}

func (greeting) Kind() string { return "greeting" }

type tick struct{}

func (tick) Kind() string { return "tick" }

// database has the application's tables and two organizations.
func database(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	conn, err := sql.Open("pgx", db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, set := range []func(*sql.DB, *slog.Logger) (*goose.Provider, error){migrations.Core, migrations.App} {
		provider, err := set(conn, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	db.Exec(t, fmt.Sprintf("insert into public.organizations (id, name) values ('%s', 'Ours'), ('%s', 'Theirs')", ours, theirs))
	return db
}

// as logs in as the server does.
func as(t *testing.T, db *pgtest.DB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), db.URLAs("authenticator"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func start(t *testing.T, pool *pgxpool.Pool, r *jobs.Registry) *jobs.Runner {
	t.Helper()
	runner, err := jobs.Start(t.Context(), pool, r, jobs.Config{Retry: func(int) time.Duration { return time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

func stop(t *testing.T, runner *jobs.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
	defer cancel()
	if err := runner.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func add(t *testing.T, pool *pgxpool.Pool, args jobs.Args, o jobs.Options) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return jobs.Add(t.Context(), tx, args, o) })
	if err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(15 * time.Second):
		t.Fatal("nothing came")
	}
	return value
}

func TestJobIsDoneOnceCommitted(t *testing.T) {
	t.Parallel()
	db := database(t)
	pool := as(t, db)
	done := make(chan string, 10)
	r := jobs.NewRegistry()
	jobs.Handle(r, func(_ context.Context, j jobs.Job[greeting]) error {
		done <- fmt.Sprint(j.Args.Name, " ", j.Attempt, " ", j.Last)
		return nil
	})
	runner := start(t, pool, r)
	defer stop(t, runner)
	refused := errors.New("refused")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return errors.Join(jobs.Add(t.Context(), tx, greeting{Name: "never"}, jobs.Options{}), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	add(t, pool, greeting{Name: "later"}, jobs.Options{At: time.Now().Add(time.Hour)})
	add(t, pool, greeting{Name: "Ann"}, jobs.Options{MaxAttempts: 1})
	if got := receive(t, done); got != "Ann 1 true" {
		t.Error(got)
	}
	if n := db.QueryString(t, "select string_agg(args ->> 'name', ',') from nexus_jobs.river_job where state = 'scheduled'"); n != "later" {
		t.Errorf("waiting: %s", n)
	}
}

func TestFailuresAreTriedAgainAndThenDead(t *testing.T) {
	t.Parallel()
	db := database(t)
	pool := as(t, db)
	var attempts atomic.Int32
	last, again := make(chan struct{}, 1), make(chan struct{}, 1)
	r := jobs.NewRegistry()
	jobs.Handle(r, func(_ context.Context, j jobs.Job[greeting]) error {
		switch {
		case j.Args.Name == "hopeless":
			return jobs.Give(errors.New("there is no such person"))
		case attempts.Add(1) < 3:
			return errors.New("nobody at home")
		case j.Attempt == 3:
			defer func() { last <- struct{}{} }()
			return fmt.Errorf("nobody at home on attempt %d, last %v", j.Attempt, j.Last)
		default:
			again <- struct{}{}
			return nil
		}
	})
	runner := start(t, pool, r)
	defer stop(t, runner)
	add(t, pool, greeting{OrganizationID: ours, Name: "Ann"}, jobs.Options{MaxAttempts: 3})
	add(t, pool, greeting{OrganizationID: theirs, Name: "hopeless"}, jobs.Options{MaxAttempts: 3})
	receive(t, last)
	deadline := time.Now().Add(10 * time.Second)
	for db.QueryString(t, "select count(*) from nexus_jobs.river_job where finalized_at is not null") != "2" {
		if time.Now().After(deadline) {
			t.Fatal("the jobs do not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
	// asked has an organization's member see its dead jobs.
	asked := func(organization, role, statement string) string {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), db.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		claims := fmt.Sprintf(`{"app_metadata": {"organization_id": "%s", "org_role": "%s"}}`, organization, role)
		if _, err := conn.Exec(t.Context(), "select set_config('request.jwt.claims', $1, false), set_config('role', 'authenticated', false)", claims); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := conn.QueryRow(t.Context(), statement).Scan(&text); err != nil {
			return err.Error()
		}
		return text
	}
	const list = "select coalesce(string_agg(kind || ' ' || (args ->> 'name') || ' ' || attempts || ' ' || error, ';'), '') from public.dead_jobs()"
	for who, want := range map[[2]string]string{
		{ours, "owner"}:   "greeting Ann 3 nobody at home on attempt 3, last true",
		{ours, "member"}:  "",
		{theirs, "admin"}: "greeting hopeless 1 JobCancelError: there is no such person",
	} {
		if got := asked(who[0], who[1], list); got != want {
			t.Errorf("%v sees %q", who, got)
		}
	}
	const retry = "select public.retry_job(id)::text from nexus_jobs.river_job where args ->> 'name' = 'Ann'"
	id := db.QueryString(t, "select id from nexus_jobs.river_job where args ->> 'name' = 'Ann'")
	if got := asked(ours, "owner", retry); !strings.Contains(got, "permission denied") {
		t.Errorf("River's tables are open to callers: %s", got)
	}
	if got := asked(theirs, "owner", "select public.retry_job("+id+")::text"); !strings.Contains(got, "no dead job") {
		t.Errorf("another organization's: %s", got)
	}
	if got := asked(ours, "owner", "select public.retry_job("+id+")::text"); got != "" {
		t.Errorf("retry: %s", got)
	}
	receive(t, again)
}

func TestStopWaitsAndThenBreaksOff(t *testing.T) {
	t.Parallel()
	db := database(t)
	pool := as(t, db)
	begun, release := make(chan string, 2), make(chan struct{})
	var ended atomic.Int32
	r := jobs.NewRegistry()
	jobs.Handle(r, func(ctx context.Context, j jobs.Job[greeting]) error {
		begun <- j.Args.Name
		if j.Args.Name == "long" {
			<-ctx.Done()
			return ctx.Err()
		}
		<-release
		ended.Add(1)
		return nil
	})
	runner := start(t, pool, r)
	add(t, pool, greeting{Name: "short"}, jobs.Options{})
	add(t, pool, greeting{Name: "long"}, jobs.Options{})
	receive(t, begun)
	receive(t, begun)
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	stop(t, runner)
	if ended.Load() != 1 {
		t.Error("a job was not waited for")
	}
	if got := db.QueryString(t, "select string_agg((args ->> 'name') || ' ' || state, ',' order by args ->> 'name' desc) from nexus_jobs.river_job"); got != "short completed,long retryable" &&
		got != "short completed,long available" {
		t.Errorf("%s", got)
	}
}

func TestEvery(t *testing.T) {
	t.Parallel()
	db := database(t)
	done := make(chan struct{}, 100)
	r := jobs.NewRegistry()
	jobs.Handle(r, func(context.Context, jobs.Job[tick]) error {
		done <- struct{}{}
		return nil
	})
	jobs.Every(r, time.Second, tick{})
	runner := start(t, as(t, db), r)
	defer stop(t, runner)
	receive(t, done)
	receive(t, done)
}

func TestTwoHandlersOfAKind(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	for range 2 {
		jobs.Handle(r, func(context.Context, jobs.Job[tick]) error { return nil })
	}
	if _, err := jobs.Start(t.Context(), nil, r, jobs.Config{}); err == nil || !strings.Contains(err.Error(), "tick") {
		t.Errorf("%v", err)
	}
}

func TestNothingStaysBehind(t *testing.T) { //nolint:paralleltest // it looks at all goroutines
	db := database(t)
	pool, err := pgxpool.New(t.Context(), db.URLAs("authenticator"))
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	r := jobs.NewRegistry()
	jobs.Handle(r, func(context.Context, jobs.Job[tick]) error { return nil })
	runner := start(t, pool, r)
	stop(t, runner)
	pool.Close()
	goleak.VerifyNone(t, before)
}
