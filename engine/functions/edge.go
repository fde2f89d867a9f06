package functions

import "net/http"

// serveEdge passes a request to a function in TypeScript: with its body unread, and its answer, CORS headers and all, as the
// function makes it. Preflights always reach the function, as those of Supabase's gateway do.
func (h *Handler) serveEdge(w http.ResponseWriter, r *http.Request, name string, verify bool) {
	out := &edgeWriter{ResponseWriter: w}
	if r.Method == http.MethodOptions {
		h.edge.Serve(out, r, name)
		return
	}
	access := Public()
	if verify {
		access = Access{kind: accessProject}
	}
	if _, err := h.enter(r, access, Standard); err != nil {
		allowOrigins(w.Header())
		e := asError(err)
		w.Header().Set("Sb-Error-Code", edgeCode(r, e))
		h.writeError(w, r, err)
		return
	}
	h.edge.Serve(out, r, name)
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
