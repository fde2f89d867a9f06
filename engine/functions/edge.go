package functions

import (
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// serveEdge passes a request to a function in TypeScript: with its body unread, and its answer, CORS headers and all, as the
// function makes it. Preflights always reach the function, as those of Supabase's gateway do.
func (h *Handler) serveEdge(w http.ResponseWriter, r *http.Request, name string, verify bool) {
	out := &edgeWriter{ResponseWriter: w}
	// Streams and sockets last as long as they last.
	control := http.NewResponseController(w)
	_, _ = control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{})
	if r.Method == http.MethodOptions {
		h.edge.Serve(out, r, name)
		return
	}
	access := Public()
	if verify {
		access = Access{kind: accessProject}
	}
	c, err := h.enter(r, access, Standard)
	if err == nil {
		err = h.callEdge(out, r, name, c)
	}
	if err != nil {
		allowOrigins(w.Header())
		w.Header().Set("Sb-Error-Code", edgeCode(r, asError(err)))
		h.writeError(w, r, err)
	}
}

// callEdge runs the function. A call with an Idempotency-Key has it claimed before, because what the function does is its own.
func (h *Handler) callEdge(w http.ResponseWriter, r *http.Request, name string, c *Call) error {
	if r.Header.Get(IdempotencyHeader) == "" {
		h.edge.Serve(w, r, name)
		return nil
	}
	body, err := h.rebody(w, r)
	if err != nil {
		return err
	}
	o, err := newOnce(r, c, name, body, inTypeScript)
	if err != nil {
		return err
	}
	if o == nil {
		h.edge.Serve(w, r, name)
		return nil
	}
	var given *answer
	err = h.sessions.Do(r.Context(), func(tx pgx.Tx) error {
		given, err = o.claim(r.Context(), tx)
		return err
	})
	if err != nil {
		return err
	}
	if given != nil {
		given.write(w, r)
		return nil
	}
	seen := &recorder{ResponseWriter: w}
	h.edge.Serve(seen, r, name)
	switch {
	case seen.status == http.StatusServiceUnavailable && seen.Header().Get("X-Relay-Error") != "", seen.status == http.StatusNotFound:
		h.release(r.Context(), o) // the function did not even begin
	case seen.status != 0 && seen.status < http.StatusInternalServerError:
		h.store(r.Context(), o, seen)
	default:
		h.lose(r.Context(), o)
	}
	return nil
}

// edgeCode is the code under which Supabase's clients know a refusal.
func edgeCode(r *http.Request, e *Error) string {
	switch {
	case e.Status != http.StatusUnauthorized:
		return e.Code
	case r.Header.Get("Authorization") == "":
		return "UNAUTHORIZED_NO_AUTH_HEADER"
	default:
		return "UNAUTHORIZED_INVALID_JWT_FORMAT"
	}
}

// edgeWriter lets pages of any origin read answers of functions that say nothing of origins themselves.
type edgeWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (w *edgeWriter) WriteHeader(status int) {
	if !w.begun && status >= http.StatusOK {
		w.begun = true
		if w.Header().Get("Access-Control-Allow-Origin") == "" {
			allowOrigins(w.Header())
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *edgeWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *edgeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
