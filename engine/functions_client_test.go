package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// denoBinary is the one that the tests of clients have (npm ci in testdata/clients/deno).
func denoBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join("..", "testdata", "clients", "deno", "node_modules", "@deno", "linux-x64-glibc", "deno")
	if _, err := os.Stat(path); err != nil {
		missingTool(t, "run npm ci in testdata/clients/deno")
	}
	return path
}

// TestFunctionsJS calls functions of all three kinds with the unmodified client, by WebSocket and from a page in a browser. It needs
// Node, the client's packages, Deno, and Chromium.
func TestFunctionsJS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "testdata", "clients", "functions-js")
	node, err := exec.LookPath("node")
	if err != nil {
		missingTool(t, "node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missingTool(t, "run npm ci in "+dir)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed")
	}
	r := withApp(t, func(cfg *Config) {
		cfg.FunctionsDir, cfg.DenoBinary = filepath.Join("..", "testdata", "functions"), denoBinary(t)
	})
	psql(t, r.cfg.DatabaseURL, sqlFunctions)
	r.until("the functions are served", func() bool { return r.call("GET", "/functions/v1/add?a=1&b=2", nil, nil).status == 200 })
	keys, err := LoadKeys(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NEXUS_URL="+r.info.URL, "NEXUS_ANON_KEY="+keys.AnonKey,
		"NEXUS_TOKEN="+r.signUp("ann@example.com").access, "CHROMIUM="+chromium)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, r.log)
	}
	t.Logf("%s", out)
}
