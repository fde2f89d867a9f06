package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Superuser is the role that owns the cluster.
const Superuser = "postgres"

// settingsFile holds our settings; postgresql.conf includes it, and what a DBA sets with ALTER SYSTEM overrides it.
const settingsFile = "nexus.conf"

// initialize makes the cluster if the data directory holds none. A half-made one, left by a crash, is made anew.
func (c *Cluster) initialize(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.dataDir, "PG_VERSION")); err == nil {
		if _, err := os.Stat(filepath.Join(c.dataDir, settingsFile)); err == nil {
			return nil
		}
	}
	if err := os.RemoveAll(c.dataDir); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if err := c.owner.own(c.dataDir); err != nil {
		return err
	}
	c.progress("making a new database cluster in " + c.dataDir)
	passwordFile, err := c.passwordFile()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(passwordFile) }()
	dir, err := os.Open(c.dataDir)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer func() { _ = dir.Close() }()
	cmd := exec.CommandContext(ctx, c.bin.path("initdb"))
	cmd.Args = append(cmd.Args, "--pgdata", c.owner.attach(cmd, c.dataDir, dir), "--username", Superuser,
		"--pwfile", passwordFile, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--data-checksums",
		"--no-instructions")
	cmd.Env = childEnvironment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return &StartError{Cause: fmt.Errorf("initdb: %w", err), Log: strings.TrimSpace(string(out))}
	}
	return c.include()
}

// include makes postgresql.conf read our settings. Writing settingsFile is the last step, so that its presence says that
// the cluster is complete.
func (c *Cluster) include() error {
	conf, err := os.OpenFile(filepath.Join(c.dataDir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	_, err = conf.WriteString("\ninclude_if_exists = '" + settingsFile + "'\n")
	if err = errors.Join(err, conf.Close()); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return c.writeSettings()
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

// readPassword returns the superuser's password, making it on first use.
func readPassword(dir string) (string, error) {
	path := filepath.Join(dir, "superuser.password")
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cluster: %w", err)
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	password := hex.EncodeToString(random[:])
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	return password, nil
}

// passwordFile hands the password to initdb in a file that only its user can read.
func (c *Cluster) passwordFile() (string, error) {
	file, err := os.CreateTemp("", "nexus-initdb-*")
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	_, err = file.WriteString(c.password + "\n")
	if c.owner.drop {
		err = errors.Join(err, file.Chown(c.owner.uid, c.owner.gid))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", fmt.Errorf("cluster: %w", err)
	}
	return file.Name(), nil
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
