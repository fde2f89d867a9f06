package password

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Errors of hashing.
var (
	// ErrBusy means that too many wait for a slot already.
	ErrBusy = errors.New("password: too many at once")
	// ErrTooLong means that bcrypt would not see all of a password.
	ErrTooLong = errors.New("password: longer than 72 bytes")
	// ErrHash means that a hash is of no known kind.
	ErrHash = errors.New("password: unknown kind of hash")
)

const (
	// maxBytes is what bcrypt sees of a password.
	maxBytes = 72
	// defaultCost is that of GoTrue.
	defaultCost = 10
)

// Config has the settings of a Hasher; zero values are the defaults.
type Config struct {
	// Cost is that of bcrypt, as the logarithm of the rounds; default 10.
	Cost int
	// Workers is how many hashes are computed at once; default half of the processors, at least one.
	Workers int
	// Queue is how many may wait; default 256.
	Queue int
}

// Hasher hashes passwords. It is safe for concurrent use, until it is closed.
type Hasher struct {
	cost    int
	work    chan func()
	workers sync.WaitGroup
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	// decoy is a hash that no password has, to check those of unknown users against.
	decoy func() (string, error)
}

// New makes a hasher, which has to be closed.
func New(cfg Config) *Hasher {
	if cfg.Cost == 0 {
		cfg.Cost = defaultCost
	}
	if cfg.Workers <= 0 {
		cfg.Workers = max(runtime.NumCPU()/2, 1)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 256
	}
	h := &Hasher{cost: cfg.Cost, slots: make(chan struct{}, cfg.Workers), queue: int64(cfg.Queue), work: make(chan func())}
	for range cfg.Workers {
		h.workers.Go(h.serve)
	}
	h.decoy = sync.OnceValues(func() (string, error) { return newBcrypt(Random(), h.cost) })
	return h
}

// Close ends the workers. Nobody may use the hasher any more.
func (h *Hasher) Close() {
	close(h.work)
	h.workers.Wait()
}

// serve computes on a thread of its own, which gets what time others leave. The thread ends with it, because its priority
// cannot be raised again.
func (h *Hasher) serve() {
	runtime.LockOSThread()
	lowerPriority()
	for f := range h.work {
		f()
	}
}

// compute runs f, which takes long, on a worker.
func (h *Hasher) compute(f func()) {
	done := make(chan struct{})
	h.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// enter waits for a slot. It fails with ErrBusy, or the context's error.
func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.slots }

// Hash returns the bcrypt hash of a password. It fails with ErrTooLong, ErrBusy and the context's error.
func (h *Hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	if len(password) > maxBytes {
		return "", ErrTooLong
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	h.compute(func() { hash, err = newBcrypt(password, h.cost) })
	return hash, err
}

// Verify reports whether the password is that of the hash, and whether the hash should be replaced by one of ours. A hash of
// no known kind fits no password. It fails with ErrBusy and the context's error.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	if own, isOwn := parseBcrypt(hash); isOwn {
		h.compute(func() { ok = own.verify(password) })
		return ok, ok && own.cost != h.cost && len(password) <= maxBytes, nil
	}
	other, err := parseForeign(hash)
	if err != nil {
		return false, false, nil // whose hash cannot be read has no password
	}
	h.compute(func() { ok = other.verify(password) })
	return ok, ok && len(password) <= maxBytes, nil
}

// VerifyUnknown does the work of Verify for nobody, so that the time of an answer does not tell who is known.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	var err error
	h.compute(func() {
		var decoy string
		if decoy, err = h.decoy(); err != nil {
			return
		}
		if own, ok := parseBcrypt(decoy); ok {
			_ = own.verify(password)
		}
	})
	return err
}

// CheckHash reports whether a hash is of a kind that Verify understands; else it fails with ErrHash.
func CheckHash(hash string) error {
	if _, ok := parseBcrypt(hash); ok {
		return nil
	}
	_, err := parseForeign(hash)
	return err
}
