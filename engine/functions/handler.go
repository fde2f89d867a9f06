package functions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nexus/engine/clientip"
	"nexus/engine/db"
	"nexus/rls"
)

// defaultMaxBody is the largest request body of a function in Go without a limit of its own, in bytes.
const defaultMaxBody = 8 << 20

// Config has the settings of a Handler.
type Config struct {
	Rates Rates
	// IPHeader names the header in which a trusted proxy tells the client's address; empty for the peer's own.
	IPHeader string
	// SearchPath is that of transactions.
	SearchPath []string
	// ServerRoles are those that are refused from browsers.
	ServerRoles []string
	// Timeout ends calls of functions in Go and SQL; 0 is no limit. Those in TypeScript have limits of their own.
	Timeout time.Duration
	// MaxBody is the largest body of a request, in bytes; default 8 MiB. TypeScript functions read theirs as a stream.
	MaxBody int64
}

// Edge serves functions that are neither in Go nor in SQL.
type Edge interface {
	// Lookup tells whether there is a function, and whether its callers need a token.
	Lookup(name string) (verifyJWT, ok bool)
	// Serve answers a request whose path is that below functions/v1.
	Serve(w http.ResponseWriter, r *http.Request, name string)
}

// Options are what a Handler works with.
type Options struct {
	Config   Config
	Registry *Registry
	Verifier func() *rls.Verifier
	Sessions *db.Sessions
	Limiter  Limiter
	// Quota, if set, tells how many calls organizations may make.
	Quota Quota
	// SQL serves the functions of the schema functions; nil for none.
	SQL *SQL
	// Edge serves functions in TypeScript; nil for none.
	Edge Edge
	// Mounts are handlers below functions/v1 that check their callers themselves, by name.
	Mounts map[string]http.Handler
	Logger *slog.Logger
	// Authenticated, if set, is told the role of each request, for the access log.
	Authenticated func(ctx context.Context, role string)
}

// Handler serves functions/v1 below its mount point.
type Handler struct {
	cfg      Config
	registry *Registry
	verifier func() *rls.Verifier
	sessions *db.Sessions
	limiter  Limiter
	quota    Quota
	sql      *SQL
	edge     Edge
	mounts   map[string]http.Handler
	log      *slog.Logger
	noteRole func(context.Context, string)
}

// New makes a handler. Registry, Verifier, Sessions and Limiter are required.
func New(o Options) *Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Config.MaxBody == 0 {
		o.Config.MaxBody = defaultMaxBody
	}
	if o.Authenticated == nil {
		o.Authenticated = func(context.Context, string) {}
	}
	return &Handler{
		cfg: o.Config, registry: o.Registry, verifier: o.Verifier, sessions: o.Sessions, limiter: o.Limiter, quota: o.Quota,
		sql: o.SQL, edge: o.Edge, mounts: o.Mounts, log: o.Logger, noteRole: o.Authenticated,
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if mounted, ok := h.mounts[name]; ok {
		mounted.ServeHTTP(w, r)
		return
	}
	methods := h.registry.methods(name)
	if h.edge != nil && len(methods) == 0 {
		if verify, ok := h.edge.Lookup(name); ok {
			h.serveEdge(w, r, name, verify)
			return
		}
	}
	if h.cfg.Timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	if len(methods) > 0 && rest == "" {
		h.serveRegistered(w, r, name, methods)
		return
	}
	if h.sql != nil && rest == "" {
		if f, ok := h.sql.lookup(name); ok {
			h.serveSQL(w, r, f)
			return
		}
	}
	allowOrigins(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w, r, "GET, POST, PUT, PATCH, DELETE")
		return
	}
	h.writeError(w, r, Errorf(http.StatusNotFound, "not_found", "There is no function of this name"))
}

// allowOrigins lets pages of any origin read the answer. Functions know their callers by tokens, not by cookies.
func allowOrigins(header http.Header) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers",
		"Content-Disposition, Content-Range, Idempotency-Replayed, Link, Location, Retry-After, Sb-Error-Code, X-Relay-Error, X-Request-Id")
}

// preflight answers what a browser asks before it sends a request (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func preflight(w http.ResponseWriter, r *http.Request, methods string) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", methods+", OPTIONS")
	asked := "authorization, x-client-info, apikey, content-type, idempotency-key"
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		asked = wanted
	}
	header.Set("Access-Control-Allow-Headers", asked)
	header.Set("Access-Control-Max-Age", "86400")
	header.Add("Vary", "Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}

// serveRegistered takes a request to a function in Go through the stages.
func (h *Handler) serveRegistered(w http.ResponseWriter, r *http.Request, name string, methods []string) {
	allowOrigins(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w, r, strings.Join(methods, ", "))
		return
	}
	f, ok := h.registry.Lookup(name, r.Method)
	if !ok {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		h.writeError(w, r, Errorf(http.StatusMethodNotAllowed, "method_not_allowed", "This function is called with "+strings.Join(methods, " or ")))
		return
	}
	c, err := h.enter(r, f.Access, f.Tier)
	if err == nil {
		err = h.call(w, r, f, c)
	}
	if err != nil {
		h.writeError(w, r, err)
	}
}

