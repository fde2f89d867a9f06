package engine

import (
	"context"

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/limits"
)

// openLimiter counts what all servers of the database are asked for.
func (s *Server) openLimiter(b *backend, sessions *db.Sessions) (functions.Limiter, error) {
	var store limits.Store = limits.NewPostgres(sessions.Pool())
	if s.cfg.RedisURL != "" {
		redis, err := limits.NewRedis(s.cfg.RedisURL)
		if err != nil {
			return nil, err
		}
		b.onClose(func(context.Context) error { return redis.Close() })
		store = redis
	}
	limiter := limits.New(store, s.log)
	b.onClose(func(context.Context) error { limiter.Close(); return nil })
	return limiter, nil
}
