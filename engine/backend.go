package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/mcp"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
)

// tokenCacheEntries is how many verified tokens are remembered, as PostgREST's jwt-cache-max-entries.
const tokenCacheEntries = 1000

// backend is what the surfaces stand on.
type backend struct {
	info Info
	rest http.Handler
	// auth is nil when auth/v1 is off.
	auth http.Handler
	// functions serves functions/v1.
	functions http.Handler
	// mcp serves functions/v1/mcp-server.
	mcp *mcp.Handler
	// storage is nil if the database has no tables for storage/v1.
	storage http.Handler
	// database does the work of requests, and snapshot is the schema as last read.
	database rest.Database
	snapshot func() *schema.Snapshot
	// loaded are the schemas that are read beside those of rest/v1.
	loaded []string
	// config is replaced as a whole when settings in the database change.
	config atomic.Pointer[rest.Config]
	// keys sign tokens; nil if somebody else issues them.
	keys atomic.Pointer[rls.KeySet]
	pool *db.Pool
	// forget drops prepared statements that a change of the schema has made worthless.
	forget func()
	// reloadError tells why the newest schema could not be read, or nil.
	reloadError func() error
	// closers undo the start, last first; they should be done when their context ends.
	closers []func(context.Context) error
}

func (b *backend) onClose(f func(context.Context) error) { b.closers = append(b.closers, f) }

// close ends everything that was started, in the opposite order.
func (b *backend) close(ctx context.Context) error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i](ctx))
	}
	return errors.Join(errs...)
}

// start brings up the database and what reads it. The backend must be closed, also when there is an error.
func (s *Server) start(ctx context.Context, addr net.Addr) (*backend, error) {
	b := &backend{}
	ownerURL, err := s.openDatabase(ctx, b)
	if err != nil {
		return b, err
	}
	kept, err := ensureSecrets(s.cfg.DataDir)
	if err != nil {
		return b, err
	}
	keys, err := makeKeys(&s.cfg, kept)
	if err != nil {
		return b, err
	}
	b.info = Info{URL: baseURL(&s.cfg, addr.String()), AnonKey: keys.AnonKey, DataDir: s.cfg.DataDir}
	to, err := s.prepareDatabase(ctx, ownerURL, kept)
	if err != nil {
		return b, err
	}
	verifier, err := s.openVerifier(ctx, b)
	if err != nil {
		return b, err
	}
	if err := s.openRest(ctx, b, to, verifier); err != nil {
		return b, err
	}
	with, err := s.openTools(b, kept)
	if err != nil {
		return b, err
	}
	if err := s.openAuth(ctx, b, to, verifier, keys.JWTSecret, with); err != nil {
		return b, err
	}
	if err := s.openFunctions(ctx, b, to, verifier, with); err != nil {
		return b, err
	}
	if err := s.openStorage(ctx, b, to, verifier, ownSecret(keys, kept)); err != nil {
		return b, err
	}
	return b, s.publishURL(b)
}

// openRest opens the door for requests, reads the schema and makes the handler of rest/v1.
func (s *Server) openRest(ctx context.Context, b *backend, to logins, verifier *rls.Verifier) error {
	pool, err := s.openPool(ctx, b, to.requests)
	if err != nil {
		return err
	}
	b.pool = pool
	database, err := s.openReplicas(ctx, b, to.requests)
	if err != nil {
		return err
	}
	if err := s.configureRest(ctx, b, to.sessions); err != nil {
		return err
	}
	cache, err := s.openCache(ctx, b, to.sessions)
	if err != nil {
		return err
	}
	b.database, b.snapshot = database, cache.Snapshot
	b.rest = rest.New(rest.Options{
		Config: b.config.Load, Snapshot: cache.Snapshot,
		Verifier: func() *rls.Verifier { return verifier }, DB: database, Logger: s.log, MaxBody: s.cfg.MaxBodyBytes,
		Authenticated: setRole,
	})
	return nil
}

// poolPatience is how long connections in use may keep the pool from closing.
const poolPatience = 500 * time.Millisecond

// closePool ends the connections. Those that hang end with PostgreSQL, or with the process.
func closePool(pool *db.Pool) error {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(poolPatience):
		return errors.New("some database connections did not end in time")
	}
}

