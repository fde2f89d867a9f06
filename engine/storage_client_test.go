package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const folderPolicies = `
	insert into storage.buckets (id, name) values ('folders', 'folders');
	create policy own on storage.objects to authenticated
		using (bucket_id = 'folders' and (storage.foldername(name))[1] = (select auth.uid()::text))
		with check (bucket_id = 'folders' and (storage.foldername(name))[1] = (select auth.uid()::text))`

// TestStorageJS calls all of storage/v1 with the unmodified client, and resumes uploads with a client of TUS. It needs Node and the
// clients' packages.
func TestStorageJS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "testdata", "clients", "storage-js")
	node, err := exec.LookPath("node")
	if err != nil {
		missingTool(t, "node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missingTool(t, "run npm ci in "+dir)
	}
	r := serve(t, func(cfg *Config) { psql(t, cfg.DatabaseURL, folderPolicies) })
	keys, err := LoadKeys(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	user := func(subject string) string {
		token, err := MintToken(r.cfg, Token{Role: "authenticated", Subject: subject, TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NEXUS_URL="+r.info.URL, "NEXUS_ANON_KEY="+keys.AnonKey, "NEXUS_SERVICE_KEY="+keys.ServiceRoleKey,
		"NEXUS_ANN="+user("11111111-1111-1111-1111-111111111111"), "NEXUS_BOB="+user("22222222-2222-2222-2222-222222222222"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, r.log)
	}
	t.Logf("%s", out)
}
