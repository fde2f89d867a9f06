package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Args are the arguments of a kind of job, as JSON: ids of rows rather than data. Those of a tenant have a member organization_id.
type Args = river.JobArgs

// Job tells what is to be done, and which attempt it is.
type Job[A Args] struct {
	ID   int64
	Args A
	// Attempt counts from 1.
	Attempt int
	// Last is whether there will be no further attempt.
	Last bool
}

// Registry knows what is done with jobs. Fill it before it is given to Start.
type Registry struct {
	workers  *river.Workers
	periodic []*river.PeriodicJob
	faults   []error
}

// NewRegistry makes an empty one.
func NewRegistry() *Registry { return &Registry{workers: river.NewWorkers()} }

// Handle has jobs of the kind of A done by work. An error has the job tried again later, Give has it given up, Later has it wait.
// Start fails if the kind has a handler already.
func Handle[A Args](r *Registry, work func(ctx context.Context, job Job[A]) error) {
	var args A
	if err := river.AddWorkerSafely(r.workers, &worker[A]{work: work}); err != nil {
		r.faults = append(r.faults, fmt.Errorf("jobs of the kind %s: %w", args.Kind(), err))
	}
}

// Every has a job added again and again, by one of the servers of a database. The first time is a period after the start.
func Every(r *Registry, period time.Duration, args Args) {
	r.periodic = append(r.periodic, river.NewPeriodicJob(river.PeriodicInterval(period), func() (Args, *river.InsertOpts) {
		return args, &river.InsertOpts{MaxAttempts: 1}
	}, nil))
}

// Give ends a job for good: another attempt would not help.
func Give(reason error) error { return river.JobCancel(reason) }

// Later has a job wait without counting the attempt.
func Later(wait time.Duration) error { return river.JobSnooze(wait) }

// Options say how a job is to be done.
type Options struct {
	// At is when, if it is later than now.
	At time.Time
	// MaxAttempts is how often it is tried; 0 is 10 times, which take about twelve hours.
	MaxAttempts int
}

const defaultMaxAttempts = 10

// Add has a job done once the transaction is committed. The transaction's role needs the right to call nexus_app.enqueue, which
// the server's login role has.
func Add(ctx context.Context, tx pgx.Tx, args Args, o Options) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = defaultMaxAttempts
	}
	var at *time.Time
	if !o.At.IsZero() {
		at = &o.At
	}
	_, err = tx.Exec(ctx, "select nexus_app.enqueue($1, $2, $3, $4)", args.Kind(), text, at, o.MaxAttempts)
	return err
}

// worker adapts a handler to River.
type worker[A Args] struct {
	river.WorkerDefaults[A]
	work func(context.Context, Job[A]) error
}

// Work implements river.Worker.
func (w *worker[A]) Work(ctx context.Context, j *river.Job[A]) error {
	return w.work(ctx, Job[A]{ID: j.ID, Args: j.Args, Attempt: j.Attempt, Last: j.Attempt >= j.MaxAttempts})
}

// IsFinal reports whether an error of a handler is one of Give's.
func IsFinal(err error) bool {
	var given *rivertype.JobCancelError
	return errors.As(err, &given)
}
