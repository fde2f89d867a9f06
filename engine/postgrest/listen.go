package postgrest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
)

// listen opens the address of the API: the unix socket if one is set, else host and port.
func listen(ctx context.Context, c *Config) (net.Listener, error) {
	if c.ServerUnixSocket != "" {
		return listenSocket(ctx, c.ServerUnixSocket, c.ServerUnixSocketMode)
	}
	var lc net.ListenConfig
	if c.ServerReuseport {
		lc.Control = reusePort
	}
	return listenWith(ctx, lc, c.ServerHost, c.ServerPort)
}

// listenAdmin opens the address of the admin server: the unix socket if one is set, else host and port; it is nil when
// neither is.
func listenAdmin(ctx context.Context, c *Config) (net.Listener, error) {
	switch {
	case c.AdminServerUnixSocket != "":
		return listenSocket(ctx, c.AdminServerUnixSocket, c.AdminServerUnixSocketMode)
	case c.AdminServerPort == nil:
		return nil, nil //nolint:nilnil // no admin server is not an error
	default:
		return listenHost(ctx, c.AdminServerHost, *c.AdminServerPort)
	}
}

func listenSocket(ctx context.Context, path string, mode uint32) (net.Listener, error) {
	// A socket that an earlier process left behind would refuse the address.
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(path)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("unix socket: %w", err)
	}
	if err := os.Chmod(path, fs.FileMode(mode)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// IsSpecialHost reports whether a host name stands for several addresses, so that it is none to connect to.
func IsSpecialHost(host string) bool {
	switch host {
	case "*", "*4", "!4", "*6", "!6":
		return true
	default:
		return false
	}
}

// listenHost understands PostgREST's special host names: * and its kin mean any address, ! means that one family has to
// work
// (https://docs.postgrest.org/en/v14/references/configuration.html#server-host).
func listenHost(ctx context.Context, host string, port int64) (net.Listener, error) {
	return listenWith(ctx, net.ListenConfig{}, host, port)
}

func listenWith(ctx context.Context, lc net.ListenConfig, host string, port int64) (net.Listener, error) {
	network, address := "tcp", host
	switch host {
	case "*":
		address = ""
	case "*4", "!4":
		network, address = "tcp4", "0.0.0.0"
	case "*6", "!6":
		network, address = "tcp6", "::"
	}
	l, err := lc.Listen(ctx, network, net.JoinHostPort(address, strconv.FormatInt(port, 10)))
	if err != nil && (host == "*4" || host == "*6") {
		// The family is only preferred.
		l, err = lc.Listen(ctx, "tcp", net.JoinHostPort("", strconv.FormatInt(port, 10)))
	}
	return l, err
}
