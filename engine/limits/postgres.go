package limits

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Postgres keeps counts in the table nexus.rate_limits. Its clock is that of the database, so those of the servers do not matter.
type Postgres struct{ pool *pgxpool.Pool }

// NewPostgres uses connections of a role that may execute nexus.take_events.
func NewPostgres(pool *pgxpool.Pool) *Postgres { return &Postgres{pool: pool} }

func (p *Postgres) take(ctx context.Context, r request) (g grant, err error) {
	var retryAfter int64
	err = p.pool.QueryRow(ctx,
		"select granted, slice, retry_after, remaining from nexus.take_events($1, $2, $3, $4, $5, $6, $7, $8)",
		r.key, r.rate.Events, r.rate.Per.Microseconds(), r.wanted, r.spare.Microseconds(), r.forced, r.backSlice, r.back,
	).Scan(&g.granted, &g.slice, &retryAfter, &g.remaining)
	if err != nil {
		return grant{}, fmt.Errorf("limits: %w", err)
	}
	g.retryAfter = time.Duration(retryAfter) * time.Microsecond
	return g, nil
}

func (p *Postgres) forget(ctx context.Context, most int) (forgotten int, err error) {
	err = p.pool.QueryRow(ctx, "select nexus.forget_events($1)", most).Scan(&forgotten)
	return forgotten, err
}
