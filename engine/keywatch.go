package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"nexus/rls"
)

// keyInterval is how often a running server looks whether its signing keys have changed. Asking for the time of the file
// works wherever the file can be read, such as in containers with mounted volumes, where notifications and signals do not
// arrive.
const keyInterval = time.Second

// openVerifier makes what checks tokens, and has its keys replaced as those of the data directory change.
func (s *Server) openVerifier(ctx context.Context, b *backend) (*rls.Verifier, error) {
	cfg := rls.VerifierConfig{
		JWKSURL: s.cfg.JWKSURL, Audience: s.cfg.JWTAudience, AnonRole: anonRole, CacheEntries: tokenCacheEntries, Logger: s.log,
		Credentials: true,
	}
	path := filepath.Join(s.cfg.DataDir, secretsFile)
	seen, err := os.Stat(path) // before the keys are read, so that no change goes unseen
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	cfg.Keys, err = tokenKeys(&s.cfg)
	if errors.Is(err, ErrForeignKeys) {
		cfg.Secret, err = []byte(s.cfg.JWTSecret), nil
	}
	if err != nil {
		return nil, err
	}
	b.keys.Store(cfg.Keys)
	verifier, err := rls.NewVerifier(cfg)
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { verifier.Close(); return nil })
	if s.cfg.JWTSecret != "" {
		return verifier, nil
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watchKeys(running, path, seen, func(set *rls.KeySet) {
			verifier.UseKeys(set) // first, so that no token is signed that would be refused
			b.keys.Store(set)
		})
	}()
	b.onClose(func(context.Context) error {
		stop()
		<-done
		return nil
	})
	return verifier, nil
}

// watchKeys calls use with the signing keys whenever their file has changed, until ctx ends. As long as it cannot be read, the
// keys at hand stay in force.
func (s *Server) watchKeys(ctx context.Context, path string, seen os.FileInfo, use func(*rls.KeySet)) {
	ticker := time.NewTicker(keyInterval)
	defer ticker.Stop()
	problem := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := os.Stat(path)
		if err == nil && unchanged(seen, now) {
			continue
		}
		set, err := tokenKeys(&s.cfg)
		if err != nil {
			seen = nil // try again
			if problem != err.Error() {
				problem = err.Error()
				s.log.Warn("the signing keys cannot be read; those at hand stay in force", "error", err)
			}
			continue
		}
		seen, problem = now, ""
		use(set)
		s.log.Info("signing keys were read", slog.String("current", set.Current().ID()), slog.Int("keys", len(set.Keys())))
	}
}

func unchanged(before, now os.FileInfo) bool {
	return before != nil && os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
}
