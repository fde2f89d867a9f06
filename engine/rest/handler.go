package rest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"nexus/engine/apierr"
	"nexus/engine/db"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/rls"
	"nexus/schema"
)

// defaultMaxBody is the largest request body without an own limit, in bytes.
const defaultMaxBody = 64 << 20

// Database does the work of requests: a db.Pool, or db.Replicas.
type Database interface {
	Run(ctx context.Context, tx *db.Tx) (*db.Result, error)
}

// Options are what a Handler works with. The functions are asked once per request, so that what they return can be
// replaced while the server runs.
type Options struct {
	Config   func() *Config
	Snapshot func() *schema.Snapshot // nil until the catalog has been read
	Verifier func() *rls.Verifier
	DB       Database
	Logger   *slog.Logger
	// MaxBody is the largest request body in bytes; default 64 MiB.
	MaxBody int64
	// RetryAfter says how long a client should wait after a 503; default one second.
	RetryAfter func() time.Duration
	// Authenticated, if set, is told the role of each request, for the access log.
	Authenticated func(ctx context.Context, role string)
}

// shapes is how many shapes of requests a Handler remembers the SQL of.
const shapes = 2048

// Handler serves rest/v1.
type Handler struct {
	opts    Options
	queries *query.Cache
	bodies  sync.Pool // of *body
}

// New makes a handler. Config, Snapshot, Verifier and DB are required.
func New(opts Options) *Handler {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = defaultMaxBody
	}
	if opts.RetryAfter == nil {
		opts.RetryAfter = func() time.Duration { return time.Second }
	}
	if opts.Authenticated == nil {
		opts.Authenticated = func(context.Context, string) {}
	}
	return &Handler{opts: opts, queries: query.NewCache(shapes)}
}

// exchange is one request on its way through the stages.
type exchange struct {
	h        *Handler
	cfg      *Config
	snap     *schema.Snapshot
	http     *http.Request
	writer   http.ResponseWriter
	identity *rls.Identity
	plan     *plan.Plan // nil until there is one
	timing   serverTiming
	// warning is the text of a Warning header, "" for none.
	warning string
	// body holds the response's bytes, if they were made of rows here.
	body *body
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cfg := h.opts.Config()
	if name := cfg.ServerTraceHeader; name != "" {
		w.Header()[http.CanonicalHeaderKey(name)] = []string{r.Header.Get(name)}
	}
	if cors(cfg, w, r) {
		return
	}
	x := &exchange{h: h, cfg: cfg, http: r, writer: w, timing: serverTiming{on: cfg.ServerTimingEnabled}}
	defer x.release()
	response, err := x.answer()
	if cause := context.Cause(r.Context()); cause != nil && errors.Is(err, context.Canceled) {
		err = cause // whoever ended the request, if not its client, says why
	}
	switch {
	case x.body != nil && x.body.begun:
		x.endStream(err)
	case err != nil:
		x.fail(w, err)
	default:
		x.send(w, response)
	}
}

// answer takes the request through its stages.
func (x *exchange) answer() (*render.Response, error) {
	ctx := x.http.Context()
	stop := x.timing.stage("jwt")
	identity, err := x.h.opts.Verifier().Authenticate(ctx, x.http.Header.Get("Authorization"))
	stop()
	if err != nil {
		return nil, err
	}
	x.identity = identity
	x.h.opts.Authenticated(ctx, identity.Role)
	if x.http.Header.Get("Origin") != "" && slices.Contains(x.cfg.ServerRoles, identity.Role) {
		return nil, &apierr.Error{
			Status: http.StatusForbidden, Code: "NEXUS403", Message: "Keys of servers are not accepted from browsers",
		}
	}
	if x.snap = x.h.opts.Snapshot(); x.snap == nil {
		return nil, &apierr.Error{
			Status: http.StatusServiceUnavailable, Code: "PGRST002",
			Message: "Could not query the database for the schema cache. Retrying.",
		}
	}
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	stop = x.timing.stage("parse")
	req, err := request.Parse(x.parseOptions(), request.Input{
		Method: x.http.Method, Path: x.path(), RawQuery: x.http.URL.RawQuery, Header: x.http.Header, Body: body,
	})
	stop()
	if err != nil {
		return nil, err
	}
	return x.serve(ctx, req)
}

// path is the raw request path below the mount point.
func (x *exchange) path() string {
	return strings.TrimPrefix(x.http.URL.EscapedPath(), x.cfg.BasePath)
}

func (x *exchange) readBody() ([]byte, error) {
	if x.http.Body == nil || x.http.Body == http.NoBody {
		return nil, nil
	}
	limited := http.MaxBytesReader(nil, x.http.Body, x.h.opts.MaxBody)
	body, err := io.ReadAll(limited)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &apierr.Error{
			Status: http.StatusRequestEntityTooLarge, Code: "NEXUS413", Message: "The request body is too large",
			Details: "The limit is " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes.",
		}
	case err != nil:
		return nil, &apierr.Error{
			Status: http.StatusBadRequest, Code: "PGRST102", Message: "The request body could not be read", Cause: err,
		}
	}
	return body, nil
}

func (x *exchange) send(w http.ResponseWriter, response *render.Response) {
	x.addHeaders(w, response)
	if x.revalidate(w.Header(), response) {
		for _, name := range []string{"Content-Length", "Content-Type"} {
			delete(w.Header(), name)
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(response.Status)
	if len(response.Body) > 0 && x.http.Method != http.MethodHead {
		_, _ = w.Write(response.Body)
	}
}

func (x *exchange) addHeaders(w http.ResponseWriter, response *render.Response) {
	header := w.Header()
	for name, values := range response.Header {
		if name == "Vary" {
			values = append(header[name], values...)
		}
		header[name] = values
	}
	if x.warning != "" {
		header["Warning"] = []string{x.warning}
	}
	if x.timing.on {
		header["Server-Timing"] = []string{string(x.timing.header)}
	}
}

func (x *exchange) fail(w http.ResponseWriter, err error) {
	// Of a role other than the anonymous one, a missing privilege is final; the anonymous one may still log in.
	authenticated := x.identity != nil && x.identity.Role != x.cfg.AnonRole
	suggestion := x.withhold(err)
	e := toAPIError(err, authenticated)
	if x.identity != nil && x.identity.ReadOnly() && e.Code == readOnlyTransaction {
		e = errScope
	}
	if suggestion != nil {
		e.Suggestion = suggestion
	}
	x.complete(e)
	x.logFailure(e)
	header := w.Header()
	body := e.JSON(x.cfg.ErrorVerbosityMinimal)
	header["Content-Type"] = []string{"application/json; charset=utf-8"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	header["Proxy-Status"] = []string{"PostgREST; error=" + e.Code}
	for name, values := range e.Header {
		header[name] = values
	}
	if e.Status == http.StatusServiceUnavailable {
		seconds := int(x.h.opts.RetryAfter().Round(time.Second) / time.Second)
		header["Retry-After"] = []string{strconv.Itoa(max(seconds, 1))}
	}
	w.WriteHeader(e.Status)
	if x.http.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// logFailure records what a client is not told. Client errors are their own business.
func (x *exchange) logFailure(e *apierr.Error) {
	if e.Status < http.StatusInternalServerError {
		return
	}
	attrs := []slog.Attr{slog.Int("status", e.Status), slog.String("code", e.Code), slog.String("message", e.Message)}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	x.h.opts.Logger.LogAttrs(x.http.Context(), slog.LevelError, "request failed", attrs...)
}
