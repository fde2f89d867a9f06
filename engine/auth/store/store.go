package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Errors of the methods.
var (
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("auth: no such row")
	// ErrBusy means that somebody else holds the row for longer than is worth waiting.
	ErrBusy = errors.New("auth: the row is locked")
)

// lockTimeout is how long a transaction waits for a row.
const lockTimeout = "5s"

// Store is the door to schema auth.
type Store struct{ pool *pgxpool.Pool }

// New makes a store of a pool whose role owns the tables of schema auth, or has all rights on them.
func New(pool *pgxpool.Pool) *Store { return &Store{pool} }

// Tx is a transaction on schema auth.
type Tx struct{ tx pgx.Tx }

// Do runs f in a transaction, which is rolled back when f fails. A deadlock or an unserializable transaction is tried again.
func (s *Store) Do(ctx context.Context, f func(*Tx) error) error {
	const attempts = 3
	var err error
	for range attempts {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "set local lock_timeout = '"+lockTimeout+"'"); err != nil {
				return err
			}
			return f(&Tx{tx})
		})
		if !HasCode(err, "40001", "40P01") {
			break
		}
	}
	if HasCode(err, "55P03") {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// HasCode reports whether an error is PostgreSQL's with one of the SQLSTATEs.
func HasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, code := range codes {
		if pg.Code == code {
			return true
		}
	}
	return false
}

// one reads the only row of a query into a struct by its db tags.
func one[T any](ctx context.Context, t *Tx, sql string, args ...any) (*T, error) {
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	row, err := pgx.CollectOneRow(rows, pgx.RowToAddrOfStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	return row, err
}

// many reads all rows of a query.
func many[T any](ctx context.Context, t *Tx, sql string, args ...any) ([]T, error) {
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

func (t *Tx) exec(ctx context.Context, sql string, args ...any) error {
	_, err := t.tx.Exec(ctx, sql, args...)
	return err
}

// affect is exec for a row that has to be there.
func (t *Tx) affect(ctx context.Context, sql string, args ...any) error {
	tag, err := t.tx.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return err
}
