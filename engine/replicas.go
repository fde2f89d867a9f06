package engine

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/rest"
)

// openPool makes a pool of connections that log in as authenticator.
func (s *Server) openPool(ctx context.Context, b *backend, requestURL string) (*db.Pool, error) {
	pool, err := db.Open(ctx, db.Config{
		URL: requestURL, MaxConns: int32(s.cfg.PoolSize), AcquireTimeout: s.cfg.PoolTimeout, Prepared: s.cfg.Prepared,
		ApplicationName: "nexus", Logger: s.log, Settings: s.sessionSettings(),
	})
	if err == nil {
		b.onClose(func(context.Context) error { return closePool(pool) })
	}
	return pool, err
}

// openReplicas returns who does the work of requests: the pool, or it and its replicas if there are any. Replicas have the
// roles and passwords of their primary.
func (s *Server) openReplicas(ctx context.Context, b *backend, requestURL string) (rest.Database, error) {
	if len(s.cfg.ReplicaURLs) == 0 {
		b.forget = b.pool.Forget
		return b.pool, nil
	}
	primary, err := pgx.ParseConfig(requestURL)
	if err != nil {
		return nil, err
	}
	pools := make([]*db.Pool, len(s.cfg.ReplicaURLs))
	for i, url := range s.cfg.ReplicaURLs {
		target, err := withUser(url, authenticator, primary.Password)
		if err == nil {
			pools[i], err = s.openPool(ctx, b, target)
		}
		if err != nil {
			return nil, fmt.Errorf("db-replica-url %d: %w", i+1, err)
		}
	}
	replicas := db.NewReplicas(b.pool, pools, s.log)
	b.onClose(func(context.Context) error { replicas.Close(); return nil })
	b.forget = replicas.Forget
	return replicas, nil
}
