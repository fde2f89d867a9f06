package db

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// checkInterval is how often replicas are looked at, and checkTimeout how long that may take.
	checkInterval = 2 * time.Second
	checkTimeout  = time.Second
	// maxLag is how far a replica may be behind, in seconds, to be read from.
	maxLag = "10"
)

// healthSQL is true on a server that follows its primary closely, or is none that follows (hot standby functions:
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-INFO).
const healthSQL = `select not pg_catalog.pg_is_in_recovery() or (
	exists (select from pg_catalog.pg_stat_wal_receiver) and (
		pg_catalog.pg_last_wal_receive_lsn() is not distinct from pg_catalog.pg_last_wal_replay_lsn()
		or pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp() < interval '` + maxLag + ` seconds'))`

// Replicas sends what only reads to replicas in turn, as long as they are healthy, and all else to the primary.
type Replicas struct {
	primary  *Pool
	replicas []*replica
	next     atomic.Uint64
	log      *slog.Logger
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

type replica struct {
	pool    *Pool
	number  int
	healthy atomic.Bool
}

// NewReplicas starts to look after replicas; they are used once they are found healthy. The pools stay the caller's.
func NewReplicas(primary *Pool, pools []*Pool, log *slog.Logger) *Replicas {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Replicas{primary: primary, log: log, cancel: cancel}
	for i, pool := range pools {
		one := &replica{pool: pool, number: i + 1}
		r.replicas = append(r.replicas, one)
		r.done.Go(func() { r.watch(ctx, one) })
	}
	return r
}

// Close ends the watching.
func (r *Replicas) Close() {
	r.cancel()
	r.done.Wait()
}

// Healthy is the number of replicas that are read from now.
func (r *Replicas) Healthy() (n int) {
	for _, one := range r.replicas {
		if one.healthy.Load() {
			n++
		}
	}
	return n
}

// Forget is that of all the pools.
func (r *Replicas) Forget() {
	r.primary.Forget()
	for _, one := range r.replicas {
		one.pool.Forget()
	}
}

// Run does what Pool.Run does, of the primary or of a replica. What a replica cannot do goes on to the primary.
func (r *Replicas) Run(ctx context.Context, tx *Tx) (*Result, error) {
	if tx.ReadOnly && !tx.Primary && tx.Isolation != Serializable { // which standbys cannot do
		if one := r.pick(); one != nil {
			res, err := one.pool.Run(ctx, tx)
			if err == nil || ctx.Err() != nil || !r.fallsBack(one, err) {
				return res, err
			}
		}
	}
	return r.primary.Run(ctx, tx)
}

// pick takes the healthy replicas in turn.
func (r *Replicas) pick() *replica {
	count := uint64(len(r.replicas))
	start := r.next.Add(1)
	for i := range count {
		if one := r.replicas[(start+i)%count]; one.healthy.Load() {
			return one
		}
	}
	return nil
}

// fallsBack reports whether the primary may do better: when the replica is away, or behind with the schema, or gave the
// query up to be able to follow.
func (r *Replicas) fallsBack(one *replica, err error) bool {
	var refused *pgconn.PgError
	var broken *ConnectionError
	switch {
	case errors.As(err, &broken):
		r.note(one, false, err)
		return true
	case errors.Is(err, ErrAcquireTimeout):
		return true
	case !errors.As(err, &refused):
		return false
	}
	switch refused.Code {
	case "57P01", "57P02", "57P03", "53300":
		r.note(one, false, err)
		return true
	case "40001", "3F000", "42P01", "42703", "42883", "42704":
		return true
	}
	return false
}

// watch looks after one replica.
func (r *Replicas) watch(ctx context.Context, one *replica) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		ok, err := one.check(ctx)
		if ctx.Err() != nil {
			return
		}
		r.note(one, ok, err)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// note logs changes.
func (r *Replicas) note(one *replica, healthy bool, err error) {
	if one.healthy.Swap(healthy) == healthy {
		return
	}
	if healthy {
		r.log.Info("reading from replica", "replica", one.number)
		return
	}
	r.log.Warn("not reading from replica", "replica", one.number, "error", err)
}

func (one *replica) check(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	res, err := one.pool.Run(ctx, &Tx{ReadOnly: true, Main: Statement{SQL: healthSQL}})
	if err != nil {
		return false, err
	}
	return len(res.Main) == 1 && string(res.Main[0][0]) == "t", nil
}
