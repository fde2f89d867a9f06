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
	if !ok || !serves(pid, c.dataDir) {
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

// postmaster reads the process id of postmaster.pid.
func (c *Cluster) postmaster() (pid int, ok bool) {
	lines := c.pidFile()
	if len(lines) == 0 {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	return pid, err == nil && pid > 0
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
