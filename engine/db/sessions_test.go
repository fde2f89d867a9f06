package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/schema/pgtest"
)

// A panic is somebody else's to deal with, but the connection must come back, its transaction undone.
func TestPanicInSession(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, "create table effects (n int)")
	sessions, err := db.OpenSessions(t.Context(), db.Config{URL: database.URL, Prepared: true, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer sessions.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, open := range []bool{false, true} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is gone")
				}
			}()
			_ = sessions.Do(ctx, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, "insert into effects values (1)"); err != nil {
					t.Error(err)
				}
				if open {
					if _, err := tx.Query(ctx, "select generate_series(1, 100000)"); err != nil { //nolint:sqlclosecheck // it stays open, that is the point
						t.Error(err)
					}
				}
				panic("work")
			})
		}()
	}
	err = sessions.Do(ctx, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "select count(*) from effects").Scan(&n); err != nil {
			return err
		}
		if n != 0 {
			t.Errorf("%d effects of work that did not end", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
