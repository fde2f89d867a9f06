package deno_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexus/engine/functions/deno"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// binary is the Deno that npm ci puts beside the tests of clients.
func binary(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../../testdata/clients/deno/node_modules/@deno/linux-x64-glibc/deno")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		const why = "Deno is not installed: run npm ci in testdata/clients/deno"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip("SKIPPED: " + why)
	}
	return path
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rig is a runtime over a directory of its own, behind HTTP.
type rig struct {
	t    testing.TB
	dir  string
	url  string
	log  *safeBuffer
	deno *deno.Runtime
}

func newRig(t testing.TB, files map[string]string, change func(*deno.Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "functions"), log: &safeBuffer{}}
	for name, text := range files {
		r.write(name, text)
	}
	state, err := os.MkdirTemp("", "nx") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	cfg := deno.Config{
		Dir: r.dir, Binary: binary(t), CacheDir: filepath.Join(state, "c"), StateDir: filepath.Join(state, "s"),
		Env: map[string]string{"SUPABASE_URL": "http://nexus.test"}, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	if r.deno, err = deno.New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		r.deno.Serve(w, req, name)
	}))
	r.url = server.URL
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.deno.Close(ctx); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) call(method, path, body string, header map[string]string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+"/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not in time\n%s", what, r.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const echo = `
import { greeting } from "../_shared/greeting.ts";
Deno.serve({ port: 9999, onListen() {} }, async (req) => {
  const url = new URL(req.url);
  return Response.json({
    greeting, method: req.method, path: url.pathname, query: url.search, custom: req.headers.get("x-custom"), host: url.host,
    forwarded: req.headers.get("x-forwarded-for"), body: await req.text(),
    secret: Deno.env.get("MY_SECRET"), url: Deno.env.get("SUPABASE_URL"),
  }, { status: 201, headers: { "x-answer": "yes" } });
});`

func TestRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"echo/index.ts": echo, "_shared/greeting.ts": `export const greeting: string = "hello";`,
		".env":              "MY_SECRET=s3cret\nSUPABASE_URL=http://evil.test\n",
		"plain/index.ts":    `export default { fetch: (req: Request) => new Response("plain " + req.method) };`,
		"function/index.ts": `export default () => new Response("function");`,
		"object/index.ts":   `Deno.serve({ handler: () => new Response("object") });`,
		"mapped/index.ts":   `import { x } from "things"; Deno.serve(() => new Response(x));`,
		"mapped/deno.json":  `{"imports": {"things": "./lib/things.ts"}}`, "mapped/lib/things.ts": `export const x = "mapped";`,
		"off/index.ts": `Deno.serve(() => new Response("off"));`, "open/index.ts": `Deno.serve(() => new Response("open"));`,
		"config.toml": "[functions.off]\nenabled = false\n[functions.open]\nverify_jwt = false\n",
		"empty/x.ts":  "",
	}, nil)
	got := r.call("PUT", "echo/sub/path?a=1&b=%20", "a body", map[string]string{"X-Custom": "c"})
	var seen map[string]any
	if err := json.Unmarshal([]byte(got.body), &seen); err != nil {
		t.Fatalf("%v: %s\n%s", err, got.body, r.log)
	}
	want := map[string]any{
		"greeting": "hello", "method": "PUT", "path": "/echo/sub/path", "query": "?a=1&b=%20", "custom": "c", "body": "a body",
		"secret": "s3cret", "url": "http://nexus.test", "forwarded": "127.0.0.1", "host": strings.TrimPrefix(r.url, "http://"),
	}
	for name, value := range want {
		if seen[name] != value {
			t.Errorf("%s: %v, want %v", name, seen[name], value)
		}
	}
	if got.status != 201 || got.header.Get("X-Answer") != "yes" {
		t.Errorf("%d %v", got.status, got.header)
	}
	for name, want := range map[string]string{
		"plain": "plain GET", "function": "function", "object": "object", "mapped": "mapped", "open": "open",
	} {
		if got := r.call("GET", name, "", nil); got.status != 200 || got.body != want {
			t.Errorf("%s: %d %s\n%s", name, got.status, got.body, r.log)
		}
	}
	for _, name := range []string{"off", "_shared", "empty", "..", "nothing"} {
		if _, ok := r.deno.Lookup(name); ok {
			t.Errorf("%s is served", name)
		}
	}
	if f, ok := r.deno.Lookup("open"); !ok || f.VerifyJWT {
		t.Error("open asks for a token")
	}
	if f, ok := r.deno.Lookup("plain"); !ok || !f.VerifyJWT {
		t.Error("plain asks for no token")
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"stream/index.ts": `
		Deno.serve((req) => {
			const body = new ReadableStream({
				async start(c) {
					const encoder = new TextEncoder();
					c.enqueue(encoder.encode("data: first\n\n"));
					const more = await req.text();  // the second event waits for the end of the request
					c.enqueue(encoder.encode("data: " + more + "\n\n"));
					c.close();
				},
			});
			return new Response(body, { headers: { "content-type": "text/event-stream" } });
		});`}, nil)
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/stream", read)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, len("data: first\n\n"))
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: first\n\n" {
		t.Fatalf("%q %v", first, err)
	}
	if _, err := write.Write([]byte("second")); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	rest, err := io.ReadAll(res.Body)
	if err != nil || string(rest) != "data: second\n\n" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"throws/index.ts":  `Deno.serve(() => { throw new Error("my secret reason"); });`,
		"nothing/index.ts": `Deno.serve(() => undefined as unknown as Response);`,
		"syntax/index.ts":  `Deno.serve(() => {`,
		"none/index.ts":    `console.log("no handler");`,
		"own/index.ts":     `Deno.serve({ onError: () => new Response("own", { status: 418 }) }, () => { throw new Error("x"); });`,
		"exits/index.ts":   `Deno.serve((req) => { if (req.method === "POST") Deno.exit(3); return new Response("alive"); });`,
		"loops/index.ts":   `Deno.serve((req) => { if (req.method === "POST") for (;;); return new Response("alive"); });`,
		"eats/index.ts": `Deno.serve((req) => {
			const all: Uint8Array[] = [];
			if (req.method === "POST") for (;;) all.push(new Uint8Array(1 << 20).fill(1));
			return new Response("alive");
		});`,
		"hangs/index.ts": `Deno.serve((req) => req.method === "POST" ? new Promise(() => {}) : new Response("alive"));`,
		"reads/index.ts": `Deno.serve(async () => {
			const refused: string[] = [];
			const attempts: [string, () => unknown][] = [
				["file", () => Deno.readTextFile("/etc/passwd")], ["write", () => Deno.writeTextFile("/tmp/nexus-escape", "x")],
				["other", () => Deno.readTextFile(new URL("../throws/index.ts", import.meta.url))],
				["run", () => new Deno.Command("id").output()], ["env", () => Deno.env.get("PATH")], ["home", () => Deno.env.get("HOME")],
				["all", () => Deno.env.toObject()],
			];
			for (const [name, attempt] of attempts) {
				try { await attempt(); } catch { refused.push(name); }
			}
			const tmp = await Deno.makeTempFile();
			await Deno.writeTextFile(tmp, "own");
			refused.push(await Deno.readTextFile(tmp), await Deno.readTextFile(new URL("./index.ts", import.meta.url)) ? "bundle" : "");
			return Response.json(refused);
		});`,
	}, func(cfg *deno.Config) {
		cfg.BlockLimit, cfg.WallLimit, cfg.MemoryMB = 1500*time.Millisecond, 3*time.Second, 64
	})
	for name, want := range map[string]struct {
		status int
		body   string
		relay  string
	}{
		"throws": {500, "WORKER_ERROR", ""}, "nothing": {500, "WORKER_ERROR", ""}, "own": {418, "own", ""},
		"syntax": {503, "BOOT_ERROR", "true"}, "none": {503, "BOOT_ERROR", "true"},
		"exits": {500, "WORKER_ERROR", "true"}, "loops": {546, "WORKER_LIMIT", "true"}, "eats": {546, "WORKER_LIMIT", "true"},
		"hangs": {504, "WORKER_TIMEOUT", "true"},
		"reads": {200, `["file","write","other","run","env","home","all","own","bundle"]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.call("POST", name, "", nil)
			if got.status != want.status || !strings.Contains(got.body, want.body) || got.header.Get("X-Relay-Error") != want.relay {
				t.Errorf("%d %s %v\n%s", got.status, got.body, got.header, r.log)
			}
			if strings.Contains(got.body, "my secret reason") {
				t.Error("the reason is told to the client")
			}
			switch name {
			case "exits", "loops", "eats", "hangs":
				if got := r.call("GET", name, "", nil); got.status != 200 || got.body != "alive" {
					t.Errorf("afterwards: %d %s\n%s", got.status, got.body, r.log)
				}
			}
		})
	}
	t.Run("meanwhile others answer", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			if got := r.call("GET", "own", "", nil); got.status != 418 {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
	})
}

func TestReload(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"f/index.ts": `Deno.serve(async (req) => { await req.text(); return new Response("one"); });`}, nil)
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/f", read)
	if err != nil {
		t.Fatal(err)
	}
	slow := make(chan string, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			slow <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(res.Body)
		slow <- string(text)
	}()
	if _, err := write.Write([]byte("begun")); err != nil {
		t.Fatal(err)
	}
	if got := r.call("GET", "f", "", nil); got.body != "one" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	r.write("f/index.ts", `Deno.serve(() => new Response("two"));`)
	r.until("the change counts", func() bool { return r.call("GET", "f", "", nil).body == "two" })
	_ = write.Close()
	if got := <-slow; got != "one" {
		t.Errorf("what had begun ended as %q", got)
	}
	r.write("g/index.ts", `Deno.serve(() => new Response("new"));`)
	r.until("the new one is served", func() bool { return r.call("GET", "g", "", nil).body == "new" })
	if err := os.RemoveAll(filepath.Join(r.dir, "f")); err != nil {
		t.Fatal(err)
	}
	r.until("the old one is gone", func() bool { return r.call("GET", "f", "", nil).status == 404 })
}

// What a function does after its answer is done, also when its process is to end.
func TestWaitUntil(t *testing.T) {
	t.Parallel()
	done := make(chan string, 2)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { done <- req.URL.Path }))
	t.Cleanup(listener.Close)
	r := newRig(t, map[string]string{"f/index.ts": `
		addEventListener("beforeunload", (e) => { EdgeRuntime.waitUntil(fetch(Deno.env.get("TARGET") + "/" + (e as CustomEvent).detail.reason)); });
		Deno.serve(() => {
			EdgeRuntime.waitUntil(new Promise((ok) => setTimeout(ok, 300)).then(() => fetch(Deno.env.get("TARGET") + "/done")));
			return new Response("answered");
		});`, ".env": "TARGET=" + listener.URL}, nil)
	if got := r.call("GET", "f", "", nil); got.body != "answered" {
		t.Fatalf("%d %s\n%s", got.status, got.body, r.log)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if err := r.deno.Close(ctx); err != nil {
		t.Error(err)
	}
	got := map[string]bool{<-done: true, <-done: true}
	if !got["/done"] || !got["/termination"] {
		t.Errorf("%v", got)
	}
}

func TestWithoutDeno(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"f/index.ts": `Deno.serve(() => new Response("x"));`}, func(cfg *deno.Config) {
		cfg.Binary = filepath.Join(t.TempDir(), "deno")
	})
	for range 2 {
		if got := r.call("GET", "f", "", nil); got.status != 503 || !strings.Contains(got.body, "npm install -g deno") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if n := strings.Count(r.log.String(), "Deno is not installed"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// Modules of registries are fetched by the server, and not by the function.
func TestModules(t *testing.T) {
	t.Parallel()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("SKIPPED: npm is not installed")
	}
	registry, err := exec.Command(npm, "config", "get", "registry").Output()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, map[string]string{
		"f/index.ts": `
			import isOdd from "npm:is-odd@3.0.1";
			Deno.serve(() => Response.json([isOdd(3), isOdd(4)]));`,
		"g/index.ts": `Deno.serve(async () => {
			try { await import("npm:" + "is-number@7.0.0"); return new Response("fetched"); } catch { return new Response("refused"); }
		});`,
		"f/.npmrc": "registry=" + string(registry),
	}, nil)
	if got := r.call("GET", "f", "", nil); got.status != 200 || got.body != "[true,false]" {
		t.Errorf("%d %s\n%s", got.status, got.body, r.log)
	}
	if got := r.call("GET", "g", "", nil); got.body != "refused" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// npm puts a script of Node's into PATH; the program is beside it, or in a package of its own.
func TestDenoOfNPM(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"deno/deno", "@deno/linux-x64-glibc/deno", "deno/node_modules/@deno/linux-x64-glibc/deno"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			modules := t.TempDir()
			for _, path := range []string{filepath.Join(modules, "deno"), filepath.Dir(filepath.Join(modules, place))} {
				if err := os.MkdirAll(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			script := filepath.Join(modules, "deno", "bin.cjs")
			if err := os.WriteFile(script, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(binary(t), filepath.Join(modules, place)); err != nil {
				t.Fatal(err)
			}
			r := newRig(t, map[string]string{"f/index.ts": `Deno.serve(() => new Response("x"));`}, func(cfg *deno.Config) { cfg.Binary = script })
			if got := r.call("GET", "f", "", nil); got.status != 200 {
				t.Errorf("%d %s\n%s", got.status, got.body, r.log)
			}
		})
	}
}

func TestManyCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"f/index.ts": `
		let n = 0;
		Deno.serve(async (req) => { n++; return new Response(await req.text() + " " + Deno.pid); });`}, nil)
	var all sync.WaitGroup
	processes := sync.Map{}
	for i := range 50 {
		all.Go(func() {
			got := r.call("POST", "f", fmt.Sprint("n", i), nil)
			text, process, _ := strings.Cut(got.body, " ")
			if got.status != 200 || text != fmt.Sprint("n", i) {
				t.Errorf("%d %s", got.status, got.body)
			}
			processes.Store(process, true)
		})
	}
	all.Wait()
	n := 0
	processes.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d processes answered", n)
	}
}

// BenchmarkWarm is what a call costs from here to the function and back.
func BenchmarkWarm(b *testing.B) {
	r := newRig(b, map[string]string{"f/index.ts": `Deno.serve(() => new Response("x"));`}, nil)
	r.call("GET", "f", "", nil)
	for b.Loop() {
		if got := r.call("GET", "f", "", nil); got.status != 200 {
			b.Fatal(got)
		}
	}
}

// BenchmarkCold is the first call of a function.
func BenchmarkCold(b *testing.B) {
	r := newRig(b, nil, nil)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		name := fmt.Sprintf("f%d", i)
		r.write(name+"/index.ts", `Deno.serve(() => new Response("x"));`)
		r.until("the files are seen", func() bool { _, ok := r.deno.Lookup(name); return ok })
		b.StartTimer()
		if got := r.call("GET", name, "", nil); got.status != 200 {
			b.Fatalf("%v\n%s", got, r.log)
		}
	}
}
