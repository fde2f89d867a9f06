package postgrest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probeTimeout bounds the look at whether the API accepts connections.
const probeTimeout = time.Second

// admin serves the admin endpoints (https://docs.postgrest.org/en/v14/references/admin_server.html), and /config as PostgREST
// had it up to 12, but without the secrets for which it was dropped.
func (s *Server) admin(api net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/live", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(liveStatus(accepts(r.Context(), api)))
	})
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(s.readyStatus(accepts(r.Context(), api)))
	})
	mux.HandleFunc("/config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(s.Config().withoutSecrets().Dump()))
	})
	mux.HandleFunc("/schema_cache", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if snapshot := s.cache.Snapshot(); snapshot != nil {
			_ = json.NewEncoder(w).Encode(describe(snapshot))
		}
	})
	mux.Handle("/metrics", plainText(promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{DisableCompression: true})))
	return mux
}

// plainText gives metrics the content type that PostgREST gives them: clients that know no other take that for the text format.
func plainText(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept")
		next.ServeHTTP(contentType{w}, r)
	})
}

type contentType struct{ http.ResponseWriter }

// Write implements http.ResponseWriter.
func (w contentType) Write(p []byte) (int, error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return w.ResponseWriter.Write(p)
}

func liveStatus(accepting bool) int {
	if accepting {
		return http.StatusOK
	}
	return http.StatusInternalServerError
}

// readyStatus is 200 when requests can be served from a fresh schema, 503 while that is being worked on, and 500 when the
// API does not even accept connections.
func (s *Server) readyStatus(accepting bool) int {
	status := s.cache.Status()
	switch {
	case !accepting:
		return http.StatusInternalServerError
	case !status.Loaded, status.LastError != nil, s.first.DBChannelEnabled && !status.Listening:
		return http.StatusServiceUnavailable
	default:
		return http.StatusOK
	}
}

// accepts reports whether the API's address accepts a connection.
func accepts(ctx context.Context, api net.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, api.Network(), api.String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
