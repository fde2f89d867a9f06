package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Times of the HTTP server that nobody needs to set.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// writeGrace is how long a client may take to receive an answer, beyond the time the request may take.
	writeGrace = 30 * time.Second
	// drainTimeout is what requests get to end in after a signal; what stops after them has the rest of five seconds.
	drainTimeout = 2 * time.Second
)

// Server is one instance of Nexus. Make it with New and call Run once.
type Server struct {
	cfg Config
	log *slog.Logger
	// compress encodes bodies of the handler it wraps.
	compress func(http.Handler) http.Handler
	// backend is nil until everything behind the surfaces works.
	backend  atomic.Pointer[backend]
	stopping atomic.Bool
	// heapRoom is never touched, so it takes no memory, but the garbage collector counts it as live: with a small heap it
	// would otherwise run for every few megabytes of requests, at a tenth of the processor time.
	heapRoom []byte
}

// heapRoomBytes about adds to the garbage that may lie around between two collections.
const heapRoomBytes = 16 << 20

// Info is what a running server tells its operator.
type Info struct {
	// URL is where clients reach the server; the surfaces are below it.
	URL     string
	AnonKey string
	// DataDir is the absolute path of the data directory.
	DataDir string
}

// New checks the configuration; it starts nothing.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	cfg.DataDir = dir
	compress, err := newCompression()
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg: cfg, log: slog.New(requestLog{log.Handler()}), compress: compress, heapRoom: make([]byte, heapRoomBytes),
	}, nil
}

// Run serves until ctx ends, and then returns nil after an orderly end: requests in flight are answered, then the embedded
// PostgreSQL stops. It calls ready once requests can be answered. While it starts, it answers /health, and everything
// else with 503.
func (s *Server) Run(ctx context.Context, ready func(Info)) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	// Requests outlive ctx, so that they can end.
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRequests()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	web := s.web(requests)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fail(fmt.Errorf("serve: %w", err))
		}
	}()
	b, err := s.start(ctx, listener.Addr())
	if err == nil {
		s.backend.Store(b)
		ready(b.info)
		<-ctx.Done()
		s.log.Info("stopping")
	}
	if ctx.Err() != nil {
		// What was broken off says so in many ways; this is why.
		err = context.Cause(ctx)
	}
	s.stopping.Store(true)
	s.drain(web, cancelRequests)
	<-served
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, b.close())
}

// listen binds the address before anything slow happens.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		hint := ""
		if url := runningURL(s.cfg.DataDir); url != "" {
			hint = fmt.Sprintf(" (another nexus may be serving this data directory at %s)", url)
		}
		return nil, fmt.Errorf("%s is in use%s; choose another address with --listen", s.cfg.Listen, hint)
	}
	return listener, err
}

func (s *Server) web(requests context.Context) *http.Server {
	web := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: s.cfg.MaxHeaderBytes, BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	if s.cfg.RequestTimeout > 0 {
		web.ReadTimeout = readHeaderTimeout + s.cfg.RequestTimeout
		web.WriteTimeout = web.ReadTimeout + writeGrace
	}
	return web
}

// drain lets requests end, and ends those that do not.
func (s *Server) drain(web *http.Server, cancelRequests context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		s.log.Warn("some requests did not end in time and were broken off")
		cancelRequests()
		_ = web.Close()
	}
}

// baseURL is where clients reach a server that listens on addr.
func baseURL(cfg *Config, addr string) string {
	if cfg.PublicURL != "" {
		return strings.TrimRight(cfg.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
