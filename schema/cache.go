package schema

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// CacheConfig says where a Cache reads from and when.
type CacheConfig struct {
	// URL is a libpq connection string. The cache opens connections of its own: one for each load, and one that listens.
	URL string
	// LoadOptions is asked before each load, so a changed configuration counts from the next one on.
	LoadOptions func() LoadOptions
	// Listen turns listening on Channel on.
	Listen bool
	// Channel is the notification channel; default "pgrst".
	Channel string
	// Debounce is the least time from one load's start to the next; default 100 ms. A load that is asked for meanwhile
	// waits, so a migration with many notifications costs few loads.
	Debounce time.Duration
	// Logger takes what went wrong and what was loaded; default none.
	Logger *slog.Logger

	// The hooks run one at a time, off the request path; each may be nil. OnLoad takes a published snapshot and how long
	// it took, OnLoadError why there is none. OnReloadConfig runs when a notification asks for the configuration, and after
	// notifications may have been lost; a load that was asked for as well follows it.
	OnLoad         func(*Snapshot, time.Duration)
	OnLoadError    func(error)
	OnReloadConfig func()
	// These two run where the listening happens, and must not take long: OnReloadMessages is told what a notification asks
	// for, OnListenError why nothing is heard and when listening is tried again.
	OnReloadMessages func(schemaCache, config bool)
	OnListenError    func(err error, retryIn time.Duration)
}

// Status is how a Cache is doing.
type Status struct {
	// Loaded is true once there is a snapshot, and LoadedAt is when that was read.
	Loaded   bool
	LoadedAt time.Time
	// LastError is why the last load failed; nil after one that succeeded. The snapshot is older than the catalog then.
	LastError error
	// Listening is true while changes are heard of.
	Listening bool
}

// Cache keeps the newest Snapshot. It is safe for concurrent use; one Run keeps it fresh.
type Cache struct {
	cfg       CacheConfig
	snapshot  atomic.Pointer[Snapshot]
	listening atomic.Bool
	lastError atomic.Pointer[error]
	orders    *orders
	keepAlive time.Duration
}

// NewCache returns a cache that is empty until Run has loaded the first snapshot.
func NewCache(cfg CacheConfig) *Cache {
	if cfg.Channel == "" {
		cfg.Channel = "pgrst"
	}
	if cfg.Debounce == 0 {
		cfg.Debounce = 100 * time.Millisecond
	}
	if cfg.OnReloadMessages == nil {
		cfg.OnReloadMessages = func(bool, bool) {}
	}
	if cfg.OnListenError == nil {
		cfg.OnListenError = func(error, time.Duration) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Cache{cfg: cfg, orders: newOrders(), keepAlive: defaultKeepAlive}
}

// Snapshot returns the newest snapshot, nil before the first.
func (c *Cache) Snapshot() *Snapshot { return c.snapshot.Load() }

// Status tells how the cache is doing.
func (c *Cache) Status() Status {
	s := Status{Listening: c.listening.Load()}
	if snapshot := c.Snapshot(); snapshot != nil {
		s.Loaded, s.LoadedAt = true, snapshot.LoadedAt
	}
	if err := c.lastError.Load(); err != nil {
		s.LastError = *err
	}
	return s
}

// Reload asks for a load and returns at once.
func (c *Cache) Reload() { c.orders.add(order{schema: true}) }

// Run loads the first snapshot and keeps it fresh until ctx ends; then it returns nil, with nothing left running. What
// fails in between is logged, shown by Status and tried again, so Run returns an error only for a URL that cannot be
// parsed.
func (c *Cache) Run(ctx context.Context) error {
	config, err := pgx.ParseConfig(c.cfg.URL)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "nexus"
	}
	var group errgroup.Group
	group.Go(func() error {
		c.work(ctx, config)
		return nil
	})
	if c.cfg.Listen {
		group.Go(func() error {
			c.listen(ctx, config)
			return nil
		})
	} else {
		c.Reload()
	}
	return group.Wait()
}
