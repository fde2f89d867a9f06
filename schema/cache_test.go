package schema_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"nexus/schema"
	"nexus/schema/pgtest"
)

// patience is how long a signal that must come may take on a busy machine.
const patience = 30 * time.Second

// cacheRun is a running cache whose events tests can wait for.
type cacheRun struct {
	*schema.Cache
	loads   chan *schema.Snapshot
	failed  chan error
	configs chan struct{}
	stop    func()
}

// startCache runs a cache until the test ends or stop is called. Nothing may be left of it then.
func startCache(t *testing.T, cfg schema.CacheConfig) *cacheRun {
	t.Helper()
	before := goleak.IgnoreCurrent()
	run := &cacheRun{
		loads: make(chan *schema.Snapshot, 100), failed: make(chan error, 100), configs: make(chan struct{}, 100),
	}
	cfg.Debounce = time.Millisecond
	if cfg.LoadOptions == nil {
		cfg.LoadOptions = func() schema.LoadOptions { return schema.LoadOptions{Schemas: []string{"public"}} }
	}
	cfg.OnLoad = func(s *schema.Snapshot, _ time.Duration) { run.loads <- s }
	cfg.OnLoadError = func(err error) { run.failed <- err }
	cfg.OnReloadConfig = func() { run.configs <- struct{}{} }
	run.Cache = schema.NewCache(cfg)
	run.SetKeepAlive(20 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()
	stopped := false
	run.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := wait(t, done); err != nil {
			t.Errorf("run: %v", err)
		}
		goleak.VerifyNone(t, before)
	}
	t.Cleanup(run.stop)
	return run
}

