package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ, which is 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// process is the server's process, if it runs on this machine.
type process struct{ dir string }

var errNotHere = errors.New("the server is not a process of this machine")

// findProcess finds who listens on the address.
func findProcess(address string) (*process, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	inode := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode == "" {
			inode = listener(table, fmt.Sprintf(":%04X", number))
		}
	}
	if inode == "" {
		return nil, errNotHere
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && link == "socket:["+inode+"]" {
			return &process{dir: filepath.Dir(filepath.Dir(file))}, nil
		}
	}
	return nil, errNotHere
}

// listener returns the inode of the socket that listens on a port (proc(5)).
func listener(table, port string) string {
	file, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		const local, state, inode, listening = 1, 3, 9, "0A"
		fields := strings.Fields(lines.Text())
		if len(fields) > inode && strings.HasSuffix(fields[local], port) && fields[state] == listening {
			return fields[inode]
		}
	}
	return ""
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "stat"))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold spaces.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, errNotHere
	}
	ticks := 0
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// rss is the memory of the process, in bytes.
func (p *process) rss() (int64, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "status"))
	if err != nil {
		return 0, err
	}
	var kib int64
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		return 0, err
	}
	return kib << 10, nil
}