// enter finds out who calls, and refuses who may not or calls too often. Guesses of tokens count as calls.
func (h *Handler) enter(r *http.Request, access Access, tier Tier) (*Call, error) {
	c := &Call{
		Request: r, Address: clientip.Of(r, h.cfg.IPHeader), Header: http.Header{}, sessions: h.sessions,
		path: r.URL.Path, schemas: h.cfg.SearchPath,
	}
	identity, err := h.authenticate(r, access)
	if err != nil {
		return nil, err
	}
	c.Identity = identity
	if err := access.allow(identity); err != nil {
		return nil, err
	}
	if err := h.limit(r.Context(), tier, c); err != nil {
		return nil, err
	}
	return c, h.spend(r.Context(), c)
}

func (h *Handler) authenticate(r *http.Request, access Access) (*rls.Identity, error) {
	token := r.Header.Get("Authorization")
	if access.kind == accessWebhook {
		token = "" // whatever is there is for the webhook's own check
	}
	identity, err := h.verifier().Authenticate(r.Context(), token)
	if err != nil {
		return nil, err
	}
	h.noteRole(r.Context(), identity.Role)
	if r.Header.Get("Origin") != "" && slices.Contains(h.cfg.ServerRoles, identity.Role) {
		return nil, Errorf(http.StatusForbidden, "forbidden", "Keys of servers are not accepted from browsers")
	}
	return identity, nil
}

// call reads the request, runs the function and answers.
func (h *Handler) call(w http.ResponseWriter, r *http.Request, f *Function, c *Call) error {
	raw, body, err := h.read(w, r, f)
	if err != nil {
		return err
	}
	if f.Access.kind == accessWebhook {
		if err := f.Access.check(r, body); err != nil {
			var known *Error
			if errors.As(err, &known) {
				return known
			}
			return wrap(Errorf(http.StatusUnauthorized, "unauthorized", "The request's signature is not valid"), err)
		}
	}
	if raw, err = f.validate(raw); err != nil {
		return err
	}
	run := func(ctx context.Context) (*answer, error) {
		value, err := f.invoke(ctx, c, raw)
		if err != nil {
			return nil, err
		}
		return newAnswer(f, c, value)
	}
	o, err := newOnce(r, c, f.Name, body, 0)
	if err != nil {
		return err
	}
	var a *answer
	if o != nil {
		a, err = h.runOnce(r.Context(), o, f, c, run)
	} else {
		a, err = run(r.Context())
	}
	if err != nil {
		return err
	}
	a.write(w, r)
	return nil
}

// read returns the request as JSON, and the body as it came.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, f *Function) (request json.RawMessage, body []byte, err error) {
	if !f.hasBody() {
		request, err = queryJSON(f.Request, r.URL.Query())
		return request, nil, err
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if err != nil {
		return nil, nil, bodyError(err)
	}
	if len(body) == 0 {
		return json.RawMessage("{}"), body, nil
	}
	// supabase-js sends texts that the caller has made JSON of as text/plain.
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") != "" && (err != nil || (kind != "application/json" && kind != "text/plain")) {
		return nil, nil, Errorf(http.StatusUnsupportedMediaType, "unsupported_media_type", "The request body must be application/json")
	}
	return body, body, nil
}

// bodyError tells why a body could not be read.
func bodyError(err error) *Error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{
			Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large", Message: "The request body is too large",
			Details: map[string]any{"limit": tooLarge.Limit},
		}
	}
	return &Error{Status: http.StatusBadRequest, Code: "validation_failed", Message: "The request body could not be read", Cause: err}
}

// answer is what a function answers, before it is sent.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func newAnswer(f *Function, c *Call, value any) (*answer, error) {
	a := &answer{Status: f.Status, Header: c.Header}
	if content, ok := value.(Content); ok {
		a.Body = content.Body
		a.Header.Set("Content-Type", content.Type)
		a.Header.Set("X-Content-Type-Options", "nosniff")
		for name, value := range content.Header {
			a.Header.Set(name, value)
		}
		return a, nil
	}
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	a.Body = body
	a.Header.Set("Content-Type", "application/json; charset=utf-8")
	return a, nil
}

func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, values := range a.Header {
		header[name] = values
	}
	// Answers are about their caller, so nobody in between may keep them.
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body)
	}
}
