//go:build !linux

package deno

import "syscall"

// processAttributes make a group of the process, so that it can be ended with all that it has started.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// residentMB is how much memory a process takes; here only V8's own limit counts.
func residentMB(int) int { return 0 }