// openCache reads the schema and keeps it fresh until the backend closes. It returns after the first reading; what fails
// before, such as for a schema that is still to be made, is logged and tried again.
func (s *Server) openCache(ctx context.Context, b *backend, sessionURL string) (*schema.Cache, error) {
	// The catalog cannot be read with a schema that is not there, but search_path can name one.
	extra, err := existing(ctx, sessionURL, s.cfg.ExtraSearchPath)
	if err != nil {
		return nil, err
	}
	if b.loaded, err = existing(ctx, sessionURL, []string{functions.Schema}); err != nil {
		return nil, err
	}
	loaded := make(chan struct{})
	var once sync.Once
	cache := schema.NewCache(schema.CacheConfig{
		URL: sessionURL, Listen: true, Logger: s.log,
		LoadOptions: func() schema.LoadOptions {
			cfg := b.config.Load()
			return schema.LoadOptions{
				Schemas: union(cfg.Schemas, b.loaded), ExtraSearchPath: extra, HoistedTxSettings: cfg.HoistedTxSettings,
			}
		},
		OnLoad: func(*schema.Snapshot, time.Duration) {
			b.forget()
			once.Do(func() { close(loaded) })
		},
		OnReloadConfig: func() {
			if err := s.configureRest(ctx, b, sessionURL); err != nil {
				s.log.Error("the settings of roles were not reloaded", "error", err)
			}
		},
	})
	b.reloadError = func() error { return cache.Status().LastError }
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- cache.Run(running) }()
	b.onClose(func(context.Context) error {
		stop()
		return <-done
	})
	select {
	case <-loaded:
		return cache, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// union appends those of more that are not there yet.
func union(schemas, more []string) []string {
	out := slices.Clone(schemas)
	for _, name := range more {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// configureRest makes the configuration of rest/v1 from ours and from what the database says about roles.
func (s *Server) configureRest(ctx context.Context, b *backend, sessionURL string) error {
	cfg := rest.DefaultConfig()
	cfg.Schemas, cfg.ExtraSearchPath, cfg.AnonRole, cfg.BasePath = s.cfg.Schemas, s.cfg.ExtraSearchPath, anonRole, restPath
	cfg.ETags = true
	cfg.MaxEmbedDepth, cfg.StreamAbove, cfg.StreamTimeout = s.cfg.MaxEmbedDepth, s.cfg.StreamAbove, s.cfg.StreamTimeout
	if s.cfg.MaxRows > 0 {
		cfg.MaxRows = &s.cfg.MaxRows
	}
	cfg.AggregatesEnabled, cfg.PlanEnabled, cfg.PreparedStatements = s.cfg.Aggregates, s.cfg.Plan, s.cfg.Prepared
	cfg.ServerTimingEnabled, cfg.ServerTraceHeader = s.cfg.ServerTiming, s.cfg.TraceHeader
	cfg.CORSAllowedOrigins = s.cfg.CORSOrigins
	if s.cfg.Auth.Flows.RefuseBrowserAdmins {
		cfg.ServerRoles = s.cfg.Auth.Flows.AdminRoles
	}
	cfg.ErrorVerbosityMinimal, cfg.TargetNames = s.cfg.ErrorVerbosity == minimalErrors, targetNames[s.cfg.LegacyTargetNames]
	cfg.OpenAPIMode, cfg.OpenAPIServerProxyURI = rest.OpenAPIMode(s.cfg.OpenAPIMode), b.info.URL+restPath
	conn, err := pgx.Connect(ctx, sessionURL)
	if err != nil {
		return fmt.Errorf("read the settings of roles: %w", err)
	}
	defer closeConn(ctx, conn)
	if cfg.RoleSettings, err = rest.LoadRoleSettings(ctx, conn); err != nil {
		return err
	}
	b.config.Store(&cfg)
	return nil
}

// publishURL leaves the server's URL in the data directory while it runs.
func (s *Server) publishURL(b *backend) error {
	path := filepath.Join(s.cfg.DataDir, urlFile)
	if err := replaceFile(path, []byte(b.info.URL+"\n")); err != nil {
		return fmt.Errorf("note the server's URL: %w", err)
	}
	b.onClose(func(context.Context) error { return os.Remove(path) })
	return nil
}
