package postgrest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
)

const (
	readHeaderTimeout = 10 * time.Second
	// drainTimeout is what requests in flight get to end in after a signal.
	drainTimeout = 4 * time.Second
	// databaseTimeout bounds the reading of the in-database configuration.
	databaseTimeout = 10 * time.Second
)

// ErrUnreachable ends a Server whose configuration turns db-pool-automatic-recovery off when the database goes away.
var ErrUnreachable = errors.New("the database cannot be reached, and db-pool-automatic-recovery is off")

// DatabaseError means that the in-database configuration could not be read.
type DatabaseError struct{ Cause error }

// Error implements error.
func (e *DatabaseError) Error() string { return "in-database configuration: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *DatabaseError) Unwrap() error { return e.Cause }

// Server serves in place of PostgREST, which its log looks like. Make it with New and call Run once.
type Server struct {
	source Source
	log    *slog.Logger
	// requestLog takes what went wrong with requests, if the log level lets it through.
	requestLog *slog.Logger
	access     *accessLog
	// first is the configuration of the start: what it says of addresses, pool and channel holds until the end.
	first   *Config
	current atomic.Pointer[active]
	pool    *db.Pool
	cache   *schema.Cache
	metrics *metrics
	// fatal ends Run.
	fatal context.CancelCauseFunc
}

// active is the configuration in force, in the forms that its users want.
type active struct {
	config   *Config
	rest     *rest.Config
	verifier *rls.Verifier
}

// New reads the configuration. log takes the server's own doings; requests are logged to access in Apache's combined format.
func New(source Source, log *slog.Logger, access func(line string)) (*Server, error) {
	cfg, err := Read(source)
	if err != nil {
		return nil, err
	}
	s := &Server{source: source, log: log, first: cfg, metrics: newMetrics()}
	level := func() LogLevel { return s.current.Load().config.LogLevel }
	s.access = &accessLog{write: access, level: level}
	s.requestLog = slog.New(levelled{log.Handler(), level})
	if err := s.activate(cfg); err != nil {
		return nil, err
	}
	s.noteUnused(cfg)
	return s, nil
}

// Config returns the configuration in force.
func (s *Server) Config() *Config { return s.current.Load().config }

// noteUnused says which options are accepted without effect, and why.
func (s *Server) noteUnused(cfg *Config) {
	if cfg.LogQuery {
		s.log.Warn("log-query has no effect: SQL is never logged, as it may hold what clients sent")
	}
}

// activate puts a configuration in force.
func (s *Server) activate(cfg *Config) error {
	verifier, err := cfg.verifier()
	if err != nil {
		return err
	}
	if old := s.current.Swap(&active{config: cfg, rest: cfg.rest(), verifier: verifier}); old != nil {
		old.verifier.Close()
	}
	return nil
}

// ReloadConfig reads the configuration anew, from the file, the environment and the database. One that is not valid, or
// cannot be read, leaves the old one in force. Addresses, the database and its pool stay as they were at the start.
func (s *Server) ReloadConfig(ctx context.Context) error {
	cfg, err := s.readAll(ctx)
	if err == nil {
		err = s.activate(cfg)
	}
	if err != nil {
		s.log.Error("Failed reloading config: " + oneLine(err))
		return err
	}
	s.log.Info("Config reloaded")
	return nil
}

// readAll reads the configuration with what the database adds to it.
func (s *Server) readAll(ctx context.Context) (*Config, error) {
	cfg, err := Read(s.source)
	if err != nil || !cfg.DBConfig {
		return cfg, err
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.first.connectionString())
	if err != nil {
		return nil, &DatabaseError{err}
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	options, roles, err := readDatabase(ctx, conn, cfg.DBPreConfig)
	if err != nil {
		return nil, &DatabaseError{err}
	}
	source := s.source
	source.Database = options
	if cfg, err = Read(source); err != nil {
		return nil, err
	}
	cfg.DBURI, cfg.RoleSettings = s.first.DBURI, roles
	return cfg, nil
}

// ReloadSchema asks for the catalog to be read anew and returns at once.
func (s *Server) ReloadSchema() { s.cache.Reload() }

// Run serves until ctx ends, then lets requests in flight end and returns nil. It listens before the database is reached,
// and answers 503 until the schema has been read. ready, if set, is called once everything listens.
func (s *Server) Run(ctx context.Context, ready func(api net.Addr)) error {
	ctx, s.fatal = context.WithCancelCause(ctx)
	defer s.fatal(nil)
	s.log.Info("Starting PostgREST " + Version + "...")
	pool, err := s.openPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	s.pool = pool
	s.cache = s.newCache(ctx)
	api, err := listen(ctx, s.first)
	if err != nil {
		return err
	}
	admin, err := listenAdmin(ctx, s.first)
	if err != nil {
		_ = api.Close()
		return err
	}
	s.metrics.watch(s)
	reading := make(chan error, 1)
	go func() { reading <- s.cache.Run(ctx) }()
	servers := []*http.Server{s.serve(api, s.handler())}
	if admin != nil {
		servers = append(servers, s.serve(admin, s.admin(api.Addr())))
	}
	if admin != nil {
		s.log.Info("Admin server listening on " + admin.Addr().String())
	}
	s.log.Info("API server listening on " + api.Addr().String())
	if ready != nil {
		ready(api.Addr())
	}
	<-ctx.Done()
	s.drain(servers)
	err = context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, <-reading)
}

func (s *Server) openPool(ctx context.Context) (*db.Pool, error) {
	c := s.first
	return db.Open(ctx, db.Config{
		URL: c.connectionString(), MaxConns: int32(min(c.DBPool, math.MaxInt32)), Prepared: c.DBPreparedStatements,
		AcquireTimeout: seconds(c.DBPoolAcquisitionTimeout), MaxLifetime: seconds(c.DBPoolMaxLifetime),
		MaxIdleTime: seconds(c.DBPoolMaxIdletime), ApplicationName: "PostgREST " + Version, Logger: s.log,
	})
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// newCache makes the schema cache. Like PostgREST, it reads the in-database configuration before each load, so that a
// schema that was exposed there is loaded at once.
func (s *Server) newCache(ctx context.Context) *schema.Cache {
	return schema.NewCache(schema.CacheConfig{
		URL: s.first.connectionString(), Listen: s.first.DBChannelEnabled, Channel: s.first.DBChannel,
		LoadOptions: func() schema.LoadOptions {
			if s.Config().DBConfig {
				_ = s.ReloadConfig(ctx) // an error is logged there, and the old configuration stays
			}
			cfg := s.Config()
			return schema.LoadOptions{
				Schemas: cfg.DBSchemas, ExtraSearchPath: cfg.DBExtraSearchPath, HoistedTxSettings: cfg.DBHoistedTxSettings,
			}
		},
		OnLoad: func(snap *schema.Snapshot, took time.Duration) {
			s.pool.Reset() // the settings of the login role may have changed with the schema
			s.noteLoad(snap, took)
		},
		OnLoadError:      s.unreachable,
		OnListenError:    s.unheard,
		OnReloadConfig:   func() { _ = s.ReloadConfig(ctx) },
		OnReloadMessages: s.noteMessage,
	})
}

// serverHeader is what answers say of the server, as clients may look for it.
const serverHeader = "postgrest/" + Version

// Version is the release of PostgREST that is stood in for.
const Version = "14.0"

func (s *Server) handler() http.Handler {
	return named(s.access.wrap(s.api()))
}

func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Server"] = []string{serverHeader}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) api() http.Handler {
	return rest.New(rest.Options{
		Config:   func() *rest.Config { return s.current.Load().rest },
		Snapshot: s.cache.Snapshot,
		Verifier: func() *rls.Verifier { return s.current.Load().verifier },
		DB:       s.pool, Logger: s.requestLog, MaxBody: math.MaxInt64, // PostgREST takes bodies of any size
		Authenticated: noteRole,
	})
}

func (s *Server) serve(listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fatal(fmt.Errorf("serve: %w", err))
		}
	}()
	return server
}

func (s *Server) drain(servers []*http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
}

// DescribeSchema reads the catalog once and describes it, for people: the value has a JSON form that may change.
func (s *Server) DescribeSchema(ctx context.Context) (any, error) {
	if s.first.DBConfig {
		if err := s.ReloadConfig(ctx); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.Connect(ctx, s.first.connectionString())
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	cfg := s.Config()
	snap, err := schema.Load(ctx, conn, schema.LoadOptions{
		Schemas: cfg.DBSchemas, ExtraSearchPath: cfg.DBExtraSearchPath, HoistedTxSettings: cfg.DBHoistedTxSettings,
	})
	if err != nil {
		return nil, err
	}
	return describe(snap), nil
}
