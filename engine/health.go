package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// healthPath answers as long as the process does (liveness).
	healthPath = "/health"
	// readyPath answers 200 while requests can be served (readiness).
	readyPath = "/ready"
)

// probeTimeout bounds the question to the database.
const probeTimeout = 2 * time.Second

// The values of healthAnswer.Status.
const (
	statusOK          = "ok"
	statusDegraded    = "degraded"
	statusUnavailable = "unavailable"
)

// healthAnswer is the body of both paths.
type healthAnswer struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	answerHealth(w, r, healthAnswer{Status: statusOK})
}

// ready reports degraded, which still is 200, when the newest schema could not be read: requests are served with the one
// before.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	answerHealth(w, r, s.readiness(r.Context()))
}

func (s *Server) readiness(ctx context.Context) healthAnswer {
	b := s.backend.Load()
	if b == nil {
		return healthAnswer{Status: statusUnavailable, Reason: "starting"}
	}
	if s.stopping.Load() {
		return healthAnswer{Status: statusUnavailable, Reason: "stopping"}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := b.pool.Ping(ctx); err != nil {
		return healthAnswer{Status: statusUnavailable, Reason: "database: " + publicReason(err)}
	}
	if err := b.reloadError(); err != nil {
		return healthAnswer{Status: statusDegraded, Reason: "the schema could not be reloaded: " + publicReason(err)}
	}
	return healthAnswer{Status: statusOK}
}

// publicReason says what went wrong as far as anybody may know: PostgreSQL's SQLSTATE, but no host, user or query.
func publicReason(err error) string {
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr):
		return "SQLSTATE " + pgErr.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	default:
		return "not reachable"
	}
}

func answerHealth(w http.ResponseWriter, r *http.Request, answer healthAnswer) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // two strings always marshal
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/json; charset=utf-8"}
	header["Cache-Control"] = []string{"no-store"}
	status := http.StatusOK
	if answer.Status == statusUnavailable {
		status = http.StatusServiceUnavailable
		header["Retry-After"] = []string{"1"}
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
}
