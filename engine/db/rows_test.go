package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/db"
)

// collector takes rows, and fails at the row of that number if it is not zero.
type collector struct {
	begun   int
	columns []string
	rows    []string
	failAt  int
	before  [][][][]byte
}

var errEnough = errors.New("enough")

func (c *collector) Begin(columns []pgconn.FieldDescription, before [][][][]byte) error {
	c.begun++
	c.before = before
	c.columns, c.rows = nil, nil
	for _, column := range columns {
		c.columns = append(c.columns, column.Name)
	}
	return nil
}

func (c *collector) Row(values [][]byte) error {
	c.rows = append(c.rows, string(values[0]))
	if c.failAt != 0 && len(c.rows) == c.failAt {
		return errEnough
	}
	return nil
}

func TestRowsArePassedOn(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	c := &collector{}
	tx := asReader("select text, id from notes order by id")
	tx.Rows = c
	tx.Before = []db.Statement{{SQL: "select 'before'"}}
	tx.After = []db.Statement{{SQL: "select 'after'"}}
	for range 2 { // the second time it is prepared
		res, err := pool.Run(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.rows) != 2 || c.rows[0] != "one" || c.rows[1] != "two" || len(c.columns) != 2 || c.columns[1] != "id" {
			t.Errorf("rows %q of columns %q", c.rows, c.columns)
		}
		if string(c.before[0][0][0]) != "before" || string(res.Before[0][0][0]) != "before" {
			t.Errorf("before: %q and %q", c.before, res.Before)
		}
		if res.Main != nil || string(res.After[0][0][0]) != "after" {
			t.Errorf("result %q", res)
		}
	}
	tx.Main.SQL = "select text from notes where false"
	if _, err := pool.Run(t.Context(), tx); err != nil || len(c.columns) != 1 || len(c.rows) != 0 {
		t.Errorf("no rows: error %v, columns %q, rows %q", err, c.columns, c.rows)
	}
}

func TestRowsBeginAgain(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	c := &collector{}
	tx := asReader("select 'early' union all select flaky(2)::text")
	tx.Rows = c
	if _, err := pool.Run(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if c.begun != 3 || len(c.rows) != 2 {
		t.Errorf("begun %d times, rows %q", c.begun, c.rows)
	}
}

// TestRowsCanStop stops a statement that would run for minutes; the pool's only connection serves again at once.
func TestRowsCanStop(t *testing.T) {
	t.Parallel()
	pool, _ := open(t, nil)
	began := time.Now()
	for range 3 {
		c := &collector{failAt: 3}
		tx := asReader("select generate_series(1, 2000000000)")
		tx.Rows = c
		if _, err := pool.Run(t.Context(), tx); !errors.Is(err, errEnough) {
			t.Fatalf("error %v, want the taker's", err)
		}
		if got := one(t, pool, asReader("select 'next'")); got != "next" {
			t.Errorf("the next request got %q", got)
		}
	}
	// What ends by itself may leave the cancel request behind.
	for range 20 {
		c := &collector{failAt: 1}
		tx := asReader("select 1")
		tx.Rows = c
		if _, err := pool.Run(t.Context(), tx); !errors.Is(err, errEnough) {
			t.Fatalf("error %v, want the taker's", err)
		}
		one(t, pool, asReader("select pg_sleep(0.002)::text"))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
