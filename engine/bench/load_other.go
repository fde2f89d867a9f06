//go:build !linux

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// load sends requests through so many connections for a while.
func (t *target) load(ctx context.Context, w *workload, connections int, d time.Duration) (*tally, error) {
	return together(ctx, connections, d, func(ctx context.Context) (*worker, error) {
		c, err := t.dial(ctx)
		if err != nil {
			return nil, err
		}
		return &worker{close: func() { _ = c.conn.Close() }, step: func(r *rand.Rand) (int64, error) {
			request := w.request(r, t.size)
			var size counter
			status, err := c.do(t, request, &size)
			if err == nil && status >= 400 {
				err = fmt.Errorf("%s: status %d", w.name, status)
			}
			return int64(size), err
		}}, nil
	})
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
