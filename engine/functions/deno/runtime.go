package deno

import (
	"context"
	_ "embed" // the bootstrap script
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed bootstrap.js
var bootstrap []byte

const (
	// freshness is how long what is known of the files may be old.
	freshness = 200 * time.Millisecond
	// drainLimit is what a process gets to end what it does in the background.
	drainLimit = 10 * time.Second
)

// Runtime serves the functions of a directory. It is safe for concurrent use.
type Runtime struct {
	cfg    Config
	binary string
	script string
	missed sync.Once

	mu      sync.Mutex
	found   map[string]Function
	scanned time.Time
	workers map[string]*worker
	closed  bool
	ends    sync.WaitGroup
}

// New prepares a runtime; it starts no function. Without Deno it answers all calls with 503 and the remedy. It fails if a directory
// cannot be made.
func New(cfg Config) (*Runtime, error) {
	cfg.setDefaults()
	for _, path := range []*string{&cfg.Dir, &cfg.CacheDir, &cfg.StateDir} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	for _, dir := range []string{cfg.CacheDir, cfg.StateDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("functions in TypeScript: %w", err)
		}
	}
	r := &Runtime{cfg: cfg, script: filepath.Join(cfg.StateDir, "bootstrap.js"), workers: make(map[string]*worker)}
	if err := os.WriteFile(r.script, bootstrap, 0o600); err != nil {
		return nil, fmt.Errorf("functions in TypeScript: %w", err)
	}
	r.binary, _ = findDeno(cfg.Binary) // without it, calls say what is missing
	return r, nil
}

// Lookup finds a function; files that were added or removed count at once, or after a fifth of a second.
func (r *Runtime) Lookup(name string) (Function, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.scanned) > freshness {
		found, err := scan(r.cfg.Dir)
		if err != nil {
			r.cfg.Logger.Error("the directory of functions cannot be read", "error", err)
		} else {
			r.found = found
		}
		r.scanned = now
	}
	f, ok := r.found[name]
	return f, ok
}

// List returns the functions by name.
func (r *Runtime) List() []Function {
	r.Lookup("")
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Function, 0, len(r.found))
	for _, f := range r.found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Serve answers a request whose path is /<name>/…, as the function is to see it.
func (r *Runtime) Serve(w http.ResponseWriter, req *http.Request, name string) {
	f, ok := r.Lookup(name)
	if !ok {
		fail(w, http.StatusNotFound, "NOT_FOUND", "Requested function was not found")
		return
	}
	if r.binary == "" {
		r.missed.Do(func() { r.cfg.Logger.Error("functions in TypeScript are not served", "error", ErrNoDeno) })
		fail(w, http.StatusServiceUnavailable, "BOOT_ERROR", ErrNoDeno.Error())
		return
	}
	for range attempts {
		wk, err := r.worker(f)
		if err == nil {
			err = wk.ready(req.Context())
		}
		if err != nil {
			if req.Context().Err() != nil {
				return
			}
			r.cfg.Logger.ErrorContext(req.Context(), "a function did not start", "function", name, "error", err)
			break
		}
		if !wk.serve(w, req) {
			return
		}
	}
	fail(w, http.StatusServiceUnavailable, "BOOT_ERROR", "The function did not start; its log says why")
}

// attempts bounds how often a call is tried whose process was gone before it got the request.
const attempts = 3

// fail answers for the platform.
func fail(w http.ResponseWriter, status int, code, message string) {
	body, _ := json.Marshal(map[string]string{"code": code, "message": message}) // strings always have a JSON form
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Relay-Error", "true")
	w.Header().Set("Sb-Error-Code", code)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

var errClosed = errors.New("the server is stopping")

// worker returns the process of a function as its files are now, and counts the call that it is for.
func (r *Runtime) worker(f Function) (*worker, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	old := r.workers[f.Name]
	if old != nil && !old.over() && time.Since(old.checked) < freshness {
		old.enter()
		return old, nil
	}
	version, err := r.version(f)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if !old.over() && old.version == version {
			old.checked = time.Now()
			old.enter()
			return old, nil
		}
		old.retire()
	}
	wk := newWorker(r, f, version)
	r.workers[f.Name] = wk
	wk.enter()
	r.ends.Go(wk.run)
	return wk, nil
}

// version tells whether anything that a function is made of has changed.
func (r *Runtime) version(f Function) (string, error) {
	var out strings.Builder
	for _, path := range []string{f.dir, filepath.Join(r.cfg.Dir, "_shared"), f.entry, f.imports, r.cfg.EnvFile} {
		if path == "" {
			continue
		}
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			info, err := d.Info()
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // a file that goes while we look is another version soon
			}
			fmt.Fprintf(&out, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// Close ends all processes: what they have begun until ctx is over, and then at once.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	workers := make([]*worker, 0, len(r.workers))
	for _, wk := range r.workers {
		workers = append(workers, wk)
	}
	r.mu.Unlock()
	for _, wk := range workers {
		wk.retire()
	}
	ended := make(chan struct{})
	go func() {
		r.ends.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	for _, wk := range workers {
		wk.kill("the server is stopping")
	}
	<-ended
	return nil
}
