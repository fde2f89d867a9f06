package schema

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// loadTimeout bounds a load, so that a server that went away without a word is noticed. A load that waits for a lock of
	// a migration ends there, too, and is tried again.
	loadTimeout = 2 * time.Minute
	// loadBackoff is the first wait after a load that failed.
	loadBackoff = time.Second
	// closeTimeout bounds how long saying goodbye to the server may take.
	closeTimeout = time.Second
)

// work carries out orders until ctx ends. The first of a burst counts at once, the rest together after the debounce.
func (c *Cache) work(ctx context.Context, config *pgx.ConnConfig) {
	var (
		wait      = backoff{first: loadBackoff}
		retry     <-chan time.Time
		timeZones map[string]struct{}
	)
	for {
		var o order
		select {
		case <-ctx.Done():
			return
		case <-c.orders.ready:
			o = c.orders.take()
		case <-retry:
			o.schema = true
		}
		if o.anew {
			timeZones = nil
		}
		if o.config && c.cfg.OnReloadConfig != nil {
			c.cfg.OnReloadConfig()
		}
		if !o.schema {
			continue
		}
		next := time.After(c.cfg.Debounce)
		snapshot, err := c.load(ctx, config, timeZones)
		if err == nil {
			timeZones = snapshot.TimeZones
			retry = nil
			wait.reset()
		} else if ctx.Err() == nil {
			delay := wait.next()
			retry = time.After(delay)
			c.cfg.Logger.ErrorContext(ctx, "schema cache not loaded", slog.Any("error", err), slog.Duration("retry_in", delay))
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		}
	}
}

// load reads a snapshot through a connection of its own and publishes it; when that fails the old one stays. The connection
// is not kept, because PostgreSQL would keep all it read of a large catalog in that backend's memory.
func (c *Cache) load(ctx context.Context, config *pgx.ConnConfig, timeZones map[string]struct{}) (*Snapshot, error) {
	start := time.Now()
	snapshot, err := c.read(ctx, config, timeZones)
	if ctx.Err() != nil {
		return nil, ctx.Err() // shutting down is no failure to tell of
	}
	if err != nil {
		c.lastError.Store(&err)
		if c.cfg.OnLoadError != nil {
			c.cfg.OnLoadError(err)
		}
		return nil, err
	}
	c.snapshot.Store(snapshot)
	c.lastError.Store(nil)
	took := time.Since(start)
	c.cfg.Logger.InfoContext(ctx, "schema cache loaded", slog.Int("relations", len(snapshot.Tables)),
		slog.Int("functions", len(snapshot.Routines)), slog.Duration("took", took))
	if c.cfg.OnLoad != nil {
		c.cfg.OnLoad(snapshot, took)
	}
	return snapshot, nil
}

func (c *Cache) read(ctx context.Context, config *pgx.ConnConfig, timeZones map[string]struct{}) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer closeConn(ctx, conn)
	opts := c.cfg.LoadOptions()
	opts.TimeZones = timeZones
	return Load(ctx, conn, opts)
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // nothing is lost with it
}
