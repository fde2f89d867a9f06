package engine

import (
	"context"
	"errors"
	"time"
)

// keepUp does work every cleanupPeriod until the backend closes, and logs failures under a text.
func (s *Server) keepUp(ctx context.Context, b *backend, failed string, work func(context.Context) error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(cleanupPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-running.Done():
				return
			case <-ticker.C:
			}
			if err := work(running); err != nil && !errors.Is(err, context.Canceled) {
				s.log.Warn(failed, "error", err)
			}
		}
	}()
	b.onClose(func(context.Context) error {
		stop()
		<-done
		return nil
	})
}
