package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Superuser is the role that owns the cluster.
const Superuser = "postgres"

// settingsFile holds our settings; postgresql.conf includes it, and what a DBA sets with ALTER SYSTEM overrides it.
const settingsFile = "nexus.conf"

// initialize makes the cluster if there is none yet. It is made beside its place and moved there when it is complete, so what
// is in its place is never half-made, and never removed.
func (c *Cluster) initialize(ctx context.Context) error {
	if majorOf(c.dataDir) != 0 {
		return nil
	}
	// Removing fails unless the directory is empty.
	if err := os.Remove(c.dataDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &DirError{
			Dir: c.dataDir, Problem: "is in the way and is no PostgreSQL data directory (it has no PG_VERSION)",
			Remedy: "move it elsewhere or choose another directory",
		}
	}
	c.progress("making a new database cluster in " + c.dataDir)
	made := c.dataDir + ".new"
	if err := os.RemoveAll(made); err != nil { // what an interrupted attempt has left
		return fmt.Errorf("cluster: %w", err)
	}
	if err := c.owner.own(made); err != nil {
		return err
	}
	if err := c.initdb(ctx, made); err != nil {
		return err
	}
	if err := include(made); err != nil {
		return err
	}
	if err := os.Rename(made, c.dataDir); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return syncDir(c.cfg.Dir)
}

// charTypes are the locales that know the letters of all languages, by the names that systems have for them. The last one
// knows those of ASCII and is everywhere. Text is ordered by its bytes regardless: that is fast, and an index stays valid
// when the system's locales change.
var charTypes = []string{"C.UTF-8", "UTF-8", "C"}

// initdb makes a cluster in an empty directory.
func (c *Cluster) initdb(ctx context.Context, made string) (err error) {
	for _, charType := range charTypes {
		err = c.initdbWith(ctx, made, charType)
		var failed *StartError
		if !errors.As(err, &failed) || !strings.Contains(failed.Log, "invalid locale name") {
			return err
		}
	}
	return err
}

func (c *Cluster) initdbWith(ctx context.Context, made, charType string) error {
	passwordFile, err := c.passwordFile()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(passwordFile) }()
	dir, err := os.Open(made)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer func() { _ = dir.Close() }()
	// The thread must not end before the child, which would take that for our death.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.bin.path("initdb"))
	cmd.Args = append(cmd.Args, "--pgdata", c.owner.attach(cmd, made, dir), "--username", Superuser,
		"--pwfile", passwordFile, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--lc-ctype", charType,
		"--data-checksums", "--no-instructions")
	cmd.Env = childEnvironment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return &StartError{Cause: fmt.Errorf("initdb: %w", err), Log: strings.TrimSpace(string(out))}
	}
	return nil
}

// majorOf is the version of the PostgreSQL that made the data directory, 0 if there is none.
func majorOf(dataDir string) int {
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return major
}

// syncDir makes renames in a directory durable.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// include makes postgresql.conf read our settings.
func include(dataDir string) error {
	conf, err := os.OpenFile(filepath.Join(dataDir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	_, err = conf.WriteString("\ninclude_if_exists = '" + settingsFile + "'\n")
	if err = errors.Join(err, conf.Close()); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// writeSettings writes what suits the machine. random_page_cost is that of an SSD: with the default, the planner prefers
// filtering over the index that a policy needs.
func (c *Cluster) writeSettings() error {
	memory := memoryBytes()
	if memory == 0 {
		memory = 4 << 30
	}
	const mib = 1 << 20
	lines := []string{
		"# Written by nexus at every start. Change settings with ALTER SYSTEM instead.",
		"shared_buffers = '" + strconv.FormatUint(min(memory/8, 1<<30)/mib, 10) + "MB'",
		"effective_cache_size = '" + strconv.FormatUint(memory/2/mib, 10) + "MB'",
		"maintenance_work_mem = '" + strconv.FormatUint(min(memory/32, 256*mib)/mib, 10) + "MB'",
		"work_mem = '8MB'",
		"max_connections = 100",
		"random_page_cost = 1.1",
		"jit = off",
		"timezone = 'UTC'",
		"log_timezone = 'UTC'",
		"logging_collector = on",
		"log_directory = 'log'",
		"log_filename = 'postgresql-%a.log'",
		"log_truncate_on_rotation = on",
		"log_rotation_age = '1d'",
		"password_encryption = 'scram-sha-256'",
	}
	for _, name := range sortedNames(c.cfg.Settings) {
		lines = append(lines, name+" = '"+strings.ReplaceAll(c.cfg.Settings[name], "'", "''")+"'")
	}
	path := filepath.Join(c.dataDir, settingsFile)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if c.owner.drop {
		if err := os.Chown(path, c.owner.uid, c.owner.gid); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	return nil
}

// childEnvironment keeps what would bend PostgreSQL's programs (PGDATA, PGPORT …) away from them.
func childEnvironment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
