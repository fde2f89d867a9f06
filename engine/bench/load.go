package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// tally is what one measurement has counted.
type tally struct {
	latencies histogram
	bytes     int64
	elapsed   time.Duration
}

func (t *tally) perSecond() float64 { return float64(t.latencies.total) / t.elapsed.Seconds() }

// target is where requests go.
type target struct {
	address string // host:port
	base    string // path of the API
	token   string
	size    size
}

// encode renders a request. Everything but the line and the body is the same each time.
func (t *target) encode(dst []byte, c call) []byte {
	dst = append(dst, c.method...)
	dst = append(dst, ' ')
	dst = append(dst, t.base...)
	dst = append(dst, c.target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, t.address...)
	dst = append(dst, "\r\nAuthorization: Bearer "...)
	dst = append(dst, t.token...)
	if c.prefer != "" {
		dst = append(dst, "\r\nPrefer: "...)
		dst = append(dst, c.prefer...)
	}
	if c.body != nil {
		dst = append(dst, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(c.body)), 10)
	}
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, c.body...)
}

// client is a connection that is kept alive. It knows just enough of HTTP to cost little beside the server it measures.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	out    []byte
	line   []byte
}

func (t *target) dial(ctx context.Context) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// do sends a request and reads its answer, the body into sink.
func (c *client) do(t *target, request call, sink io.Writer) (status int, err error) {
	c.out = t.encode(c.out[:0], request)
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	return c.answer(sink)
}

var (
	lengthName  = []byte("content-length:")
	chunkedName = []byte("transfer-encoding:")
)

func (c *client) answer(sink io.Writer) (status int, err error) {
	first, err := c.reader.ReadSlice('\n')
	if err != nil || len(first) < len("HTTP/1.1 200") {
		return 0, errors.Join(err, errors.New("no answer of HTTP"))
	}
	if status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return 0, err
	}
	length, chunked := int64(0), false
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		c.line = append(c.line[:0], line...)
		lower := bytes.ToLower(c.line[:min(len(c.line), len(chunkedName))])
		switch {
		case bytes.HasPrefix(lower, lengthName):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(c.line[len(lengthName):])), 10, 64); err != nil {
				return 0, err
			}
		case bytes.HasPrefix(lower, chunkedName):
			chunked = true
		}
	}
	switch {
	case chunked:
		err = c.chunks(sink)
	case status == 204 || status == 304:
	default:
		_, err = io.CopyN(sink, c.reader, length)
	}
	return status, err
}

// chunks reads a body of chunks (RFC 9112, section 7.1).
func (c *client) chunks(sink io.Writer) error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if n > 0 {
			if _, err := io.CopyN(sink, c.reader, n); err != nil {
				return err
			}
		}
		if _, err := c.reader.ReadSlice('\n'); err != nil || n == 0 {
			return err
		}
	}
}

// worker does one thing after another on a connection of its own.
type worker struct {
	// step does it once and returns how many bytes came back.
	step  func(r *rand.Rand) (int64, error)
	close func()
}

// together opens workers, runs them side by side until the time is over, and adds up what they have done.
func together(ctx context.Context, count int, d time.Duration, open func(context.Context) (*worker, error)) (*tally, error) {
	workers := make([]*worker, 0, count)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	for range count {
		w, err := open(ctx)
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tallies, errs := make([]tally, count), make([]error, count)
	var group sync.WaitGroup
	began := time.Now()
	for i, w := range workers {
		group.Go(func() {
			if errs[i] = w.run(ctx, uint64(i), &tallies[i]); errs[i] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	total := &tally{elapsed: time.Since(began)}
	for i := range tallies {
		total.latencies.merge(&tallies[i].latencies)
		total.bytes += tallies[i].bytes
	}
	return total, errors.Join(errs...)
}

func (w *worker) run(ctx context.Context, seed uint64, t *tally) error {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same numbers each time
	for ctx.Err() == nil {
		began := time.Now()
		size, err := w.step(r)
		if err != nil {
			return err
		}
		t.latencies.add(time.Since(began))
		t.bytes += size
	}
	return nil
}
