package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say what to measure and how.
type Options struct {
	// URL is the server's, DatabaseURL that of its database, as the owner.
	URL         string
	DatabaseURL string
	// Schema is the one that the API serves by default; BasePath is where the API is.
	Schema   string
	BasePath string
	// Token makes a token for a role with further claims.
	Token func(role string, claims map[string]any) (string, error)
	// Connections is how many clients ask at once, PoolSize through how many connections the floor is measured: as many as
	// the server has to the database. Crowd is a number of connections that is large.
	Connections int
	PoolSize    int
	Crowd       int
	// Duration is that of one run; the figures are medians of Runs.
	Duration time.Duration
	Runs     int
	// Only names the workloads to measure, none for all.
	Only []string
	// ExportRows is how many rows are exported, 0 for no exports.
	ExportRows int
	// Keep leaves the tables.
	Keep bool
	// Progress takes lines that say what is going on; it may be nil.
	Progress io.Writer

	// scale divides the size of the data set, for tests.
	scale int
}

// DefaultOptions returns the options of the figures that are compared.
func DefaultOptions() Options {
	return Options{
		Schema: "public", BasePath: "/rest/v1", Connections: 32, PoolSize: 10, Crowd: 512, Duration: 5 * time.Second, Runs: 5,
		ExportRows: 1_000_000, scale: 1,
	}
}

// Validate reports what cannot be measured.
func (o *Options) Validate() error {
	var errs []error
	for _, name := range o.Only {
		known := slices.ContainsFunc(workloads(), func(w workload) bool { return w.name == name })
		if !known && name != exportName && name != crowdName {
			errs = append(errs, fmt.Errorf("workloads: there is none called %q; there are %s", name, strings.Join(Workloads(), ", ")))
		}
	}
	if o.Connections < 1 || o.PoolSize < 1 || o.Crowd < 1 {
		errs = append(errs, errors.New("connections: must be at least 1"))
	}
	if o.Runs < 1 || o.Duration <= 0 {
		errs = append(errs, errors.New("runs, duration: must be positive"))
	}
	if o.ExportRows < 0 {
		errs = append(errs, errors.New("export-rows: must not be negative"))
	}
	return errors.Join(errs...)
}

// The names of what is measured besides the workloads.
const (
	exportName = "export"
	crowdName  = "crowd"
)

// Workloads lists the names of what can be measured.
func Workloads() []string {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return append(names, crowdName, exportName)
}

func (o *Options) wants(name string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, name) }

// run is one invocation.
type run struct {
	Options
	target   *target
	database *database
	process  *process
	report   *Report
}

// Run makes the data set, measures, and drops the data set again, also when ctx ends or something fails.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	r, err := prepare(o)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, o.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if !o.Keep {
			err = errors.Join(err, drop(ctx, conn))
		}
		_ = conn.Close(ctx)
	}()
	r.say("making the data set")
	if err := build(ctx, conn, o.Schema, r.target.size); err != nil {
		return nil, err
	}
	if err := r.awaitTable(ctx, "nexus_bench_notes"); err != nil {
		return nil, err
	}
	return r.report, r.measure(ctx, conn)
}

func prepare(o Options) (*run, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("url: want one that begins with http://, not %q", o.URL)
	}
	address := u.Host
	if u.Port() == "" {
		address += ":80"
	}
	token, err := o.Token("authenticated", map[string]any{"organization": organization})
	if err != nil {
		return nil, err
	}
	s := size{fullSize.customers / o.scale, fullSize.items / o.scale, fullSize.orders / o.scale}
	r := &run{
		Options:  o,
		target:   &target{address: address, base: strings.TrimSuffix(u.Path, "/") + o.BasePath, token: token, size: s},
		database: &database{url: o.DatabaseURL, schema: o.Schema, claims: fmt.Appendf(nil, `{"organization":%d}`, organization), size: s},
		report:   &Report{URL: o.URL, Connections: o.Connections, FloorConnections: o.PoolSize, Runs: o.Runs, Seconds: o.Duration.Seconds()},
	}
	if r.process, err = findProcess(address); err == nil {
		r.report.IdleRSS, _ = r.process.rss()
	}
	return r, nil
}

func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.Progress, "%s\n", fmt.Sprintf(format, args...))
}

// tablesPatience is how long the server may take to notice the new tables.
const tablesPatience = 30 * time.Second

// awaitTable waits until the server knows a table.
func (r *run) awaitTable(ctx context.Context, table string) error {
	ctx, cancel := context.WithTimeout(ctx, tablesPatience)
	defer cancel()
	for {
		c, err := r.target.dial(ctx)
		if err != nil {
			return fmt.Errorf("reach the server: %w", err)
		}
		code, err := c.do(r.target, call{method: http.MethodGet, target: "/" + table + "?limit=0"}, io.Discard)
		_ = c.conn.Close()
		if err == nil && code == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not serve %s of schema %s: status %d: %w", table, r.Schema, code, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// measure goes through everything that is wanted.
func (r *run) measure(ctx context.Context, conn *pgx.Conn) error {
	all := workloads()
	for i := range all {
		w := &all[i]
		if !r.wants(w.name) {
			continue
		}
		if err := r.checkFirst(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		figure, err := r.workload(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.report.Workloads = append(r.report.Workloads, *figure)
		if err := tidy(ctx, conn); err != nil {
			return err
		}
	}
	if r.wants(crowdName) {
		if err := r.crowd(ctx, &all[0]); err != nil {
			return fmt.Errorf("%s: %w", crowdName, err)
		}
	}
	if r.wants(exportName) && r.ExportRows > 0 {
		if err := r.exports(ctx, conn); err != nil {
			return fmt.Errorf("%s: %w", exportName, err)
		}
	}
	return nil
}

// tidy keeps what one workload has written from slowing the next one down.
func tidy(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{"truncate nexus_bench_notes", "vacuum nexus_bench_items"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	return nil
}
