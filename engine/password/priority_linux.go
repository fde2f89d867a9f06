package password

import "golang.org/x/sys/unix"

// idlePriority is what a thread has that runs when nobody else wants to.
const idlePriority = 19

// lowerPriority lets requests, and PostgreSQL, go before this thread. Linux has priorities for threads; where it may not be set, the
// thread is as others.
func lowerPriority() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), idlePriority)
}
