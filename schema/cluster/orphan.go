package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// orphanPatience is how long an orphan may take to shut down before it is made to.
	orphanPatience = 5 * time.Second
	pollInterval   = 10 * time.Millisecond
)

// stopOrphan ends a server that a process which died has left running on the data directory.
func (c *Cluster) stopOrphan(ctx context.Context) {
	pid, ok := c.postmaster()
	if !ok || pid < 0 || !serves(pid, c.dataDir) {
		return // a stale file is PostgreSQL's to remove
	}
	c.log.WarnContext(ctx, "stopping a PostgreSQL that an earlier process left running", "pid", pid)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = syscall.Kill(pid, signal)
		if waitUntil(ctx, orphanPatience, func() bool { return !serves(pid, c.dataDir) }) {
			return
		}
	}
}

// endRemnants ends what a postmaster that was killed has left: a session that is busy does not notice, and no new server
// can start while it lives. An immediate shutdown is what the postmaster itself would have told it after a crash.
func (c *Cluster) endRemnants(ctx context.Context) {
	if pid, ok := c.postmaster(); ok && serves(max(pid, -pid), c.dataDir) {
		return // they have a master, which starting will complain about
	}
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		remnants := serversIn(c.dataDir)
		if len(remnants) == 0 {
			return
		}
		c.log.WarnContext(ctx, "ending processes that a killed PostgreSQL has left", "pids", remnants)
		for _, pid := range remnants {
			_ = syscall.Kill(pid, signal)
		}
		waitUntil(ctx, time.Second, func() bool { return len(serversIn(c.dataDir)) == 0 })
	}
}

// postmaster reads the process id of postmaster.pid; it is negative for PostgreSQL's single-user mode (miscinit.c).
func (c *Cluster) postmaster() (pid int, ok bool) {
	lines := c.pidFile()
	if len(lines) == 0 {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	return pid, err == nil && pid != 0
}

func (c *Cluster) pidFile() []string {
	text, err := os.ReadFile(filepath.Join(c.dataDir, "postmaster.pid"))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// waitUntil polls another process's doings, of which there is no other sign, until condition holds.
func waitUntil(ctx context.Context, limit time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if condition() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-deadline.C:
			return condition()
		case <-ticker.C:
		}
	}
}
