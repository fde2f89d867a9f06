package schema

import (
	"sync"
	"time"
)

// order is what a Cache has to do.
type order struct {
	schema bool // load
	config bool // have the configuration reloaded, before a load
	anew   bool // believe nothing of the server that was known before
}

// orders merges the orders that come in while another is carried out.
type orders struct {
	mu      sync.Mutex
	pending order
	// ready holds an element while something is pending.
	ready chan struct{}
}

func newOrders() *orders { return &orders{ready: make(chan struct{}, 1)} }

func (o *orders) add(wanted order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending.schema = o.pending.schema || wanted.schema
	o.pending.config = o.pending.config || wanted.config
	o.pending.anew = o.pending.anew || wanted.anew
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take returns what is pending, and leaves nothing.
func (o *orders) take() order {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.ready:
	default:
	}
	taken := o.pending
	o.pending = order{}
	return taken
}

// maxBackoff bounds the time between two attempts, as PostgREST's automatic recovery does.
const maxBackoff = 32 * time.Second

// backoff counts the time to wait before another attempt: the first wait, then twice as long each time, up to maxBackoff.
type backoff struct {
	first time.Duration
	last  time.Duration
}

func (b *backoff) next() time.Duration {
	b.last = min(max(b.first, 2*b.last), maxBackoff)
	return b.last
}

func (b *backoff) reset() { b.last = 0 }
