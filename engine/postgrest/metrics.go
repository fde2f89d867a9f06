package postgrest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are PostgREST's, under its names
// (https://docs.postgrest.org/en/v14/references/observability.html#metrics), on a registry of their own.
type metrics struct {
	registry  *prometheus.Registry
	loads     *prometheus.CounterVec
	queryTime prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pgrst_schema_cache_loads_total", Help: "The total number of times the schema cache was loaded",
		}, []string{"status"}),
		queryTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pgrst_schema_cache_query_time_seconds", Help: "The query time in seconds of the last schema cache load",
		}),
	}
	m.registry.MustRegister(m.loads, m.queryTime)
	return m
}

func (m *metrics) loaded(took time.Duration) {
	m.loads.WithLabelValues("SUCCESS").Inc()
	m.queryTime.Set(took.Seconds())
}

func (m *metrics) failed() { m.loads.WithLabelValues("FAIL").Inc() }

// watch adds the numbers that are kept elsewhere and read when they are asked for.
func (m *metrics) watch(s *Server) {
	gauge := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	counter := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
	}
	gauge("pgrst_db_pool_available", "Available connections in the pool", func() float64 { return float64(s.pool.Stats().Idle) })
	gauge("pgrst_db_pool_waiting", "Requests waiting to acquire a pool connection", func() float64 { return float64(s.pool.Stats().Waiting) })
	gauge("pgrst_db_pool_max", "Max pool connections", func() float64 { return float64(s.pool.Stats().MaxConns) })
	counter("pgrst_db_pool_timeouts_total", "The total number of pool connection timeouts", func() float64 { return float64(s.pool.Stats().Timeouts) })
	counter("pgrst_jwt_cache_requests_total", "The total number of JWT cache lookups", func() float64 {
		stats := s.current.Load().verifier.CacheStats()
		return float64(stats.Hits + stats.Misses)
	})
	counter("pgrst_jwt_cache_hits_total", "The total number of JWT cache hits", func() float64 {
		return float64(s.current.Load().verifier.CacheStats().Hits)
	})
	counter("pgrst_jwt_cache_evictions_total", "The total number of JWT cache evictions", func() float64 {
		return float64(s.current.Load().verifier.CacheStats().Evictions)
	})
}
