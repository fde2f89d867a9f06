package deno

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// worker is the process of one version of a function.
type worker struct {
	r        *Runtime
	f        Function
	version  string
	checked  time.Time
	dir      string
	socket   string
	pingPath string
	proxy    *httputil.ReverseProxy
	client   *http.Transport

	// started is closed when the process listens, or failed says why it does not; ended when it is gone.
	started chan struct{}
	ended   chan struct{}
	failed  error

	mu       sync.Mutex
	process  *os.Process
	inFlight int
	last     time.Time
	retired  bool
	// killed is why we ended the process, empty if it ended by itself.
	killed string
	// change wakes the one who watches over the process.
	change chan struct{}
}

// errEnded means that a process was gone before it answered.
var errEnded = errors.New("the function's process ended")

// errExited means that it did without saying why.
var errExited = errors.New("it exited by itself")

func newWorker(r *Runtime, f Function, version string) *worker {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	dir := filepath.Join(r.cfg.StateDir, f.Name+"-"+hex.EncodeToString(id[:]))
	w := &worker{
		r: r, f: f, version: version, checked: time.Now(), dir: dir, socket: filepath.Join(dir, "s"),
		pingPath: "/" + hex.EncodeToString(id[:]), started: make(chan struct{}), ended: make(chan struct{}), last: time.Now(),
		change: make(chan struct{}, 1),
	}
	w.client = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", w.socket)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: r.cfg.WallLimit,
	}
	w.proxy = &httputil.ReverseProxy{
		Transport: w.client, FlushInterval: -1, Rewrite: rewrite, ErrorHandler: w.broken, ErrorLog: log.New(io.Discard, "", 0),
		BufferPool: &buffers{},
	}
	return w
}

// rewrite leaves the request as it came, but for the headers of proxies.
func rewrite(p *httputil.ProxyRequest) {
	p.SetURL(&url.URL{Scheme: "http", Host: "function"})
	p.Out.Host = p.In.Host
	p.SetXForwarded()
	if _, port, err := net.SplitHostPort(p.In.Host); err == nil {
		p.Out.Header.Set("X-Forwarded-Port", port)
	}
}

// buffers lends copying its memory.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// enter counts a call, before it is known whether the process starts.
func (w *worker) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight++
	w.wake()
}

func (w *worker) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	w.last = time.Now()
	w.wake()
}

func (w *worker) wake() {
	select {
	case w.change <- struct{}{}:
	default:
	}
}

// over reports whether the process takes no more calls.
func (w *worker) over() bool {
	select {
	case <-w.ended:
		return true
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.retired
}

// retire lets the process end when its calls have.
func (w *worker) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retired = true
	w.wake()
}

// kill ends the process at once; the first reason counts.
func (w *worker) kill(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.killed == "" {
		w.killed = why
	}
	if w.process != nil {
		_ = syscall.Kill(-w.process.Pid, syscall.SIGKILL)
	}
}

// ready waits until the process takes calls. The call counts as ended if it does not.
func (w *worker) ready(ctx context.Context) error {
	select {
	case <-w.started:
		return nil
	case <-w.ended:
		w.leave()
		select {
		case <-w.started:
			return errEnded
		default:
			return w.failed
		}
	case <-ctx.Done():
		w.leave()
		return ctx.Err()
	}
}

// unreached is a request's context value: set to true if the function never got the request.
type unreached struct{}

// serve passes a request to the function. It reports whether the function never got it, so that another process can.
func (w *worker) serve(out http.ResponseWriter, req *http.Request) (again bool) {
	defer w.leave()
	if req.ContentLength < 0 {
		// Of a stream the answer may begin before the end.
		_ = http.NewResponseController(out).EnableFullDuplex()
	}
	w.proxy.ServeHTTP(out, req.WithContext(context.WithValue(req.Context(), unreached{}, &again)))
	return again
}

// endPatience is how long a call that failed waits for its process to be gone, so that the next one finds another.
const endPatience = 2 * time.Second

// broken answers for a function that did not.
func (w *worker) broken(out http.ResponseWriter, req *http.Request, err error) {
	if req.Context().Err() != nil && errors.Is(context.Cause(req.Context()), context.Canceled) {
		return // nobody listens
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		select {
		case <-w.ended:
		case <-time.After(endPatience):
		}
	}
	var dial *net.OpError
	if again, ok := req.Context().Value(unreached{}).(*bool); ok && errors.As(err, &dial) && dial.Op == "dial" {
		*again = true
		return
	}
	w.mu.Lock()
	killed := w.killed
	w.mu.Unlock()
	switch {
	case killed != "":
		fail(out, 546, "WORKER_LIMIT", "The function was ended: "+killed)
	case errors.As(err, &timeout) && timeout.Timeout():
		fail(out, http.StatusGatewayTimeout, "WORKER_TIMEOUT", fmt.Sprintf("The function did not answer within %s", w.r.cfg.WallLimit))
	default:
		fail(out, http.StatusInternalServerError, "WORKER_ERROR", "The function's process ended before it answered; its log says why")
	}
}

// run starts the process and watches over it until it is gone.
func (w *worker) run() {
	// The process dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.ended)
	defer func() { _ = os.RemoveAll(w.dir) }()
	defer w.client.CloseIdleConnections()
	cmd, output, err := w.launch()
	if err != nil {
		w.failed = err
		return
	}
	exited := make(chan struct{})
	var exit error
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		w.log(output)
	}()
	go func() {
		<-logged
		exit = cmd.Wait()
		close(exited)
	}()
	booted := make(chan error, 1)
	bootCtx, stopBoot := context.WithTimeout(context.Background(), w.r.cfg.BootLimit)
	defer stopBoot()
	go func() { booted <- w.awaitSocket(bootCtx) }() // ends with bootCtx
	select {
	case <-exited:
		stopBoot()
		w.failed = fmt.Errorf("%w as it started: %w", errEnded, cmp.Or(exit, errExited))
		return
	case err = <-booted:
		if err != nil {
			w.kill("it took too long to start")
			<-exited
			w.failed = fmt.Errorf("did not start within %s", w.r.cfg.BootLimit)
			return
		}
	}
	close(w.started)
	w.watch(exited)
}

