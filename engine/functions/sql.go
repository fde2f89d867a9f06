package functions

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"nexus/rls"
	"nexus/schema"
)

// Schema is the schema whose functions are endpoints.
const Schema = "functions"

// SQL serves the functions of the schema functions as PostgREST serves those of an exposed schema: arguments are members of a
// JSON object or parameters of the query, and run under the caller's role. New functions and comments count as soon as the
// snapshot has them.
type SQL struct {
	snapshot func() *schema.Snapshot
	// rpc answers requests to /rpc/<function> for that schema; claiming claims an Idempotency-Key with it.
	rpc, claiming http.Handler
	log           *slog.Logger

	mu   sync.Mutex
	read *sqlFunctions
}

// sqlFunctions are those of one snapshot.
type sqlFunctions struct {
	of     *schema.Snapshot
	byName map[string]*SQLFunction
}

// SQLFunction is a function in SQL.
type SQLFunction struct {
	Annotations
	Name string
	// Methods are those that it is called with.
	Methods []string
	// Routine is the first of its overloads.
	Routine *schema.Routine
}

// ClaimForRequest is the function that has to run before a request to the handler claiming of NewSQL.
var ClaimForRequest = schema.Ident{Schema: "nexus", Name: "claim_for_request"}

// NewSQL serves the functions that snapshot has by rpc, which serves them below /rpc/, and by claiming if there is an
// Idempotency-Key.
func NewSQL(snapshot func() *schema.Snapshot, rpc, claiming http.Handler, log *slog.Logger) *SQL {
	return &SQL{snapshot: snapshot, rpc: rpc, claiming: claiming, log: log}
}

// All returns the functions by name. Names with underscores are reachable with hyphens as well.
func (s *SQL) All() map[string]*SQLFunction {
	snap := s.snapshot()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil && s.read.of == snap {
		return s.read.byName
	}
	all := &sqlFunctions{of: snap, byName: map[string]*SQLFunction{}}
	if snap != nil {
		for id, overloads := range snap.Routines {
			if id.Schema != Schema || len(overloads) == 0 {
				continue
			}
			// A comment that says something else than was meant must not open a door.
			a, err := ParseComment(overloads[0].Description)
			if err != nil {
				s.log.Error("a function in SQL is not served: its comment cannot be read", "function", id.Name, "error", err)
				continue
			}
			all.byName[id.Name] = newSQLFunction(a, overloads[0])
		}
	}
	s.read = all
	return all.byName
}

func newSQLFunction(a Annotations, routine *schema.Routine) *SQLFunction {
	f := &SQLFunction{Annotations: a, Name: routine.Name, Routine: routine, Methods: []string{a.Method}}
	changes := routine.Volatility == schema.Volatile
	switch {
	case a.Method == "" && changes:
		f.Methods = []string{http.MethodPost}
	case a.Method == "":
		f.Methods = []string{http.MethodGet, http.MethodPost}
	}
	if changes && a.Access.kind == accessToken {
		f.Access = Token(rls.ScopeWrite)
	}
	return f
}

// takes reports whether the function is called with the method.
func (f *SQLFunction) takes(method string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return slices.Contains(f.Methods, method)
}

func (s *SQL) lookup(name string) (*SQLFunction, bool) {
	all := s.All()
	f, ok := all[name]
	if !ok {
		f, ok = all[strings.ReplaceAll(name, "-", "_")]
	}
	return f, ok
}

// serveSQL takes a request to a function in SQL through the stages that come before the database.
func (h *Handler) serveSQL(w http.ResponseWriter, r *http.Request, f *SQLFunction) {
	allowOrigins(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w, r, strings.Join(f.Methods, ", "))
		return
	}
	if !f.takes(r.Method) {
		w.Header().Set("Allow", strings.Join(f.Methods, ", "))
		h.writeError(w, r, Errorf(http.StatusMethodNotAllowed, "method_not_allowed", "This function is called with "+strings.Join(f.Methods, " or ")))
		return
	}
	c, err := h.enter(r, f.Access, f.Tier)
	if err == nil {
		err = h.callSQL(w, r, f, c)
	}
	if err != nil {
		h.writeError(w, r, err)
	}
}

