//go:build !linux

package cluster

import (
	"os"
	"os/exec"
	"syscall"
)

// attach lets the command run as the owner. Without Linux's /proc the data directory must be reachable for that user.
func (o owner) attach(cmd *exec.Cmd, dataDir string, _ *os.File) string {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if o.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
		cmd.Dir = "/"
	}
	return dataDir
}

// serves reports whether the process is alive; postmaster.pid says that it is the one.
func serves(pid int, _ string) bool {
	process, err := os.FindProcess(pid)
	return err == nil && process.Signal(syscall.Signal(0)) == nil
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
func memoryBytes() uint64 { return 0 }