// launch prepares the modules and starts Deno.
func (w *worker) launch() (*exec.Cmd, io.Reader, error) {
	if err := os.MkdirAll(filepath.Join(w.dir, "tmp"), 0o700); err != nil {
		return nil, nil, err
	}
	env, err := w.r.cfg.environment()
	if err != nil {
		return nil, nil, err
	}
	if err := w.r.fetchModules(w.f, w.version); err != nil {
		return nil, nil, err
	}
	env["SB_EXECUTION_ID"] = w.pingPath[1:]
	env["DENO_DEPLOYMENT_ID"] = w.f.Name
	env["TMPDIR"] = filepath.Join(w.dir, "tmp")
	names := slices.Sorted(maps.Keys(env))
	args := []string{
		"run", "--no-prompt", "--cached-only", "--no-lock", "--quiet", "--node-modules-dir=none",
		"--allow-net", "--allow-import", "--allow-env=" + strings.Join(names, ","),
		"--allow-read=" + strings.Join([]string{
			w.f.dir, filepath.Dir(w.f.entry), filepath.Join(w.r.cfg.Dir, "_shared"), filepath.Join(w.r.cfg.CacheDir, "npm"), w.dir,
		}, ","),
		"--allow-write=" + w.dir, "--allow-sys=osRelease,cpus,hostname",
		fmt.Sprintf("--v8-flags=--max-old-space-size=%d", w.r.cfg.MemoryMB),
	}
	args = append(append(args, w.r.configArgs(w.f)...), w.r.script, (&url.URL{Scheme: "file", Path: w.f.entry}).String(), w.socket,
		w.pingPath, fmt.Sprint(drainLimit.Seconds()))
	cmd := exec.Command(w.r.binary, args...) //nolint:noctx // it outlives the request that starts it; run ends it
	cmd.Dir = w.f.dir
	cmd.Env = []string{"DENO_DIR=" + w.r.cfg.CacheDir, "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1"}
	for _, name := range names {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.SysProcAttr = processAttributes()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return nil, nil, err
	}
	w.mu.Lock()
	w.process = cmd.Process
	w.mu.Unlock()
	return cmd, read, nil
}

// maxLine is the longest line of a function's log, in bytes.
const maxLine = 16 << 10

// log passes on what a function prints.
func (w *worker) log(output io.Reader) {
	if closer, ok := output.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	lines := bufio.NewReaderSize(output, maxLine)
	for {
		line, _, err := lines.ReadLine()
		if text := strings.TrimSpace(string(line)); text != "" {
			w.r.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "function log", slog.String("function", w.f.Name), slog.String("line", text))
		}
		if err != nil {
			return
		}
	}
}

// awaitSocket returns when the function listens.
func (w *worker) awaitSocket(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := net.Dial("unix", w.socket) //nolint:noctx // it answers at once or not at all
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const watchPeriod = 500 * time.Millisecond

// watch ends the process when it is not needed any more, or takes more than it may.
func (w *worker) watch(exited <-chan struct{}) {
	ticker := time.NewTicker(watchPeriod)
	defer ticker.Stop()
	var answered atomic.Int64 // when the event loop last did, 0 if it was not asked
	for {
		tick := false
		select {
		case <-exited:
			return
		case <-w.change:
		case <-ticker.C:
			tick = true
		}
		w.mu.Lock()
		busy, idle, retired := w.inFlight > 0, time.Since(w.last), w.retired
		w.mu.Unlock()
		switch {
		case !busy && (retired || idle > w.r.cfg.IdleTimeout):
			w.retire() // nobody gets it from now on
			w.end(exited)
			return
		case !busy:
			answered.Store(0)
		case tick:
			w.check(&answered)
		}
	}
}

// check ends the process if it takes too much memory, or keeps its event loop to itself.
func (w *worker) check(answered *atomic.Int64) {
	if residentMB(w.process.Pid) > w.r.cfg.MemoryMB+overheadMB {
		w.kill(fmt.Sprintf("it takes more than %d MiB of memory", w.r.cfg.MemoryMB))
		return
	}
	last := answered.Load()
	if last == 0 {
		answered.CompareAndSwap(0, time.Now().UnixNano())
	} else if time.Since(time.Unix(0, last)) > w.r.cfg.BlockLimit {
		w.kill(fmt.Sprintf("it was busy for more than %s without a pause", w.r.cfg.BlockLimit))
		return
	}
	go w.ping(answered)
}

// overheadMB is what Deno takes beside a function, in MiB.
const overheadMB = 160

// ping notes when the event loop of the function answers.
func (w *worker) ping(answered *atomic.Int64) {
	ctx, cancel := context.WithTimeout(context.Background(), w.r.cfg.BlockLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://function"+w.pingPath, nil)
	if err != nil {
		return
	}
	res, err := w.client.RoundTrip(req)
	if err != nil {
		return
	}
	_ = res.Body.Close()
	answered.Store(time.Now().UnixNano())
}

// end asks the process to end, and makes it.
func (w *worker) end(exited <-chan struct{}) {
	_ = w.process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(drainLimit + time.Second):
		w.kill("it did not end")
		<-exited
	}
}
