package main

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"nexus/engine"
	"nexus/engine/bench"
)

// benchTokenLife is longer than any measurement.
const benchTokenLife = 24 * time.Hour

type benchOptions struct {
	*configOptions
	measure bench.Options
	url     string
	json    bool
}

func newBenchCommand() *cobra.Command {
	o := &benchOptions{configOptions: newConfigOptions(), measure: bench.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a running server beside the raw SQL of the same work",
		Long: "Measure a running server: requests a second, times, processor time and memory, and beside each the raw SQL of the same\n" +
			"work on the same database. It makes tables of its own (nexus_bench_*) in the first schema that is served, and drops them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.load(cmd); err != nil {
				return err
			}
			return runBench(cmd, o)
		},
	}
	f := cmd.Flags()
	o.bindCommon(f)
	f.StringVar(&o.url, "url", "", "URL of the server (default: that of the data directory's)")
	f.StringVar(&o.measure.Schema, "schema", o.measure.Schema, "schema that the server serves by default")
	f.IntVar(&o.measure.Connections, "connections", o.measure.Connections, "connections to the server")
	f.IntVar(&o.measure.PoolSize, "floor-connections", o.measure.PoolSize, "connections to the database for the raw SQL: as many as the server's --db-pool")
	f.IntVar(&o.measure.Crowd, "crowd", o.measure.Crowd, "connections of the measurement of many")
	f.DurationVar(&o.measure.Duration, "duration", o.measure.Duration, "time of one run")
	f.IntVar(&o.measure.Runs, "runs", o.measure.Runs, "runs whose median counts")
	f.StringSliceVar(&o.measure.Only, "workloads", nil, "workloads to measure (default: all)")
	f.IntVar(&o.measure.ExportRows, "export-rows", o.measure.ExportRows, "rows to export")
	f.BoolVar(&o.measure.Keep, "keep", false, "leave the tables")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func runBench(cmd *cobra.Command, o *benchOptions) error {
	keys, err := engine.LoadKeys(o.Config)
	if err != nil {
		return err
	}
	if o.measure.DatabaseURL = keys.DatabaseURL; o.measure.DatabaseURL == "" {
		return errors.New("db-url: the server was given its database from outside; name it here, too")
	}
	if o.measure.URL = o.url; o.measure.URL == "" {
		o.measure.URL = keys.URL
	}
	o.measure.Token = func(role string, claims map[string]any) (string, error) {
		return engine.MintToken(o.Config, engine.Token{Role: role, Claims: claims, TTL: benchTokenLife})
	}
	o.measure.Progress = cmd.ErrOrStderr()
	report, err := bench.Run(cmd.Context(), o.measure)
	if err != nil {
		return err
	}
	if o.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return report.Print(cmd.OutOrStdout())
}
