package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report holds what was measured. Times are in microseconds unless a name says seconds, sizes in bytes; the figures of
// processes are 0 where the server does not run on this machine.
type Report struct {
	URL string `json:"url"`
	// Connections asked the server, FloorConnections the database.
	Connections      int     `json:"connections"`
	FloorConnections int     `json:"floor_connections"`
	Runs             int     `json:"runs"`
	Seconds          float64 `json:"seconds_per_run"`

	Workloads []Figure       `json:"workloads"`
	Crowd     *CrowdFigure   `json:"crowd,omitempty"`
	Exports   []ExportFigure `json:"exports,omitempty"`

	IdleRSS int64 `json:"idle_rss"`
	PeakRSS int64 `json:"peak_rss"`
}

// Figure is what was measured of a workload.
type Figure struct {
	Name      string  `json:"name"`
	Title     string  `json:"title"`
	PerSecond float64 `json:"requests_per_second"`
	P50       float64 `json:"p50"`
	P99       float64 `json:"p99"`
	// Bytes is the size of a body, CPU the server's processor time for a request.
	Bytes int64   `json:"bytes"`
	CPU   float64 `json:"cpu"`
	// FloorPerSecond is how often the same SQL runs with nothing in front of it, and Ratio the server's part of that.
	FloorPerSecond float64 `json:"floor_per_second"`
	Ratio          float64 `json:"ratio"`
	// AtLeast is the ratio that is wanted.
	AtLeast float64 `json:"at_least"`
}

// CrowdFigure compares the first workload through many connections with the usual number.
type CrowdFigure struct {
	Connections  int     `json:"connections"`
	PerSecond    float64 `json:"requests_per_second"`
	FewPerSecond float64 `json:"few_requests_per_second"`
	Ratio        float64 `json:"ratio"`
}

// ExportFigure is what was measured of the export of a table.
type ExportFigure struct {
	Format      string  `json:"format"`
	Rows        int     `json:"rows"`
	Bytes       int64   `json:"bytes"`
	Seconds     float64 `json:"seconds"`
	FirstByte   float64 `json:"first_byte"`
	CopySeconds float64 `json:"copy_seconds"`
	// Ratio is the time in relation to that of COPY to a file.
	Ratio     float64 `json:"ratio"`
	RSSGrowth int64   `json:"rss_growth"`
}

const mebibyte = 1 << 20

// Print writes the report as tables.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%s: %d connections, the floor through %d; medians of %d runs of %gs", r.URL, r.Connections, r.FloorConnections, r.Runs, r.Seconds)
	if len(r.Workloads) > 0 {
		line("")
		line("workload\treq/s\tp50 ms\tp99 ms\tbytes\tCPU µs\tfloor tx/s\tratio\twanted\t")
	}
	for _, f := range r.Workloads {
		line("%s\t%.0f\t%.2f\t%.2f\t%d\t%.0f\t%.0f\t%.2f\t%.2f\t", f.Title, f.PerSecond, f.P50/1000, f.P99/1000, f.Bytes, f.CPU,
			f.FloorPerSecond, f.Ratio, f.AtLeast)
	}
	if c := r.Crowd; c != nil {
		line("")
		line("%d connections\t%.0f req/s\tof %.0f\tratio %.2f\t", c.Connections, c.PerSecond, c.FewPerSecond, c.Ratio)
	}
	if len(r.Exports) > 0 {
		line("")
		line("export\trows\tMiB\tseconds\tfirst byte ms\tcopy seconds\tratio\tRSS growth MiB\t")
	}
	for _, e := range r.Exports {
		line("%s\t%d\t%d\t%.2f\t%.1f\t%.2f\t%.2f\t%d\t", e.Format, e.Rows, e.Bytes/mebibyte, e.Seconds, e.FirstByte/1000, e.CopySeconds,
			e.Ratio, e.RSSGrowth/mebibyte)
	}
	if r.IdleRSS > 0 {
		line("")
		line("RSS of the server: %d MiB before, %d MiB at most", r.IdleRSS/mebibyte, r.PeakRSS/mebibyte)
	}
	return w.Flush()
}
