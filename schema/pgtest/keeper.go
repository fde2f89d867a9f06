package pgtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"nexus/schema/cluster"
)

const (
	// keeperVariable makes a test binary a keeper; its value is the directory it works in.
	keeperVariable = "NEXUS_PGTEST_KEEPER"
	// linger is how long the server outlives its last user, so that the next test binary finds it running.
	linger       = 4 * time.Second
	pollInterval = 20 * time.Millisecond
)

// The files of the shared directory.
const (
	startFile = "start" // locked by whoever starts or stops the server
	usersFile = "users" // locked, shared, by every test binary
	stateFile = "state" // the keeper's answer
)

// state is what the keeper tells the test binaries.
type state struct {
	URL   string
	Error string
	// Missing is true when no PostgreSQL could be found.
	Missing bool
}

// A test binary becomes a keeper before any of its tests run.
func init() {
	if dir := os.Getenv(keeperVariable); dir != "" {
		if err := keep(dir); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

var server struct {
	once  sync.Once
	state state
	err   error
	// users is the lock that says that this process uses the server. Nothing ever closes it: the end of the process does.
	users *os.File
}

// adminURL returns the superuser's connection string, starting the server if need be.
func adminURL(t testing.TB) string {
	t.Helper()
	server.once.Do(func() { server.state, server.err = join() })
	switch {
	case server.err != nil:
		t.Fatalf("pgtest: %v", server.err)
	case server.state.Missing && os.Getenv("CI") != "true":
		t.Skipf("SKIPPED, no PostgreSQL: %s", server.state.Error)
	case server.state.Error != "":
		t.Fatalf("pgtest: %s", server.state.Error)
	}
	return server.state.URL
}

// join registers this process as a user of the server and makes sure that it runs.
func join() (state, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("nexus-pgtest-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return state{}, err
	}
	start, err := lockFile(dir, startFile, syscall.LOCK_EX)
	if err != nil {
		return state{}, err
	}
	defer start.Close()
	if server.users, err = lockFile(dir, usersFile, syscall.LOCK_SH); err != nil {
		return state{}, err
	}
	if s, ok := readState(dir); ok && s.answers() {
		return s, nil
	}
	_ = os.Remove(filepath.Join(dir, stateFile))
	return spawn(dir)
}

// answers reports whether the keeper that wrote the state is alive and its server answers.
func (s state) answers() bool {
	if s.URL == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return ping(ctx, s.URL) == nil
}

// spawn starts a keeper and waits for its answer.
func spawn(dir string) (state, error) {
	self, err := os.Executable()
	if err != nil {
		return state{}, err
	}
	keeper := exec.Command(self) //nolint:noctx // it outlives us
	keeper.Env = append(os.Environ(), keeperVariable+"="+dir)
	keeper.Dir = "/"
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := keeper.Start(); err != nil {
		return state{}, err
	}
	pid := keeper.Process.Pid
	if err := keeper.Process.Release(); err != nil { // nothing of ours may be left waiting for it
		return state{}, err
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		ended, _ := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if s, ok := readState(dir); ok {
			return s, nil
		}
		if ended == pid {
			return state{}, errors.New("the keeper ended without a word")
		}
		select {
		case <-deadline.C:
			return state{}, errors.New("the keeper did not start the server in time")
		case <-ticker.C:
		}
	}
}

// keep is the keeper's life: start the server, say so, wait until nobody uses it, stop it.
func keep(dir string) error {
	data, err := os.MkdirTemp(dir, "data-")
	if err != nil {
		return err
	}
	removeOthers(dir, data)
	defer os.RemoveAll(data)
	ctx := context.Background()
	c, err := cluster.Start(ctx, cluster.Config{Dir: data, Fetch: noDownload, Settings: map[string]string{
		// A test's data may be lost with the machine.
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
		"max_connections": "300", "shared_buffers": "128MB",
	}})
	if err != nil {
		var missing *cluster.BinariesError
		writeState(dir, state{Error: err.Error(), Missing: errors.As(err, &missing)})
		return err
	}
	writeState(dir, state{URL: c.URL()})
	start, err := waitUnused(dir)
	if err == nil {
		_ = os.Remove(filepath.Join(dir, stateFile))
		defer start.Close()
	}
	stopCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return errors.Join(err, c.Stop(stopCtx))
}

// waitUnused returns, holding the start lock, when no test binary is left.
func waitUnused(dir string) (start *os.File, err error) {
	for {
		users, err := lockFile(dir, usersFile, syscall.LOCK_EX)
		if err != nil {
			return nil, err
		}
		_ = users.Close()
		time.Sleep(linger)
		start, err := lockFile(dir, startFile, syscall.LOCK_EX)
		if err != nil {
			return nil, err
		}
		if users, err := lockFile(dir, usersFile, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			_ = users.Close()
			return start, nil
		}
		_ = start.Close()
	}
}

// removeOthers clears away what keepers that were killed have left.
func removeOthers(dir, mine string) {
	all, _ := filepath.Glob(filepath.Join(dir, "data-*"))
	for _, other := range all {
		if other != mine {
			_ = os.RemoveAll(other)
		}
	}
}

func noDownload(context.Context, string, func(string)) (string, error) {
	return "", errors.New("tests do not download")
}

func lockFile(dir, name string, how int) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func readState(dir string) (s state, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	return s, err == nil && json.Unmarshal(text, &s) == nil
}

// writeState replaces the file at once, so that nobody reads half of it.
func writeState(dir string, s state) {
	text, _ := json.Marshal(s)
	path := filepath.Join(dir, stateFile)
	if os.WriteFile(path+".new", text, 0o600) == nil {
		_ = os.Rename(path+".new", path)
	}
}
