package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"nexus/schema"
)

// cancelGrace is how long a cancelled statement may take to answer the cancel request before its connection is dropped.
const cancelGrace = time.Second

// Config says how to reach the database. The zero values of the durations and numbers mean the defaults named below.
type Config struct {
	// URL is a libpq connection string: a URI or keyword=value pairs.
	URL string
	// MaxConns bounds the pool; default 10, as PostgREST's db-pool.
	MaxConns int32
	// AcquireTimeout is how long a request waits for a connection before ErrAcquireTimeout; default 10 s
	// (db-pool-acquisition-timeout).
	AcquireTimeout time.Duration
	// MaxLifetime and MaxIdleTime bound a connection's life; defaults 30 min and 30 s (db-pool-max-lifetime,
	// db-pool-max-idletime).
	MaxLifetime time.Duration
	MaxIdleTime time.Duration
	// Prepared keeps statements prepared on each connection. Turn it off behind a transaction pooler.
	Prepared bool
	// ApplicationName is sent when the URL names none.
	ApplicationName string
	// Settings are those that every session begins with, and goes back to when it is reset.
	Settings []schema.Setting
	Logger   *slog.Logger
}

func (c *Config) setDefaults() {
	if c.MaxConns == 0 {
		c.MaxConns = 10
	}
	if c.AcquireTimeout == 0 {
		c.AcquireTimeout = 10 * time.Second
	}
	if c.MaxLifetime == 0 {
		c.MaxLifetime = 30 * time.Minute
	}
	if c.MaxIdleTime == 0 {
		c.MaxIdleTime = 30 * time.Second
	}
	if c.ApplicationName == "" {
		c.ApplicationName = "nexus"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Pool is a bounded set of connections, safe for concurrent use.
type Pool struct {
	pool *pgxpool.Pool
	// slots has a place for each request that may use a connection; senders wait in order.
	slots          chan struct{}
	acquireTimeout time.Duration
	prepared       bool
	log            *slog.Logger
	waiting        atomic.Int64
	timeouts       atomic.Int64
	// generation counts the times that all prepared statements became worthless.
	generation atomic.Uint64
	preludes   preludes
}

// Open parses the configuration and makes a pool. It does not connect: a database that is down is an error of the first
// request, not of the start. It fails on a URL that cannot be parsed.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	cfg.setDefaults()
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("database connection string: %w", err)
	}
	pc.MaxConns = cfg.MaxConns
	pc.MinConns = 0
	pc.MaxConnLifetime = cfg.MaxLifetime
	pc.MaxConnLifetimeJitter = cfg.MaxLifetime / 10
	pc.MaxConnIdleTime = cfg.MaxIdleTime
	pc.PingTimeout = cfg.AcquireTimeout
	conn := &pc.ConnConfig.Config
	if conn.ConnectTimeout == 0 || conn.ConnectTimeout > cfg.AcquireTimeout {
		conn.ConnectTimeout = cfg.AcquireTimeout
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = cfg.ApplicationName
	}
	for _, one := range cfg.Settings {
		conn.RuntimeParams[one.Name] = one.Value
	}
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelGrace}
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	return &Pool{
		pool: pool, slots: make(chan struct{}, cfg.MaxConns), acquireTimeout: cfg.AcquireTimeout, prepared: cfg.Prepared,
		log: cfg.Logger,
	}, nil
}

// Close ends all connections; it waits for those in use.
func (p *Pool) Close() { p.pool.Close() }

// Reset closes every connection as it becomes idle, so that new ones see changed role or database settings.
func (p *Pool) Reset() { p.pool.Reset() }

// Forget makes every connection drop its prepared statements before its next use. Call it when the catalog has changed.
func (p *Pool) Forget() { p.generation.Add(1) }

// Ping reports whether the database answers.
func (p *Pool) Ping(ctx context.Context) error {
	conn, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.release(conn)
	if err := conn.Conn().Ping(ctx); err != nil {
		return &ConnectionError{Cause: err, Broken: true}
	}
	return nil
}

// Stats are the pool's counters, for metrics.
type Stats struct {
	MaxConns      int32
	InUse         int32
	Idle          int32
	Waiting       int64 // requests waiting for a connection now
	Timeouts      int64 // acquisitions that timed out since the start
	NewConns      int64 // connections opened since the start
	CanceledWaits int64
}

// Stats returns the pool's counters.
func (p *Pool) Stats() Stats {
	s := p.pool.Stat()
	return Stats{
		MaxConns: s.MaxConns(), InUse: s.AcquiredConns(), Idle: s.IdleConns(), Waiting: p.waiting.Load(),
		Timeouts: p.timeouts.Load(), NewConns: s.NewConnsCount(), CanceledWaits: s.CanceledAcquireCount(),
	}
}

// acquire takes a connection. Whoever has a slot finds one free or opens one, so that only those without have to be timed.
func (p *Pool) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	conn, err := p.pool.Acquire(ctx)
	if err == nil {
		return conn, nil
	}
	p.leave()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded): // that of connecting
		p.timeouts.Add(1)
		return nil, ErrAcquireTimeout
	default:
		return nil, &ConnectionError{Cause: err}
	}
}

func (p *Pool) release(conn *pgxpool.Conn) {
	conn.Release()
	p.leave()
}

func (p *Pool) leave() { <-p.slots }

// enter waits for a slot, first come first served.
func (p *Pool) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	timer := time.NewTimer(p.acquireTimeout)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		p.timeouts.Add(1)
		return ErrAcquireTimeout
	}
}
