package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"nexus/engine/db"
	"nexus/schema"
	"nexus/schema/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fixture = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'db_login') then
		create role db_login login noinherit; create role db_reader nologin; grant db_reader to db_login;
	end if;
end $$;
create table notes (id int primary key, text text);
insert into notes values (1, 'one'), (2, 'two');
create table parents (id int primary key);
create table children (parent int references parents deferrable initially deferred);
create sequence attempts;
create function flaky(failures int) returns bigint language plpgsql as $$
declare n bigint := nextval('attempts');
begin
	if n <= failures then raise exception 'try again' using errcode = '40001'; end if;
	return n;
end $$;
create function soil() returns text language plpgsql as $$
begin
	set my.tenant = 'acme';
	set statement_timeout = '3min';
	create temporary table scratch (id int);
	return 'done';
end $$;
grant all on all tables in schema public to db_reader; grant usage on all sequences in schema public to db_reader;
`

// open makes a pool of one connection, so that every request uses the same.
func open(t *testing.T, change func(*db.Config)) (*db.Pool, *pgtest.DB) {
	t.Helper()
	database := pgtest.New(t, fixture)
	cfg := db.Config{URL: database.URLAs("db_login"), MaxConns: 1, AcquireTimeout: 5 * time.Second, Prepared: true}
	if change != nil {
		change(&cfg)
	}
	pool, err := db.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, database
}

func asReader(sql string, args ...string) *db.Tx {
	tx := &db.Tx{
		Role: "db_reader", Main: db.Statement{SQL: sql},
		Settings: []schema.Setting{{Name: "role", Value: "db_reader"}, {Name: "request.jwt.claims", Value: `{"sub":"u1"}`}},
	}
	for _, a := range args {
		tx.Main.Args = append(tx.Main.Args, []byte(a))
	}
	return tx
}

func one(t *testing.T, pool *db.Pool, tx *db.Tx) string {
	t.Helper()
	res, err := pool.Run(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Main) != 1 || len(res.Main[0]) != 1 {
		t.Fatalf("answer %q, want one value", res.Main)
	}
	return string(res.Main[0][0])
}

func TestRunSetsRoleAndClaims(t *testing.T) {
	t.Parallel()
	for _, prepared := range []bool{true, false} {
		t.Run(fmt.Sprintf("prepared=%v", prepared), func(t *testing.T) {
			t.Parallel()
			pool, _ := open(t, func(c *db.Config) { c.Prepared = prepared })
			const sql = "select current_user || ' ' || current_setting('request.jwt.claims') || $1"
			for range 3 { // the second and third use what the first prepared
				if got := one(t, pool, asReader(sql, "!")); got != `db_reader {"sub":"u1"}!` {
					t.Fatalf("got %q", got)
				}
			}
		})
	}
}

// TestNothingIsLeftBehind proves that no request sees anything of the one before it on the same connection, whatever
// became of that one.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	// leftovers is what the next request could see: a set role, a claim, a write, an open transaction.
	const leftovers = `select session_user || '/' || current_user || '/' || coalesce(current_setting('request.jwt.claims', true), '') ||
		'/' || current_setting('transaction_read_only') || '/' || (select count(*) from notes) ||
		'/' || coalesce(current_setting('my.tenant', true), '') || '/' || current_setting('statement_timeout') ||
		'/' || coalesce(to_regclass('scratch')::text, '')`
	const clean = "db_login/db_login//off/2//0/"
	write := func() *db.Tx { return asReader("insert into notes values (3, 'three') returning id") }
	cases := map[string]func(t *testing.T, pool *db.Pool){
		"success": func(t *testing.T, pool *db.Pool) {
			one(t, pool, asReader("select 1"))
		},
		"read-only success": func(t *testing.T, pool *db.Pool) {
			tx := asReader("select 1")
			tx.ReadOnly = true
			one(t, pool, tx)
		},
		"a function that changes the session": func(t *testing.T, pool *db.Pool) {
			one(t, pool, asReader("select soil()"))
		},
		"such a function, read-only": func(t *testing.T, pool *db.Pool) {
			tx := asReader("select set_config('my.tenant', 'acme', false)")
			tx.ReadOnly = true
			one(t, pool, tx)
		},
		"such a function, and then failures": func(t *testing.T, pool *db.Pool) {
			one(t, pool, asReader("select soil()"))
			wantCode(t, pool, asReader("select 1 / 0"), "22012")
			tx := write()
			tx.Isolation, tx.End = db.Serializable, db.Rollback
			one(t, pool, tx)
			quiet := asReader("select 1")
			quiet.KeepsSession = true
			one(t, pool, quiet)
		},
		"rolled back": func(t *testing.T, pool *db.Pool) {
			tx := write()
			tx.End = db.Rollback
			one(t, pool, tx)
		},
		"SQL error": func(t *testing.T, pool *db.Pool) {
			wantCode(t, pool, asReader("select 1 / 0"), "22012")
		},
		"SQL error in an explicit transaction": func(t *testing.T, pool *db.Pool) {
			tx := asReader("select 1 / 0")
			tx.Isolation = db.Serializable
			wantCode(t, pool, tx, "22012")
		},
		"refused result": func(t *testing.T, pool *db.Pool) {
			tx := write()
			refusal := errors.New("refused")
			tx.Check = func([][][]byte) error { return refusal }
			if _, err := pool.Run(t.Context(), tx); !errors.Is(err, refusal) {
				t.Fatalf("error %v, want the refusal", err)
			}
		},
		"statement timeout": func(t *testing.T, pool *db.Pool) {
			tx := asReader("select pg_sleep(60)")
			tx.Settings = append(tx.Settings, schema.Setting{Name: "statement_timeout", Value: "20ms"})
			wantCode(t, pool, tx, "57014")
		},
		"request timeout": func(t *testing.T, pool *db.Pool) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := pool.Run(ctx, asReader("select pg_sleep(60)")); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v, want the deadline", err)
			}
		},
		"panic": func(t *testing.T, pool *db.Pool) {
			tx := write()
			tx.Check = func([][][]byte) error { panic("a bug") }
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_, _ = pool.Run(t.Context(), tx)
			}()
		},
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, database := open(t, nil)
			database.Exec(t, "grant select on notes to db_login")
			before(t, pool)
			if got := one(t, pool, &db.Tx{Main: db.Statement{SQL: leftovers}}); got != clean {
				t.Errorf("the next request sees %q, want %q", got, clean)
			}
		})
	}
}

// TestCancelledClient cancels a request whose statement is known to run, and looks at the next one on that connection.
func TestCancelledClient(t *testing.T) {
	t.Parallel()
	pool, database := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := pool.Run(ctx, asReader("select pg_sleep(60) -- to be cancelled"))
		done <- err
	}()
	running := `select count(*)::text from pg_stat_activity where query like '%to be cancelled' and wait_event = 'PgSleep'`
	waitFor(t, func() bool { return database.QueryString(t, running) == "1" })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the cancellation", err)
	}
	waitFor(t, func() bool { return database.QueryString(t, running) == "0" })
	for range 20 {
		if got := one(t, pool, &db.Tx{Main: db.Statement{SQL: "select current_user::text"}}); got != "db_login" {
			t.Fatalf("the next request runs as %q", got)
		}
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about in time")
		}
	}
}

func wantCode(t *testing.T, pool *db.Pool, tx *db.Tx, code string) {
	t.Helper()
	_, err := pool.Run(t.Context(), tx)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != code {
		t.Fatalf("error %v, want SQLSTATE %s", err, code)
	}
}

func TestReadOnlyRefusesWrites(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	tx := asReader("insert into notes values (9, 'nine') returning id")
	tx.ReadOnly = true
	wantCode(t, pool, tx, "25006")
}

func TestCommitKeepsAndDeferredConstraintsCount(t *testing.T) {
	t.Parallel()
	pool, database := open(t, nil)
	one(t, pool, asReader("insert into notes values (3, 'three') returning id"))
	if got := database.QueryString(t, "select count(*)::text from notes"); got != "3" {
		t.Errorf("%s notes after a commit", got)
	}
	orphan := func() *db.Tx { return asReader("insert into children values (7) returning parent") }
	wantCode(t, pool, orphan(), "23503")
	rolledBack := orphan()
	rolledBack.End = db.Rollback
	wantCode(t, pool, rolledBack, "23503")
	checked := orphan()
	checked.Check = func([][][]byte) error { return nil }
	wantCode(t, pool, checked, "23503")
	one(t, pool, asReader("select 1")) // the connection is still good
}

func TestIsolationLevel(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	for _, level := range []string{db.RepeatableRead, db.Serializable} {
		tx := asReader("select current_setting('transaction_isolation')")
		tx.Isolation = level
		if got := one(t, pool, tx); got != level {
			t.Errorf("isolation %q, want %q", got, level)
		}
	}
}

func TestAfterSeesTheSameTransaction(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	tx := asReader("insert into notes values (3, 'three') returning id")
	tx.After = []db.Statement{{SQL: "select count(*) from notes"}}
	tx.End = db.Rollback
	res, err := pool.Run(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(res.After[0][0][0]); got != "3" {
		t.Errorf("%s notes inside the transaction, want 3", got)
	}
}

func TestSerializationFailuresAreRetried(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	if got := one(t, pool, asReader("select flaky(3)")); got != "4" {
		t.Errorf("succeeded at attempt %s, want 4", got)
	}
	wantCode(t, pool, asReader("select flaky(100)"), "40001")
}

func TestChangedTableIsPlannedAnew(t *testing.T) {
	t.Parallel()
	pool, database := open(t, nil)
	tx := func() *db.Tx {
		return asReader("select to_json(n)::text from (select * from notes where id = $1) n", "1")
	}
	star := func() *db.Tx { return asReader("select * from notes where id = $1", "1") }
	one(t, pool, tx())
	if _, err := pool.Run(t.Context(), star()); err != nil {
		t.Fatal(err)
	}
	database.Exec(t, "alter table notes add column more int default 5")
	if got := one(t, pool, tx()); !strings.Contains(got, `"more":5`) {
		t.Errorf("got %s, want the new column", got)
	}
	res, err := pool.Run(t.Context(), star())
	if err != nil || len(res.Main[0]) != 3 {
		t.Errorf("columns %v, error %v; want three columns", res, err)
	}
}

func TestServerClosedTheConnection(t *testing.T) {
	t.Parallel()
	pool, database := open(t, nil)
	for _, readOnly := range []bool{true, false} {
		one(t, pool, asReader("select 1"))
		database.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'db_login' and datname = current_database()")
		tx := asReader("insert into notes select count(*) + 1 from notes returning id")
		if tx.ReadOnly = readOnly; readOnly {
			tx.Main.SQL = "select 1"
		}
		one(t, pool, tx)
	}
	if got := database.QueryString(t, "select count(*)::text from notes"); got != "3" {
		t.Errorf("%s notes, want the insert done once", got)
	}
}

func TestAcquireTimeout(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, func(c *db.Config) { c.AcquireTimeout = 50 * time.Millisecond })
	var busy sync.WaitGroup
	hold, held := make(chan struct{}), make(chan struct{})
	tx := asReader("select 1")
	tx.Check = func([][][]byte) error {
		close(held)
		<-hold
		return nil
	}
	busy.Go(func() { _, _ = pool.Run(t.Context(), tx) })
	<-held
	if _, err := pool.Run(t.Context(), asReader("select 1")); !errors.Is(err, db.ErrAcquireTimeout) {
		t.Errorf("error %v, want ErrAcquireTimeout", err)
	}
	if got := pool.Stats().Timeouts; got != 1 {
		t.Errorf("%d timeouts counted", got)
	}
	close(hold)
	busy.Wait()
}

func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	pool, err := db.Open(t.Context(), db.Config{URL: "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var connErr *db.ConnectionError
	if _, err := pool.Run(t.Context(), asReader("select 1")); !errors.As(err, &connErr) || connErr.Broken {
		t.Errorf("error %v, want a ConnectionError of a connection that never was", err)
	}
}

func TestPreparedStatementsStayBounded(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	for i := range 600 {
		one(t, pool, asReader(fmt.Sprintf("select %d", i)))
	}
	count := one(t, pool, asReader("select count(*) from pg_prepared_statements"))
	if len(count) != 3 || count > "514" {
		t.Errorf("%s statements are prepared, want at most 512 and the two of this request", count)
	}
}
