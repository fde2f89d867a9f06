package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// handedDir is where a process finds the data directory that was handed to it as its first extra file.
const handedDir = "/proc/self/fd/3"

// attach lets the command run as the owner and end with us. It returns the path under which the command knows the data
// directory.
func (o owner) attach(cmd *exec.Cmd, dataDir string, dir *os.File) string {
	// The signal makes PostgreSQL shut down fast but cleanly if we die without having told it to.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if !o.drop {
		return dataDir
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid), NoSetGroups: false}
	cmd.ExtraFiles = []*os.File{dir}
	cmd.Dir = "/"
	return handedDir
}

// serves reports whether the process is one that works in the data directory.
func serves(pid int, dataDir string) bool {
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(dataDir)
	return err == nil && cwd == real
}

func ownerOf(path string) (uid, gid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// memoryBytes is the machine's memory, 0 when unknown.
func memoryBytes() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kib uint64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}
