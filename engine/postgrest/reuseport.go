package postgrest

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// reusePort lets several processes listen on the same address (server-reuseport); the system spreads connections over them.
func reusePort(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}
