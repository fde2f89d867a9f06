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

	"nexus/engine/apierr"
)

// Times of the HTTP server that nobody needs to set.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// writeGrace is how long a client may take to receive an answer, beyond the time the request may take.
	writeGrace = 30 * time.Second
	// stopTimeout is how long all may take to stop after a signal, before what remains is made to. Orchestrators kill after
	// ten seconds and people after five.
	stopTimeout = 4500 * time.Millisecond
	// drainTimeout is what requests get of it to end in. PostgreSQL has the rest, which is more the sooner they do.
	drainTimeout = 3200 * time.Millisecond
	// breakTimeout is how long requests that are broken off may take to say so.
	breakTimeout = 300 * time.Millisecond
)

// errStopping answers requests that did not end in time.
var errStopping = &apierr.Error{
	Status: http.StatusServiceUnavailable, Code: "NEXUS503", Message: "The server is stopping",
	Details: "The request took longer than the server could wait.",
}

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
	requests, breakOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer breakOff(nil)
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
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	s.drain(stop, web, breakOff)
	<-served
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, b.close(stop))
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
func (s *Server) drain(ctx context.Context, web *http.Server, breakOff context.CancelCauseFunc) {
	if shutdown(ctx, web, drainTimeout) == nil {
		return
	}
	s.log.Warn("some requests did not end in time and were broken off")
	breakOff(errStopping)
	if shutdown(ctx, web, breakTimeout) != nil {
		_ = web.Close()
	}
}

// shutdown waits for requests to end, but no longer than patience.
func shutdown(ctx context.Context, web *http.Server, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return web.Shutdown(ctx)
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
