package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// handedDir is where a process finds the data directory that was handed to it as its first extra file.
const handedDir = "/proc/self/fd/3"

// attach lets the command run as the owner and end with us. It returns the path under which the command knows the data
// directory.
func (o owner) attach(cmd *exec.Cmd, dataDir string, dir *os.File) string {
	// The signal makes PostgreSQL shut down fast but cleanly if we die without having told it to.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT, Credential: o.credential()}
	if !o.drop {
		return dataDir
	}
	cmd.ExtraFiles = []*os.File{dir}
	cmd.Dir = "/"
	return handedDir
}

// admit has nothing to do: the owner gets the data directory handed to it, wherever it lies.
func (o owner) admit(string) error { return nil }

// serves reports whether the process is a PostgreSQL that works in the data directory.
func serves(pid int, dataDir string) bool {
	real, err := filepath.EvalSymlinks(dataDir)
	return err == nil && worksIn(strconv.Itoa(pid), real)
}

// serversIn lists the processes of PostgreSQL that work in the data directory.
func serversIn(dataDir string) (pids []int) {
	real, err := filepath.EvalSymlinks(dataDir)
	if err != nil {
		return nil
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil && worksIn(filepath.Base(process), real) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// worksIn goes by the program's name and its working directory: PostgreSQL's processes stay in their data directory. A
// dead process that nobody has waited for has no working directory any more.
func worksIn(pid, real string) bool {
	program, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	if err != nil || !strings.Contains(string(program), "postgres") {
		return false
	}
	cwd, err := os.Readlink(filepath.Join("/proc", pid, "cwd"))
	return err == nil && cwd == real
}

// memoryBytes is the memory we may use, 0 when unknown: the machine's, or less in a container (cgroups v2 and v1).
func memoryBytes() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kib uint64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	memory := kib << 10
	for _, limit := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(limit)
		if err != nil {
			continue
		}
		if bytes, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil { // or "max"
			memory = min(memory, bytes)
		}
	}
	return memory
}
