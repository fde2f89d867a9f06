package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// downloadVersion is what Download fetches.
const downloadVersion = embedded.V17

// Download fetches PostgreSQL's programs with github.com/fergusstrange/embedded-postgres into dir, once.
func Download(ctx context.Context, dir string, progress func(string)) (string, error) {
	return download(ctx, embedded.DefaultConfig(), dir, progress)
}

// download puts the programs beside dir and moves them there when they are complete: an interrupted download must not be
// taken for one that is done.
func download(ctx context.Context, config embedded.Config, dir string, progress func(string)) (string, error) {
	bin := filepath.Join(dir, "bin")
	if isDir(bin) {
		return bin, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // programs, to be run by another user
		return "", fmt.Errorf("download: %w", err)
	}
	scratch, err := os.MkdirTemp(parent, ".download-*")
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	progress(fmt.Sprintf("downloading PostgreSQL %s to %s", downloadVersion, dir))
	programs := filepath.Join(scratch, "programs")
	if err := extract(ctx, config, scratch, programs, progress); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	if err := os.Rename(programs, dir); err != nil && !isDir(bin) { // another process may have been quicker
		return "", fmt.Errorf("download: %w", err)
	}
	return bin, nil
}

// extract fetches the programs into a directory. The library can only download as part of a start, so it starts a
// throw-away cluster. Where that is refused (to root, say) the programs are there all the same, but only if it got as far as
// making its runtime directory, which it does when they are complete.
func extract(ctx context.Context, config embedded.Config, scratch, programs string, progress func(string)) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	run := filepath.Join(scratch, "run")
	throwAway := embedded.NewDatabase(config.Version(downloadVersion).Port(uint32(port)).BinariesPath(programs).
		CachePath(filepath.Join(scratch, "cache")).RuntimePath(run).DataPath(filepath.Join(scratch, "data")).
		Logger(io.Discard).StartTimeout(time.Minute))
	done := make(chan error, 1)
	go func() {
		err := throwAway.Start()
		if err == nil {
			err = throwAway.Stop()
		}
		done <- err
	}()
	if err := waitShowing(ctx, done, progress); err != nil && (ctx.Err() != nil || !isDir(run)) {
		return err
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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
