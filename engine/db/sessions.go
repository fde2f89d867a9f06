package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"nexus/schema"
)

// Sessions runs transactions whose statements depend on each other's results, which Pool's single round trip cannot. It has
// connections of its own, so that slow work of functions leaves those of rest/v1 alone. It is safe for concurrent use.
type Sessions struct{ pool *pgxpool.Pool }

// OpenSessions makes a pool of the configuration's size. It does not connect. It fails on a URL that cannot be parsed.
func OpenSessions(ctx context.Context, cfg Config) (*Sessions, error) {
	cfg.setDefaults()
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("database connection string: %w", err)
	}
	pc.MaxConns, pc.MinConns = cfg.MaxConns, 0
	pc.MaxConnLifetime, pc.MaxConnIdleTime = cfg.MaxLifetime, cfg.MaxIdleTime
	pc.ConnConfig.RuntimeParams["application_name"] = cfg.ApplicationName
	for _, one := range cfg.Settings {
		pc.ConnConfig.RuntimeParams[one.Name] = one.Value
	}
	if !cfg.Prepared {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	return &Sessions{pool: pool}, nil
}

// Close ends all connections; it waits for those in use.
func (s *Sessions) Close() { s.pool.Close() }

// Pool is for the server's own work, as the login role: nothing of a request's identity is set on its connections.
func (s *Sessions) Pool() *pgxpool.Pool { return s.pool }

// maxAttempts bounds how often a transaction is run that others keep getting in the way of.
const maxAttempts = 4

// As runs work in one transaction with the settings of an identity (rls.Settings), as all of which it happens or not at all.
// Work that lost against another transaction (40001, 40P01) is run again from the start, so it must not leave anything behind
// elsewhere. It fails with what work fails with, and with *ConnectionError.
func (s *Sessions) As(ctx context.Context, settings []schema.Setting, readOnly bool, work func(pgx.Tx) error) error {
	return s.run(ctx, readOnly, func(tx pgx.Tx) error {
		if err := Set(ctx, tx, settings); err != nil {
			return err
		}
		return work(tx)
	})
}

// Do runs work in one transaction as the login role. It fails as As does.
func (s *Sessions) Do(ctx context.Context, work func(pgx.Tx) error) error {
	return s.As(ctx, nil, false, work)
}

func (s *Sessions) run(ctx context.Context, readOnly bool, work func(pgx.Tx) error) (last error) {
	options := pgx.TxOptions{}
	if readOnly {
		options.AccessMode = pgx.ReadOnly
	}
	for range maxAttempts {
		broken, err := s.attempt(ctx, options, work)
		switch {
		case err == nil:
			return nil
		case broken && ctx.Err() == nil && !isPostgres(err):
			return &ConnectionError{Cause: err, Broken: true}
		case !lost(err):
			return err
		}
		last = err
	}
	return last
}

// attempt runs work once. The connection goes back whatever happens, also if work panics.
func (s *Sessions) attempt(ctx context.Context, options pgx.TxOptions, work func(pgx.Tx) error) (broken bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, &ConnectionError{Cause: err}
	}
	defer conn.Release()
	err = pgx.BeginTxFunc(ctx, conn, options, work)
	return conn.Conn().IsClosed(), err
}

// Set takes back what the transaction before may have left in the session, and applies the settings for this one, in order, in
// one round trip.
func Set(ctx context.Context, tx pgx.Tx, settings []schema.Setting) error {
	batch := &pgx.Batch{}
	for _, sql := range resetSession {
		batch.Queue(sql)
	}
	var sql strings.Builder
	args := make([]any, 0, 2*len(settings))
	sql.WriteString("select ")
	for i, one := range settings {
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "pg_catalog.set_config($%d, $%d, true)", 2*i+1, 2*i+2)
		args = append(args, one.Name, one.Value)
	}
	if len(settings) > 0 {
		batch.Queue(sql.String(), args...)
	}
	return tx.SendBatch(ctx, batch).Close()
}

// lost reports whether a transaction failed for the sake of another one.
func lost(err error) bool {
	var pg interface{ SQLState() string }
	return errors.As(err, &pg) && (pg.SQLState() == "40001" || pg.SQLState() == "40P01")
}

func isPostgres(err error) bool {
	var pg interface{ SQLState() string }
	return errors.As(err, &pg)
}
