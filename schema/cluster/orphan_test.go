package cluster_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"nexus/schema/cluster"
)

// holderVariable makes the test binary start a cluster in the directory it names and wait to be killed.
const holderVariable = "NEXUS_TEST_CLUSTER_HOLDER"

func init() {
	dir := os.Getenv(holderVariable)
	if dir == "" {
		return
	}
	if _, err := cluster.Start(context.Background(), cluster.Config{Dir: dir, Database: "app", Fetch: noDownload}); err != nil {
		os.Exit(1)
	}
	_ = os.WriteFile(filepath.Join(dir, "holding"), nil, 0o600)
	select {}
}

// TestKilledHolder kills the process that manages a cluster, as kill -9 does, and starts another on the directory.
func TestKilledHolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	start(t, filepath.Join(t.TempDir(), "probe")) // skips where there is no PostgreSQL
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.CommandContext(t.Context(), self)
	holder.Env = append(os.Environ(), holderVariable+"="+dir)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { _, err := os.Stat(filepath.Join(dir, "holding")); return err == nil })
	orphan := postmaster(t, dir)
	if err := holder.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	c := start(t, dir)
	if now := postmaster(t, dir); now == orphan {
		t.Error("the orphan still serves")
	}
	if got := query(t, c.URL(), "select 'well'"); got != "well" {
		t.Error(got)
	}
}
