//go:build !linux

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// attach lets the command run as the owner.
func (o owner) attach(cmd *exec.Cmd, dataDir string, _ *os.File) string {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: o.credential()}
	if o.drop {
		cmd.Dir = "/"
	}
	return dataDir
}

// admit lets the owner walk through our directory, in which every secret is readable by us alone, and checks that it can
// get there: without Linux's /proc there is no other way to hand it the data directory.
func (o owner) admit(dir string) error {
	if !o.drop {
		return nil
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // see above
		return fmt.Errorf("cluster: %w", err)
	}
	if at := o.blockedAt(dir); at != "" {
		return &DirError{
			Dir: dir, Problem: fmt.Sprintf("cannot be reached by PostgreSQL, which runs as %s, since %s is closed to it", o, at),
			Remedy: "choose a directory elsewhere, or do not start as root, or run: chmod o+x " + at,
		}
	}
	return nil
}

// serves reports whether the process is a PostgreSQL that works in the data directory.
func serves(pid int, dataDir string) bool { return slices.Contains(serversIn(dataDir), pid) }

// serversIn lists the processes of PostgreSQL that work in the data directory. lsof, which macOS comes with, prints lines
// "p<process>" and "n<working directory>".
func serversIn(dataDir string) (pids []int) {
	real, err := filepath.EvalSymlinks(dataDir)
	if err != nil {
		return nil
	}
	out, _ := exec.Command("lsof", "-w", "-a", "-c", "postgres", "-d", "cwd", "-F", "pn").Output() //nolint:noctx // it is quick
	pid := 0
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "p"):
			pid, _ = strconv.Atoi(line[1:])
		case line == "n"+real && pid > 0:
			pids = append(pids, pid)
		}
	}
	return pids
}

// memoryBytes is the machine's memory, 0 when unknown.
func memoryBytes() uint64 {
	out, err := exec.Command("sysctl", "-n", "hw.memsize").Output() //nolint:noctx // it is quick
	if err != nil {
		return 0
	}
	memory, _ := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	return memory
}
