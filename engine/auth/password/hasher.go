package password

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
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

// maxBytes is what bcrypt sees of a password.
const maxBytes = 72

// Config has the settings of a Hasher; zero values are the defaults.
type Config struct {
	// Cost is that of bcrypt, as the logarithm of the rounds; default 10.
	Cost int
	// Workers is how many hashes are computed at once; default half of the processors, at least one.
	Workers int
	// Queue is how many may wait; default 256.
	Queue int
}

// Hasher hashes passwords. It is safe for concurrent use.
type Hasher struct {
	cost    int
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	// decoy is a hash that no password has, to check those of unknown users against.
	decoy func() (string, error)
}

// New makes a hasher.
func New(cfg Config) *Hasher {
	if cfg.Cost == 0 {
		cfg.Cost = bcrypt.DefaultCost
	}
	if cfg.Workers <= 0 {
		cfg.Workers = max(runtime.NumCPU()/2, 1)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 256
	}
	h := &Hasher{cost: cfg.Cost, slots: make(chan struct{}, cfg.Workers), queue: int64(cfg.Queue)}
	h.decoy = sync.OnceValues(func() (string, error) {
		hash, err := bcrypt.GenerateFromPassword([]byte(Random()), h.cost)
		return string(hash), err
	})
	return h
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
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > maxBytes {
		return "", ErrTooLong
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), h.cost)
	return string(hash), err
}

// Verify reports whether the password is that of the hash, and whether the hash should be replaced by one of ours. A hash of
// no known kind fits no password. It fails with ErrBusy and the context's error.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	switch {
	case isBcrypt(hash):
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
		cost, err := bcrypt.Cost([]byte(hash))
		return ok, ok && (err != nil || cost != h.cost), nil
	default:
		foreign, err := parseForeign(hash)
		if err != nil {
			return false, false, nil // whose hash cannot be read has no password
		}
		ok = foreign.verify(password)
		return ok, ok && len(password) <= maxBytes, nil
	}
}

// VerifyUnknown does the work of Verify for nobody, so that the time of an answer does not tell who is known.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	decoy, err := h.decoy()
	if err != nil {
		return err
	}
	_ = bcrypt.CompareHashAndPassword([]byte(decoy), []byte(password))
	return nil
}

// CheckHash reports whether a hash is of a kind that Verify understands; else it fails with ErrHash.
func CheckHash(hash string) error {
	if isBcrypt(hash) {
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || cost > maxImportedCost || len(hash) != bcryptLength {
			return ErrHash
		}
		return nil
	}
	_, err := parseForeign(hash)
	return err
}

const (
	bcryptLength = 60
	// maxImportedCost keeps a hash from occupying a processor for minutes.
	maxImportedCost = 16
)

func isBcrypt(hash string) bool {
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$", "$2x$"} {
		if rest, ok := strings.CutPrefix(hash, prefix); ok {
			cost, _, _ := strings.Cut(rest, "$")
			n, err := strconv.Atoi(cost)
			return err == nil && n <= maxImportedCost
		}
	}
	return false
}
