package engine

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"nexus/engine/jobs"
)

// backgroundConnections are those of the queue itself, one of which waits for notifications; jobs use the ones of functions.
const backgroundConnections = 4

// runJobs does the registry's jobs until the backend closes.
func (s *Server) runJobs(ctx context.Context, b *backend, sessionURL string, registry *jobs.Registry) error {
	cfg, err := pgxpool.ParseConfig(sessionURL)
	if err != nil {
		return err
	}
	cfg.MaxConns, cfg.MinConns = backgroundConnections, 0
	cfg.ConnConfig.RuntimeParams["application_name"] = "nexus jobs"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	b.onClose(func(context.Context) error { pool.Close(); return nil })
	runner, err := jobs.Start(ctx, pool, registry, jobs.Config{Logger: s.log})
	if err != nil {
		return fmt.Errorf("background jobs: %w", err)
	}
	b.onClose(runner.Stop)
	return nil
}