// callSQL runs the function and passes its answer on.
func (h *Handler) callSQL(w http.ResponseWriter, r *http.Request, f *SQLFunction, c *Call) error {
	var o *once
	if r.Header.Get(IdempotencyHeader) != "" && f.Routine.Volatility == schema.Volatile {
		body, err := h.rebody(w, r)
		if err != nil {
			return err
		}
		if o, err = newOnce(r, c, f.Name, body, inSQL); err != nil {
			return err
		}
	}
	if o == nil {
		out := &rpcWriter{ResponseWriter: w}
		h.sql.rpc.ServeHTTP(out, rpcRequest(r, f))
		out.end(h, r)
		return nil
	}
	given, err := h.look(r.Context(), o)
	if err != nil {
		return err
	}
	if given != nil {
		given.write(w, r)
		return nil
	}
	seen := &recorder{ResponseWriter: w}
	out := &rpcWriter{ResponseWriter: seen}
	request := rpcRequest(r, f)
	request.Header.Set(claimHeader, o.header())
	h.sql.claiming.ServeHTTP(out, request)
	if out.end(h, r); seen.status < http.StatusBadRequest {
		h.store(r.Context(), o, seen)
	}
	return nil
}

// rpcRequest is the request as rest/v1 would have got it: PUT, PATCH and DELETE become POST, and nothing chooses another schema.
func rpcRequest(r *http.Request, f *SQLFunction) *http.Request {
	out := r.Clone(r.Context())
	out.URL = &url.URL{Path: "/rpc/" + f.Name, RawQuery: withoutKey(r.URL.RawQuery)}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		out.Method = http.MethodPost
	}
	for _, name := range []string{"Accept-Profile", "Content-Profile"} {
		out.Header.Del(name)
	}
	if kind := out.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/plain") {
		out.Header.Set("Content-Type", "application/json")
	}
	return out
}

// withoutKey takes the gateway's parameter out of a query and leaves the rest as it is.
func withoutKey(query string) string {
	if !strings.Contains(query, "apikey=") {
		return query
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(pair, "apikey=") {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// rpcWriter passes an answer on, but for errors, which get the form of functions/v1.
type rpcWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *rpcWriter) WriteHeader(status int) {
	w.status = status
	if status < http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *rpcWriter) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		return w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *rpcWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rpcCodes are those of statuses whose answers name only SQLSTATEs.
var rpcCodes = map[int]string{
	http.StatusNotFound: "not_found", http.StatusForbidden: "forbidden", http.StatusUnauthorized: "unauthorized",
	http.StatusConflict: "conflict", http.StatusMethodNotAllowed: "method_not_allowed",
	http.StatusRequestEntityTooLarge: "payload_too_large", http.StatusUnsupportedMediaType: "unsupported_media_type",
	http.StatusNotAcceptable: "not_acceptable", http.StatusTooManyRequests: "rate_limit_exceeded",
	http.StatusServiceUnavailable: "service_unavailable", http.StatusGatewayTimeout: "timeout",
}

// end answers with the error that was held back, if there is one.
func (w *rpcWriter) end(h *Handler, r *http.Request) {
	if w.status < http.StatusBadRequest {
		return
	}
	var of struct {
		Code, Message string
		Details, Hint any
	}
	if err := json.Unmarshal(w.body.Bytes(), &of); err != nil {
		of.Message = http.StatusText(w.status)
	}
	e := &Error{Status: w.status, Code: rpcCodes[w.status], Message: of.Message, Details: map[string]any{}}
	if e.Code == "" {
		e.Code = "validation_failed"
		if w.status >= http.StatusInternalServerError {
			e.Code, e.Message = errInternal.Code, errInternal.Message
		}
	}
	if text, ok := of.Details.(string); ok && snakeCase.MatchString(text) {
		e.Code = text
	} else if of.Details != nil && w.status < http.StatusInternalServerError {
		e.Details["detail"] = of.Details
	}
	if of.Hint != nil {
		e.Details["hint"] = of.Hint
	}
	header := w.Header()
	for _, name := range []string{"Content-Length", "Proxy-Status"} {
		header.Del(name)
	}
	h.writeError(w.ResponseWriter, r, e)
}
