package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// checkFirst looks at one answer before many are counted.
func (r *run) checkFirst(ctx context.Context, w *workload) error {
	c, err := r.target.dial(ctx)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	var body bytes.Buffer
	code, err := c.do(r.target, w.request(rand.New(rand.NewPCG(1, 1)), r.target.size), &body) //nolint:gosec // no secret
	if err != nil {
		return err
	}
	return w.check(code, body.Bytes())
}

// workload measures the server and the floor in turn, so that both meet the same conditions.
func (r *run) workload(ctx context.Context, w *workload) (*Figure, error) {
	f := &Figure{Name: w.name, Title: w.title, AtLeast: w.atLeast}
	var served, floors []*tally
	var cpu []time.Duration
	for i := range r.Runs {
		r.say("%s: run %d of %d", w.name, i+1, r.Runs)
		floor, err := r.database.floor(ctx, w, r.PoolSize, r.Duration)
		if err != nil {
			return nil, fmt.Errorf("floor: %w", err)
		}
		before := r.cpu()
		answers, err := r.target.load(ctx, w, r.Connections, r.Duration)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if answers.latencies.total == 0 || floor.latencies.total == 0 {
			return nil, errors.New("nothing was answered in the time of a run")
		}
		cpu = append(cpu, (r.cpu()-before)/time.Duration(answers.latencies.total))
		served, floors = append(served, answers), append(floors, floor)
		r.noteRSS()
	}
	f.PerSecond, f.FloorPerSecond = median(served, (*tally).perSecond), median(floors, (*tally).perSecond)
	f.Ratio = f.PerSecond / f.FloorPerSecond
	f.P50 = micros(median(served, func(t *tally) time.Duration { return t.latencies.percentile(0.50) }))
	f.P99 = micros(median(served, func(t *tally) time.Duration { return t.latencies.percentile(0.99) }))
	f.Bytes = median(served, func(t *tally) int64 { return t.bytes / int64(t.latencies.total) })
	if r.process != nil {
		f.CPU = micros(median(cpu, func(d time.Duration) time.Duration { return d }))
	}
	return f, nil
}

func (r *run) cpu() time.Duration {
	if r.process == nil {
		return 0
	}
	used, _ := r.process.cpu()
	return used
}

func (r *run) noteRSS() {
	if r.process == nil {
		return
	}
	if rss, err := r.process.rss(); err == nil {
		r.report.PeakRSS = max(r.report.PeakRSS, rss)
	}
}

// crowd compares the throughput of many connections with that of the usual number.
func (r *run) crowd(ctx context.Context, w *workload) error {
	var few, many []*tally
	for i := range r.Runs {
		r.say("%s: run %d of %d", crowdName, i+1, r.Runs)
		for connections, into := range map[int]*[]*tally{r.Connections: &few, r.Crowd: &many} {
			answers, err := r.target.load(ctx, w, connections, r.Duration)
			if err != nil {
				return err
			}
			*into = append(*into, answers)
			r.noteRSS()
		}
	}
	r.report.Crowd = &CrowdFigure{
		Connections: r.Crowd, PerSecond: median(many, (*tally).perSecond), FewPerSecond: median(few, (*tally).perSecond),
	}
	r.report.Crowd.Ratio = r.report.Crowd.PerSecond / r.report.Crowd.FewPerSecond
	return nil
}

// exportSQL makes a table that is read as a whole.
const exportSQL = `create table nexus_bench_export as
	select n as id, 'Name ' || n as name, (n %% 1000 + 0.5)::numeric(10,2) as price, n %% 77 as stock, 'Category ' || n %% 20 as category
	from generate_series(1, %d) n`

// exports reads a large table in each format, and as psql's \copy does to a file.
func (r *run) exports(ctx context.Context, conn *pgx.Conn) error {
	r.say("%s: making %d rows", exportName, r.ExportRows)
	for _, sql := range []string{
		"drop table if exists nexus_bench_export", fmt.Sprintf(exportSQL, r.ExportRows), "grant select on nexus_bench_export to authenticated", "vacuum analyze nexus_bench_export",
		"notify pgrst, 'reload schema'",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := r.awaitTable(ctx, "nexus_bench_export"); err != nil {
		return err
	}
	file, err := os.CreateTemp("", "nexus-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	copies := make([]time.Duration, r.Runs)
	for i := range copies {
		r.say("%s: copy, run %d of %d", exportName, i+1, r.Runs)
		if err := file.Truncate(0); err != nil {
			return err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if copies[i], err = r.database.copyOut(ctx, "select * from nexus_bench_export", file); err != nil {
			return err
		}
	}
	floor := median(copies, func(d time.Duration) time.Duration { return d })
	for _, accept := range []string{"text/csv", "application/x-ndjson", "application/json"} {
		figure, err := r.export(ctx, accept, floor)
		if err != nil {
			return fmt.Errorf("%s: %w", accept, err)
		}
		r.report.Exports = append(r.report.Exports, *figure)
	}
	return nil
}

func (r *run) export(ctx context.Context, accept string, floor time.Duration) (*ExportFigure, error) {
	var totals, firsts []time.Duration
	f := &ExportFigure{Format: accept, Rows: r.ExportRows, CopySeconds: floor.Seconds()}
	var growth []int64
	for i := range r.Runs {
		r.say("%s: %s, run %d of %d", exportName, accept, i+1, r.Runs)
		before := r.rss()
		timed := &download{began: time.Now()}
		code, err := r.download(ctx, accept, timed)
		if err != nil || code != 200 {
			return nil, errors.Join(fmt.Errorf("status %d", code), err)
		}
		totals, firsts = append(totals, time.Since(timed.began)), append(firsts, timed.after)
		growth, f.Bytes = append(growth, r.rss()-before), timed.size
	}
	f.Seconds = median(totals, func(d time.Duration) time.Duration { return d }).Seconds()
	f.FirstByte = micros(median(firsts, func(d time.Duration) time.Duration { return d }))
	f.Ratio = f.Seconds / f.CopySeconds
	f.RSSGrowth = slices.Max(growth)
	return f, nil
}

func (r *run) rss() int64 {
	if r.process == nil {
		return 0
	}
	rss, _ := r.process.rss()
	return rss
}

func (r *run) download(ctx context.Context, accept string, w io.Writer) (code int, err error) {
	c, err := r.target.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	request := fmt.Sprintf("GET %s/nexus_bench_export HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: %s\r\n\r\n",
		r.target.base, r.target.address, r.target.token, accept)
	if _, err := io.WriteString(c.conn, request); err != nil {
		return 0, err
	}
	return c.answer(w)
}

// download notes when a body begins and how long it is.
type download struct {
	began time.Time
	after time.Duration
	size  int64
}

// Write implements io.Writer.
func (f *download) Write(p []byte) (int, error) {
	if f.after == 0 {
		f.after = time.Since(f.began)
	}
	f.size += int64(len(p))
	return len(p), nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median returns the middle one of the values that get takes from list.
func median[T any, V interface{ ~int64 | ~float64 }](list []T, get func(T) V) V {
	values := make([]V, len(list))
	for i := range list {
		values[i] = get(list[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
