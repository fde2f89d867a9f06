package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine"
	"nexus/engine/bench"
	"nexus/schema/cluster"
)

// serve runs a server with an embedded PostgreSQL and returns how to measure it, quickly.
func serve(t *testing.T) bench.Options {
	t.Helper()
	cfg := engine.DefaultConfig()
	cfg.Listen, cfg.DataDir = "127.0.0.1:0", t.TempDir()
	server, err := engine.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan engine.Info, 1), make(chan error, 1)
	go func() { done <- server.Run(ctx, func(info engine.Info) { ready <- info }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		var missing *cluster.BinariesError
		if errors.As(err, &missing) && os.Getenv("CI") != "true" {
			t.Skip("SKIPPED, no PostgreSQL: ", err)
		}
		t.Fatal(err)
	}
	keys, err := engine.LoadKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o := bench.Scaled(bench.DefaultOptions(), 5)
	o.URL, o.DatabaseURL = keys.URL, keys.DatabaseURL
	o.Connections, o.PoolSize, o.Crowd, o.Duration, o.Runs, o.ExportRows = 2, 2, 8, 50*time.Millisecond, 1, 20_000
	o.Token = func(role string, claims map[string]any) (string, error) {
		return engine.MintToken(cfg, engine.Token{Role: role, Claims: claims, TTL: time.Hour})
	}
	return o
}

func queryString(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	result := conn.PgConn().Exec(t.Context(), sql)
	all, err := result.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range all[len(all)-1].Rows {
		lines = append(lines, string(row[0]))
	}
	return strings.Join(lines, "\n")
}

const leftovers = `select count(*)::text from pg_class where relname like 'nexus_bench%'`

func TestRun(t *testing.T) {
	t.Parallel()
	o := serve(t)
	var progress bytes.Buffer
	o.Progress = &progress
	report, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range report.Workloads {
		names[f.Name] = true
		if f.PerSecond <= 0 || f.FloorPerSecond <= 0 || f.P50 <= 0 || f.P99 < f.P50 || f.Ratio <= 0 || f.Title == "" {
			t.Errorf("figures %+v", f)
		}
		if !strings.Contains(progress.String(), f.Name+": run 1 of 1\n") {
			t.Errorf("no progress of %s", f.Name)
		}
	}
	for _, name := range bench.Workloads() {
		if !names[name] && name != "crowd" && name != "export" {
			t.Errorf("%s was not measured", name)
		}
	}
	if report.Crowd == nil || report.Crowd.PerSecond <= 0 || report.Crowd.Connections != 8 {
		t.Errorf("crowd %+v", report.Crowd)
	}
	if len(report.Exports) != 3 {
		t.Fatalf("exports %+v", report.Exports)
	}
	for _, e := range report.Exports {
		if e.Rows != 20_000 || e.Bytes < 20_000*20 || e.Seconds <= 0 || e.FirstByte <= 0 || e.CopySeconds <= 0 {
			t.Errorf("export %+v", e)
		}
	}
	if report.IdleRSS <= 0 || report.PeakRSS < report.IdleRSS {
		t.Errorf("RSS %d before, %d at most", report.IdleRSS, report.PeakRSS)
	}
	var table, encoded bytes.Buffer
	if err := report.Print(&table); err != nil || !strings.Contains(table.String(), "25 rows + embedded list") {
		t.Errorf("error %v, table\n%s", err, table.String())
	}
	if err := json.NewEncoder(&encoded).Encode(report); err != nil || !strings.Contains(encoded.String(), `"requests_per_second":`) {
		t.Errorf("error %v, JSON %s", err, encoded.String())
	}
	if left := queryString(t, o.DatabaseURL, leftovers); left != "0" {
		t.Errorf("%s relations are left", left)
	}
}

// TestNothingIsLeft cancels a measurement in the middle, and then looks at the plan of the policy's statement, for which the
// next one keeps its tables.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	o := serve(t)
	o.Only, o.Duration = []string{"one-row-rls"}, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = cancelAt{"one-row-rls: run 1 of 1", cancel}
	if _, err := bench.Run(ctx, o); err == nil {
		t.Error("a measurement that was cancelled has figures")
	}
	if left := queryString(t, o.DatabaseURL, leftovers); left != "0" {
		t.Errorf("%s relations are left", left)
	}
	o.Keep, o.Duration, o.Progress = true, 10*time.Millisecond, nil
	if _, err := bench.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	plan := queryString(t, o.DatabaseURL, `set role authenticated; set request.jwt.claims = '{"organization":7}';
		explain select id, name from nexus_bench_customers order by id limit 25`)
	if !strings.Contains(plan, "nexus_bench_customers_organization_id_idx") {
		t.Errorf("the policy uses no index:\n%s", plan)
	}
	if rows := queryString(t, o.DatabaseURL, `set role authenticated; set request.jwt.claims = '{"organization":7}';
		select count(*)::text || ' of ' || count(*) filter (where organization = 7) from nexus_bench_customers`); rows != "200 of 200" {
		t.Errorf("the policy shows %s rows", rows)
	}
}

// cancelAt cancels when a line is written.
type cancelAt struct {
	line   string
	cancel func()
}

func (c cancelAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.line) {
		c.cancel()
	}
	return len(p), nil
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*bench.Options){
		"there is none called":  func(o *bench.Options) { o.Only = []string{"two-rows"} },
		"connections: must be":  func(o *bench.Options) { o.Connections = 0 },
		"runs, duration: must":  func(o *bench.Options) { o.Runs = 0 },
		"export-rows: must not": func(o *bench.Options) { o.ExportRows = -1 },
		"url: want one":         func(o *bench.Options) { o.URL = "https://api.example.org" },
	} {
		o := bench.DefaultOptions()
		o.URL, o.DatabaseURL = "http://127.0.0.1:1", "postgresql://127.0.0.1:1/x"
		o.Token = func(string, map[string]any) (string, error) { return "", nil }
		change(&o)
		if _, err := bench.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
