package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startPatience bounds one start; crash recovery of a large database takes its time.
	startPatience = 2 * time.Minute
	backoffMin    = 100 * time.Millisecond
	backoffMax    = 5 * time.Second
	// firstAttempts are the tries of the first start: what a killed server left may need a moment to go away.
	firstAttempts = 6
	// outputPatience is how long the output of a program that ended may stay open.
	outputPatience = 100 * time.Millisecond
	// lastWords is how much of a failed server's output is kept.
	lastWords = 4 << 10
)

// server is one run of the postgres program.
type server struct {
	process *os.Process
	output  tail
	// exited is closed when the program has ended; err then says how.
	exited chan struct{}
	err    error
}

// supervise runs the server until halt, starting it again whenever it ends. The outcome of the first start goes to first.
func (c *Cluster) supervise(first chan<- error) {
	// A child's parent-death signal follows the thread that made it, so that thread has to live as long as we do.
	runtime.LockOSThread()
	defer close(c.ended)
	backoff, pending := backoffMin, true
	for attempt := 1; ; attempt++ {
		c.endRemnants(context.Background())
		began := time.Now()
		s, err := c.launch()
		if err == nil {
			if err = c.awaitReady(s); err == nil {
				c.up.Store(true)
				if pending {
					first <- nil
				}
				pending = false
				<-s.exited
				c.up.Store(false)
				err = s.err
				if time.Since(began) > backoffMax { // one that keeps dying young is not hurried
					backoff = backoffMin
				}
			}
		}
		if c.isStopping() {
			return
		}
		if pending && attempt == firstAttempts {
			first <- err
			return
		}
		c.log.Error("PostgreSQL is not running; starting it again", "error", err, "delay", backoff)
		c.restarts.Add(1)
		select {
		case <-c.stopping:
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, backoffMax)
	}
}

// launch starts the program. It must be called on the supervisor's thread.
func (c *Cluster) launch() (*server, error) {
	dir, err := os.Open(c.dataDir)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	defer func() { _ = dir.Close() }()
	s := &server{exited: make(chan struct{})}
	cmd := exec.Command(c.bin.path("postgres")) //nolint:noctx // it ends by halt, cleanly, not by a context
	cmd.Args = append(cmd.Args, "-D", c.owner.attach(cmd, c.dataDir, dir), "-h", "127.0.0.1", "-k", c.socketDir,
		"-p", strconv.Itoa(c.port), "-c", "unix_socket_permissions=0700")
	cmd.Env = childEnvironment()
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	// Sessions that survive a killed postmaster hold its output open; its end must be noticed all the same.
	cmd.WaitDelay = outputPatience
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isStopping() {
		return nil, context.Canceled
	}
	if err := cmd.Start(); err != nil {
		return nil, &StartError{Cause: err}
	}
	s.process = cmd.Process
	c.current = s
	go func() {
		s.err = cmd.Wait()
		if s.err == nil {
			s.err = errors.New("it ended by itself")
		}
		close(s.exited)
	}()
	return s, nil
}

// awaitReady waits until the server writes into its pid file that it is ready, or ends.
func (c *Cluster) awaitReady(s *server) error {
	deadline := time.NewTimer(startPatience)
	defer deadline.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	pid := strconv.Itoa(s.process.Pid)
	for {
		// Line 1 is the process, line 8 its state (PostgreSQL's pidfile.h).
		if lines := c.pidFile(); len(lines) >= 8 && lines[0] == pid && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-s.exited:
			return &StartError{Cause: s.err, Log: s.output.String()}
		case <-deadline.C:
			_ = s.process.Signal(syscall.SIGQUIT)
			<-s.exited
			return &StartError{Cause: fmt.Errorf("not ready after %v", startPatience), Log: s.output.String()}
		case <-ticker.C:
		}
	}
}

// halt ends the supervisor and its server: a fast shutdown first, an immediate one when ctx ends. It reports whether the
// shutdown was clean.
func (c *Cluster) halt(ctx context.Context) bool {
	c.stopOnce.Do(func() { close(c.stopping) })
	defer func() { _ = os.RemoveAll(c.socketDir) }()
	c.signal(syscall.SIGINT)
	select {
	case <-c.ended:
		return true
	case <-ctx.Done():
	}
	c.signal(syscall.SIGQUIT)
	select {
	case <-c.ended:
	case <-time.After(time.Second):
		c.signal(syscall.SIGKILL)
		<-c.ended
	}
	return false
}

func (c *Cluster) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		_ = c.current.process.Signal(s)
	}
}

func (c *Cluster) isStopping() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - lastWords; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
