package rest_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPostgrestJS drives the handler with the unmodified JavaScript client. It needs Node and the client's packages
// (npm ci in testdata/clients/postgrest-js).
func TestPostgrestJS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "testdata", "clients", "postgrest-js")
	node, err := exec.LookPath("node")
	if err != nil {
		missingTool(t, "node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missingTool(t, "run npm ci in "+dir)
	}
	server := httptest.NewServer(shopServer(t, commits))
	t.Cleanup(server.Close)
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"NEXUS_REST_URL="+server.URL,
		"NEXUS_TOKEN_ORG1="+token(t, "authenticated", map[string]any{"organization_id": 1}),
		"NEXUS_TOKEN_ORG2="+token(t, "authenticated", map[string]any{"organization_id": 2}),
		"NEXUS_TOKEN_SERVICE="+token(t, "service_role", nil))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// missingTool skips loudly on a developer's machine and fails where everything must be installed.
func missingTool(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