func wait[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// waitForTable waits for a load that found the table.
func (run *cacheRun) waitForTable(t *testing.T, name string) {
	t.Helper()
	for {
		s := wait(t, run.loads)
		if s.Table(schema.Ident{Schema: "public", Name: name}) != nil {
			return
		}
	}
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// The tests of the cache are not parallel with others, because they look for goroutines that are left over.

func TestCacheHearsOfChanges(t *testing.T) {
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	run := startCache(t, schema.CacheConfig{URL: db.URL, Listen: true})
	first := wait(t, run.loads)
	if s := run.Status(); !s.Loaded || !s.Listening || s.LastError != nil || !s.LoadedAt.Equal(first.LoadedAt) {
		t.Errorf("after the first load: %+v", s)
	}
	for i, payload := range []string{"reload schema", ""} {
		name := []string{"one", "two"}[i]
		exec(t, conn, "create table "+name+" (id int); notify pgrst, '"+payload+"'")
		run.waitForTable(t, name)
		if run.Snapshot().Table(schema.Ident{Schema: "public", Name: name}) == nil {
			t.Errorf("%s is not in the published snapshot", name)
		}
	}
	if first.Table(schema.Ident{Schema: "public", Name: "one"}) != nil {
		t.Error("the first snapshot changed")
	}
	wait(t, run.configs) // asked for by the empty payload
	if n := len(run.configs); n != 0 {
		t.Errorf("the configuration was reloaded %d more times", n)
	}
}

func TestCacheReloadsConfigurationAlone(t *testing.T) {
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	run := startCache(t, schema.CacheConfig{URL: db.URL, Listen: true, Channel: `my "channel"`})
	first := wait(t, run.loads)
	exec(t, conn, `notify pgrst; notify "my ""channel""", 'reload nothing'; notify "my ""channel""", 'reload config'`)
	wait(t, run.configs)
	run.stop()
	if n := len(run.loads); n != 0 || run.Snapshot() != first {
		t.Errorf("%d more loads", n)
	}
}

func TestCacheLoadsOnRequest(t *testing.T) {
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	run := startCache(t, schema.CacheConfig{URL: db.URL})
	wait(t, run.loads)
	if run.Status().Listening {
		t.Error("listens, though it should not")
	}
	exec(t, conn, "create table asked_for (id int)")
	run.Reload()
	run.waitForTable(t, "asked_for")
}

// TestCacheKeepsSnapshotWhenReloadFails takes the exposed schema away, and gives it back.
func TestCacheKeepsSnapshotWhenReloadFails(t *testing.T) {
	db := pgtest.New(t, "create schema api; create table api.kept (id int)")
	conn := connect(t, db.URL)
	run := startCache(t, schema.CacheConfig{URL: db.URL, Listen: true, LoadOptions: func() schema.LoadOptions {
		return schema.LoadOptions{Schemas: []string{"api"}}
	}})
	first := wait(t, run.loads)
	exec(t, conn, "alter schema api rename to gone; notify pgrst, 'reload schema'")
	err := wait(t, run.failed)
	var unknown *schema.UnknownSchemaError
	if !errors.As(err, &unknown) {
		t.Fatal(err)
	}
	if s := run.Status(); !s.Loaded || !errors.Is(s.LastError, err) || !s.LoadedAt.Equal(first.LoadedAt) {
		t.Errorf("after the failure: %+v", s)
	}
	if run.Snapshot() != first {
		t.Error("the old snapshot is gone")
	}
	exec(t, conn, "alter schema gone rename to api") // and nobody is notified: the cache tries again by itself
	wait(t, run.loads)
	if s := run.Status(); s.LastError != nil || run.Snapshot() == first {
		t.Errorf("after the recovery: %+v", s)
	}
}

// TestCacheRecovers ends the server's side of the listening connection while a table is created.
func TestCacheRecovers(t *testing.T) {
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	run := startCache(t, schema.CacheConfig{URL: db.URL, Listen: true})
	wait(t, run.loads)
	exec(t, conn, "create table meanwhile (id int)")
	var ended int
	err := conn.QueryRow(t.Context(), `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and application_name = 'nexus'`).Scan(&ended)
	if err != nil || ended == 0 {
		t.Fatalf("ended %d connections, %v", ended, err)
	}
	run.waitForTable(t, "meanwhile")
	wait(t, run.configs)
	if !run.Status().Listening {
		t.Error("not listening")
	}
	exec(t, conn, "create table after (id int); notify pgrst, 'reload schema'")
	run.waitForTable(t, "after")
}

// TestCacheWaitsForServer starts before its role can log in.
func TestCacheWaitsForServer(t *testing.T) {
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	role := db.QueryString(t, "select 'latecomer_' || current_database()") // roles are of all databases
	exec(t, conn, "create role "+role)
	t.Cleanup(func() { _, _ = conn.Exec(context.Background(), "drop role "+role) })
	run := startCache(t, schema.CacheConfig{URL: db.URLAs(role), Listen: true})
	err := wait(t, run.failed)
	if s := run.Status(); !errors.Is(s.LastError, err) || s.Loaded || s.Listening || run.Snapshot() != nil {
		t.Errorf("before the role can log in: %+v", s)
	}
	exec(t, conn, "alter role "+role+" login")
	wait(t, run.loads)
}

// TestCacheMergesOrders asks for many loads while one is under way.
func TestCacheMergesOrders(t *testing.T) {
	db := pgtest.New(t)
	var (
		asked   atomic.Int32
		started = make(chan struct{}, 100)
		resume  = make(chan struct{})
	)
	run := startCache(t, schema.CacheConfig{URL: db.URL, LoadOptions: func() schema.LoadOptions {
		asked.Add(1)
		started <- struct{}{}
		<-resume
		return schema.LoadOptions{Schemas: []string{"public"}}
	}})
	wait(t, started)
	for range 50 {
		run.Reload()
	}
	close(resume)
	wait(t, run.loads)
	wait(t, run.loads)
	run.stop()
	if n := asked.Load(); n != 2 {
		t.Errorf("%d loads, want the one under way and one for all that was asked for meanwhile", n)
	}
}

func TestCacheStopsWhileLoading(t *testing.T) {
	db := pgtest.New(t, "create view v as select 1 as n")
	blocker := connect(t, db.URL)
	exec(t, blocker, "begin; lock table v in access exclusive mode")
	started := make(chan struct{}, 1)
	run := startCache(t, schema.CacheConfig{URL: db.URL, LoadOptions: func() schema.LoadOptions {
		started <- struct{}{}
		return schema.LoadOptions{Schemas: []string{"public"}}
	}})
	wait(t, started)
	run.stop()
	if s := run.Status(); s.Loaded || s.LastError != nil || len(run.failed) != 0 {
		t.Errorf("after stopping: %+v", s)
	}
}

func TestCacheRefusesURL(t *testing.T) {
	cache := schema.NewCache(schema.CacheConfig{URL: "postgres://localhost:not-a-port/"})
	if err := cache.Run(t.Context()); err == nil {
		t.Error("ran")
	}
}
