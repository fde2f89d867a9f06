package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// downloadVersion is what Download fetches.
const downloadVersion = embedded.V17

// Download fetches PostgreSQL's programs with github.com/fergusstrange/embedded-postgres into dir, once. That library can
// only download as part of a start, so it starts a throw-away cluster; where that is refused (it does not change the user)
// the programs are there all the same.
func Download(ctx context.Context, dir string, progress func(string)) (string, error) {
	bin := filepath.Join(dir, "bin")
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs, to be run by another user
		return "", fmt.Errorf("download: %w", err)
	}
	scratch, err := os.MkdirTemp("", "nexus-download-*")
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	progress(fmt.Sprintf("downloading PostgreSQL %s to %s", downloadVersion, dir))
	var log bytes.Buffer
	throwAway := embedded.NewDatabase(embedded.DefaultConfig().Version(downloadVersion).Port(uint32(port)).
		BinariesPath(dir).CachePath(filepath.Join(scratch, "cache")).RuntimePath(filepath.Join(scratch, "run")).
		DataPath(filepath.Join(scratch, "data")).Logger(&log).StartTimeout(time.Minute))
	done := make(chan error, 1)
	go func() {
		err := throwAway.Start()
		if err == nil {
			err = throwAway.Stop()
		}
		done <- err
	}()
	err = waitShowing(ctx, done, progress)
	if _, statErr := os.Stat(filepath.Join(bin, "initdb")); statErr == nil {
		return bin, nil
	}
	if err == nil {
		err = os.ErrNotExist
	}
	return "", fmt.Errorf("download: %w", err)
}

// waitShowing waits for done and shows every few seconds that something still goes on.
func waitShowing(ctx context.Context, done <-chan error, progress func(string)) error {
	start := time.Now()
	ticker := time.NewTicker(3 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			progress(fmt.Sprintf("still downloading PostgreSQL (%.0f s)", time.Since(start).Seconds()))
		}
	}
}

// freePort asks the system for a free TCP port on the loopback address.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cluster: no free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
