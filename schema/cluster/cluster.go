package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config says where and how to run the server.
type Config struct {
	// Dir is the directory that holds everything; it is made if need be.
	Dir string
	// BinDir is the directory of PostgreSQL's programs; empty searches the usual places and then downloads.
	BinDir string
	// Database is the name of the database that URL leads to; it is made if need be. Default "postgres".
	Database string
	// Settings are server settings beside our own.
	Settings map[string]string
	// Fetch downloads PostgreSQL when it is not installed; default Download.
	Fetch Fetch
	// Progress is told what goes on during a long first start; default the log.
	Progress func(string)
	Logger   *slog.Logger
}

// Cluster is a running server.
type Cluster struct {
	cfg       Config
	log       *slog.Logger
	progress  func(string)
	lock      *Lock
	bin       Binaries
	owner     owner
	dataDir   string
	socketDir string
	port      int
	password  string

	mu      sync.Mutex // guards current
	current *server

	up       atomic.Bool
	restarts atomic.Int64
	stopping chan struct{}
	stopOnce sync.Once
	ended    chan struct{}
}

// Start brings the server up and returns when it accepts connections. It fails with ErrInUse, a *BinariesError,
// a *DirError or a *StartError. The directory's lock is held until Stop.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Database == "" {
		cfg.Database = "postgres"
	}
	if cfg.Fetch == nil {
		cfg.Fetch = Download
	}
	if cfg.Progress == nil {
		cfg.Progress = func(text string) { cfg.Logger.Info(text) }
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	cfg.Dir = dir
	lock, err := Acquire(dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		cfg: cfg, log: cfg.Logger, progress: cfg.Progress, lock: lock, dataDir: filepath.Join(dir, "pg"),
		stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := c.start(ctx); err != nil {
		lock.Release()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	c.owner = chooseOwner(c.dataDir)
	if err := c.owner.admit(c.cfg.Dir); err != nil {
		return err
	}
	f := &finder{
		explicit: c.cfg.BinDir, lookPath: exec.LookPath, root: "/", fetch: c.cfg.Fetch, fetchDir: fetchDir(), progress: c.progress,
		owner: c.owner, major: majorOf(c.dataDir),
	}
	if c.bin, err = f.find(ctx); err != nil {
		return err
	}
	if c.password, err = readPassword(c.cfg.Dir, c.dataDir); err != nil {
		return err
	}
	if c.socketDir, err = makeSocketDir(c.owner, c.dataDir, os.TempDir(), "/tmp"); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		_ = os.RemoveAll(c.socketDir)
		return err
	}
	return c.run(ctx)
}

// prepare does what has to be done before the server can start.
func (c *Cluster) prepare(ctx context.Context) error {
	c.stopOrphan(ctx)
	if err := c.initialize(ctx); err != nil {
		return err
	}
	if err := c.writeSettings(); err != nil {
		return err
	}
	return c.choosePort(ctx)
}

// run starts the supervisor and waits until it has brought the server up.
func (c *Cluster) run(ctx context.Context) (err error) {
	first := make(chan error, 1)
	go c.supervise(first) //nolint:gosec // it lives until Stop, not as long as the start
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		err = c.createDatabase(ctx)
	}
	if err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		c.halt(stopCtx)
	}
	return err
}

// Up reports whether the server accepts connections. It turns false while a server that died is being started again.
func (c *Cluster) Up() bool { return c.up.Load() }

// Restarts is how often the server had to be started again.
func (c *Cluster) Restarts() int64 { return c.restarts.Load() }

// Binaries tells which PostgreSQL runs.
func (c *Cluster) Binaries() Binaries { return c.bin }

// URL is the superuser's connection string over TCP.
func (c *Cluster) URL() string { return c.urlOf(c.cfg.Database) }

// SocketURL is the superuser's connection string over the private socket.
func (c *Cluster) SocketURL() string {
	u := url.URL{
		Scheme: "postgresql", User: url.UserPassword(Superuser, c.password), Path: "/" + c.cfg.Database,
		RawQuery: url.Values{"host": {c.socketDir}, "port": {strconv.Itoa(c.port)}}.Encode(),
	}
	return u.String()
}

func (c *Cluster) urlOf(database string) string {
	u := url.URL{
		Scheme: "postgresql", User: url.UserPassword(Superuser, c.password), Path: "/" + database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop shuts the server down cleanly, not waiting for its clients, and gives the directory free. When ctx ends first the
// server is told to drop everything at once; it recovers at its next start.
func (c *Cluster) Stop(ctx context.Context) error {
	clean := c.halt(ctx)
	_ = os.Remove(c.socketDir) // empty now; if it is not, the next start uses it
	c.lock.Release()
	if !clean {
		return fmt.Errorf("cluster: PostgreSQL did not shut down in time: %w", ctx.Err())
	}
	return nil
}

// choosePort takes the port of the last start if it is free.
func (c *Cluster) choosePort(ctx context.Context) error {
	path := filepath.Join(c.cfg.Dir, "port")
	if text, err := os.ReadFile(path); err == nil {
		if port, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && isFree(ctx, port) {
			c.port = port
			return nil
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	c.port = port
	if err := os.WriteFile(path, []byte(strconv.Itoa(port)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

func isFree(ctx context.Context, port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// createDatabase makes the database of URL if it is not there.
func (c *Cluster) createDatabase(ctx context.Context) error {
	if c.cfg.Database == "postgres" {
		return nil
	}
	conn, err := pgx.Connect(ctx, c.urlOf("postgres"))
	if err != nil {
		return fmt.Errorf("cluster: connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var exists bool
	err = conn.QueryRow(ctx, "select exists (select from pg_catalog.pg_database where datname = $1)", c.cfg.Database).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "create database "+pgx.Identifier{c.cfg.Database}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("cluster: database %s: %w", c.cfg.Database, err)
	}
	return nil
}

// fetchDir is where downloaded programs are kept for every data directory of the user.
func fetchDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/nexus/postgresql-" + string(downloadVersion)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "nexus", "postgresql-"+string(downloadVersion))
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// stopPatience bounds a clean shutdown after a failed start.
const stopPatience = 4 * time.Second
