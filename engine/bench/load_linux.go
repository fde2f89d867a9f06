package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pollTimeout is how often, in milliseconds, a quiet loop looks whether it is to stop.
const pollTimeout = 100

// drainTimeout is how long the last answers may take.
const drainTimeout = 30 * time.Second

// load sends requests through so many connections for a while, and waits for the last answers. One thread serves all of
// them, as wrk does it: a goroutine for each would take as much of the machine as the server that is measured.
func (t *target) load(ctx context.Context, w *workload, connections int, d time.Duration) (*tally, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := &loop{target: t, workload: w, tally: &tally{}, random: rand.New(rand.NewPCG(1, 1))} //nolint:gosec // the same numbers each time
	var err error
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(l.poll) }()
	defer l.close()
	for range connections {
		if err := l.dial(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	for _, s := range l.sockets {
		if err := l.send(s); err != nil {
			return nil, err
		}
	}
	if err := l.run(ctx, began.Add(d+drainTimeout)); err != nil {
		return nil, err
	}
	l.tally.elapsed = time.Since(began)
	return l.tally, nil
}

// loop serves connections with one thread.
type loop struct {
	target   *target
	workload *workload
	random   *rand.Rand
	poll     int
	sockets  []*socket
	// waiting is how many have not been answered.
	waiting int
	tally   *tally
}

// socket is a connection of a loop.
type socket struct {
	fd    int
	index int32 // among those of the loop
	began time.Time
	// out is what is left to send of buffer.
	out, buffer []byte
	answer      answer
}

func (l *loop) dial(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.target.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("a connection is a %T", conn)
	}
	// The loop gets a descriptor of its own, because Go's runtime waits for those of its connections.
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	s := &socket{index: int32(len(l.sockets))}
	var dupErr error
	if err := raw.Control(func(fd uintptr) { s.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dupErr != nil {
		return errors.Join(err, dupErr)
	}
	l.sockets = append(l.sockets, s)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.index}
	return unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, s.fd, &event)
}

func (l *loop) close() {
	for _, s := range l.sockets {
		_ = unix.Close(s.fd)
	}
}

// run answers events until the time is over and nothing is under way any more.
func (l *loop) run(ctx context.Context, last time.Time) error {
	events := make([]unix.EpollEvent, len(l.sockets))
	for l.waiting > 0 {
		n, err := unix.EpollWait(l.poll, events, pollTimeout)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if time.Now().After(last) {
			return errors.New("the last answers do not come")
		}
		for i := range max(n, 0) {
			if err := l.event(ctx, l.sockets[events[i].Fd], events[i].Events); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loop) event(ctx context.Context, s *socket, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := l.flush(s); err != nil {
			return err
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return nil
	}
	done, err := s.receive()
	if err != nil {
		return err
	}
	if !done {
		return nil
	}
	l.waiting--
	if s.answer.status >= 400 {
		return fmt.Errorf("%s: status %d", l.workload.name, s.answer.status)
	}
	l.tally.latencies.add(time.Since(s.began))
	l.tally.bytes += s.answer.size
	select {
	case <-ctx.Done():
		return nil
	default:
		return l.send(s)
	}
}

// send starts the next request of a connection.
func (l *loop) send(s *socket) error {
	s.buffer = l.target.encode(s.buffer[:0], l.workload.request(l.random, l.target.size))
	s.out, s.answer, s.began = s.buffer, answer{input: s.answer.input[:0]}, time.Now()
	l.waiting++
	return l.flush(s)
}

// flush sends what the connection takes, and asks to be told when it takes more.
func (l *loop) flush(s *socket) error {
	n, err := unix.Write(s.fd, s.out)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return err
	}
	again := len(s.buffer) != len(s.out)
	s.out = s.out[max(n, 0):]
	wanted := uint32(unix.EPOLLIN)
	if len(s.out) > 0 {
		wanted |= unix.EPOLLOUT
	} else if !again {
		return nil // sent at once, as nearly always
	}
	event := unix.EpollEvent{Events: wanted, Fd: s.index}
	return unix.EpollCtl(l.poll, unix.EPOLL_CTL_MOD, s.fd, &event)
}

// readSize is how much a connection receives at a time.
const readSize = 64 << 10

// receive reads what is there; done is true when the answer is complete.
func (s *socket) receive() (done bool, err error) {
	room := s.answer.input
	if cap(room)-len(room) < readSize {
		room = append(make([]byte, 0, 2*cap(room)+readSize), room...)
	}
	n, err := unix.Read(s.fd, room[len(room):cap(room)])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	s.answer.input = room[:len(room)+n]
	return s.answer.read()
}

// answer is one that is received bit by bit.
type answer struct {
	input  []byte // what has not been looked at, but for the head, all of a chunked body
	inBody bool
	status int
	// size is that of the body; left is what of it is to come, or -1 if it comes in chunks.
	size, left int64
}

// read takes in the input; done is true when it ends the answer.
func (a *answer) read() (done bool, err error) {
	if !a.inBody {
		end := bytes.Index(a.input, []byte("\r\n\r\n"))
		if end < 0 {
			return false, nil
		}
		if err := a.head(a.input[:end]); err != nil {
			return false, err
		}
		a.input = append(a.input[:0], a.input[end+4:]...)
		a.inBody = true
	}
	if a.left >= 0 {
		a.size += int64(len(a.input))
		a.left -= int64(len(a.input))
		a.input = a.input[:0]
		return a.left <= 0, nil
	}
	done = bytes.HasSuffix(a.input, []byte("0\r\n\r\n"))
	if done {
		a.size = int64(len(a.input))
	}
	return done, nil
}

func (a *answer) head(head []byte) (err error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < len("HTTP/1.1 200") {
		return errors.New("no answer of HTTP")
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return err
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		switch {
		case hasPrefixFold(line, lengthName):
			a.left, err = strconv.ParseInt(string(bytes.TrimSpace(line[len(lengthName):])), 10, 64)
			if err != nil {
				return err
			}
		case hasPrefixFold(line, chunkedName):
			a.left = -1
		}
	}
	return nil
}

func hasPrefixFold(line, name []byte) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], name)
}
