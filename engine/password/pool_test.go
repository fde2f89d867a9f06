package password_test

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"nexus/engine/password"
)

// While no slot is free, as many callers wait as the queue has places, and all others are refused at once. The slots are taken
// beforehand, so nothing here depends on who is faster.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	const workers, places, callers = 2, 3, 10
	h := password.New(password.Config{Cost: bcrypt.MinCost, Workers: workers, Queue: places})
	t.Cleanup(h.Close)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(context.Context) error{
		"Hash": func(ctx context.Context) error {
			_, err := h.Hash(ctx, "correct horse")
			return err
		},
		"Verify": func(ctx context.Context) error {
			_, _, err := h.Verify(ctx, hash, "correct horse")
			return err
		},
		"Verify of another kind": func(ctx context.Context) error {
			_, _, err := h.Verify(ctx, vectors[len(vectors)-1].hash, "mytestpassword")
			return err
		},
		"VerifyUnknown": func(ctx context.Context) error { return h.VerifyUnknown(ctx, "correct horse") },
	}
	for name, call := range calls {
		// Those who wait leave once by cancellation and once with an answer; their places are free again both times.
		for _, want := range []error{context.Canceled, nil} {
			release := h.Occupy()
			ctx, cancel := context.WithCancel(t.Context())
			results := make(chan error, callers)
			for range callers {
				go func() { results <- call(ctx) }()
			}
			for range callers - places {
				if err := <-results; !errors.Is(err, password.ErrBusy) {
					t.Errorf("%s, refused: %v", name, err)
				}
			}
			if want != nil {
				cancel()
			} else {
				release()
			}
			for range places {
				if err := <-results; !errors.Is(err, want) {
					t.Errorf("%s, waiting: %v, want %v", name, err, want)
				}
			}
			if want != nil {
				release()
			}
			cancel()
		}
	}
}
