package engine

import (
	"context"

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/limits"
)

// openLimiter counts what all servers of the database are asked for.
func (s *Server) openLimiter(b *backend, sessions *db.Sessions) functions.Limiter {
	limiter := limits.New(limits.NewPostgres(sessions.Pool()), s.log)
	b.onClose(func(context.Context) error { limiter.Close(); return nil })
	return limiter
}
