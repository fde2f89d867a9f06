package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"nexus/migrations"
)

// Config has the settings of a Runner.
type Config struct {
	// Workers is how many jobs are done at once; default 8.
	Workers int
	// Timeout ends an attempt; default a minute.
	Timeout time.Duration
	// Retry is how long to wait after an attempt, counted from 1; default 1, 4, 16 … seconds, up to 6 hours, give or take a tenth.
	Retry func(attempt int) time.Duration
	// Patience is how long jobs in work may take to end when the runner stops, before their contexts do; default a second.
	Patience time.Duration
	Logger   *slog.Logger
}

const (
	defaultWorkers  = 8
	defaultTimeout  = time.Minute
	defaultPatience = time.Second
	// lostAfter is how long a job may be in work before its server is taken for dead, beyond the time that an attempt has.
	lostAfter = 15 * time.Second
	// pollPeriod finds jobs of whose arrival no notification came.
	pollPeriod = time.Second
	// Jobs that ended are kept for a time, the dead ones so that somebody can look after them.
	keepDone = 24 * time.Hour
	keepDead = 30 * 24 * time.Hour
	maxRetry = 6 * time.Hour
)

func (c *Config) setDefaults() {
	if c.Workers == 0 {
		c.Workers = defaultWorkers
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Retry == nil {
		c.Retry = backOff
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// backOff waits four times as long after each attempt. The spread keeps jobs apart that failed together.
func backOff(attempt int) time.Duration {
	wait := maxRetry
	if attempt < 8 { // 4^7 seconds are four and a half hours
		wait = time.Second << (2 * (attempt - 1))
	}
	return wait + time.Duration((rand.Float64()-0.5)*0.2*float64(wait)) //nolint:gosec // nobody gains from guessing it
}

// retryPolicy implements river.ClientRetryPolicy.
type retryPolicy func(attempt int) time.Duration

// NextRetry implements river.ClientRetryPolicy.
func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(p(max(len(job.Errors)+1, 1)))
}

// Runner does jobs until it is stopped.
type Runner struct{ client *river.Client[pgxTx] }

// Start begins to do the registry's jobs. The pool logs in as a role with rights on River's tables, past any transaction pooler,
// because it waits for notifications; one of its connections is taken for that.
func Start(ctx context.Context, pool *pgxpool.Pool, r *Registry, cfg Config) (*Runner, error) {
	if err := errors.Join(r.faults...); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: migrations.JobsSchema, Workers: r.workers, PeriodicJobs: r.periodic,
		Queues:     map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: cfg.Workers}},
		JobTimeout: cfg.Timeout, RescueStuckJobsAfter: cfg.Timeout + lostAfter, RetryPolicy: retryPolicy(cfg.Retry),
		FetchPollInterval: pollPeriod, SoftStopTimeout: cfg.Patience, FetchOnlyKnownKinds: true,
		CompletedJobRetentionPeriod: keepDone, CancelledJobRetentionPeriod: keepDead, DiscardedJobRetentionPeriod: keepDead,
		ErrorHandler: failures{cfg.Logger}, Logger: slog.New(quiet{cfg.Logger.Handler()}),
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return &Runner{client}, nil
}

// Stop takes no more jobs and waits for those in work; it is done when the context ends, or sooner.
func (r *Runner) Stop(ctx context.Context) error {
	if err := r.client.Stop(ctx); err != nil {
		return errors.Join(err, r.client.StopAndCancel(ctx))
	}
	return nil
}
