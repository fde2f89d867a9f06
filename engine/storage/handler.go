package storage

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/storage/blob"
	"nexus/rls"
	"nexus/schema"
)

// Config has the settings of a Handler.
type Config struct {
	// MaxObject is the largest object in bytes, whatever buckets allow; default 5 GiB.
	MaxObject int64
	// SignedUploadLife is how long URLs to upload to are good; default two hours.
	SignedUploadLife time.Duration
	// ResumableLife is how long an upload in pieces can be gone on with; default a day.
	ResumableLife time.Duration
	// Timeout ends requests that move no bytes; 0 is no limit.
	Timeout time.Duration
	// Stall is how long a client may take for each 64 KiB; default a minute.
	Stall time.Duration
	// SearchPath is that of transactions.
	SearchPath []string
	// ServiceRole is the role that the server does its own work as, and that may do everything; default service_role.
	ServiceRole string
	// ServerRoles are those that are refused from browsers.
	ServerRoles []string
	// BaseURL is where clients reach storage/v1; empty to believe requests, whose path at the server begins with MountPath.
	BaseURL   string
	MountPath string
	// Secret signs URLs; its keys are made of it and are good for nothing else.
	Secret []byte
	// S3 are the credentials of the S3 protocol.
	S3 S3Credentials
}

// S3Credentials let tools of the S3 protocol in.
type S3Credentials struct {
	// AccessKey and SecretKey act as the service role.
	AccessKey, SecretKey string
	// Region is what clients may name, beside any when it is empty.
	Region string
}

const (
	defaultMaxObject        = 5 << 30
	defaultSignedUploadLife = 2 * time.Hour
	defaultResumableLife    = 24 * time.Hour
	defaultStall            = time.Minute
	// maxJSON is the largest body that is JSON or XML, in bytes.
	maxJSON = 1 << 20
)

// Database answers questions in one round trip; *db.Pool is one.
type Database interface {
	Run(ctx context.Context, tx *db.Tx) (*db.Result, error)
}

// Options are what a Handler works with.
type Options struct {
	Config   Config
	Blobs    blob.Backend
	Verifier func() *rls.Verifier
	Sessions *db.Sessions
	Database Database
	Logger   *slog.Logger
	// Authenticated, if set, is told the role of each request, for the access log.
	Authenticated func(ctx context.Context, role string)
}

// Handler serves storage/v1 below its mount point.
type Handler struct {
	cfg      Config
	blobs    blob.Backend
	verifier func() *rls.Verifier
	sessions *db.Sessions
	database Database
	log      *slog.Logger
	noteRole func(context.Context, string)
	signer   *signer
	images   chan struct{}
	// at is told each step of what must survive a crash; tests stop there.
	at func(step)
}

// step is a point where a process may die.
type step string

// New makes a handler. Blobs, Verifier, Sessions, Database and Config.Secret are required.
func New(o Options) (*Handler, error) {
	o.Config.setDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Authenticated == nil {
		o.Authenticated = func(context.Context, string) {}
	}
	signer, err := newSigner(o.Config.Secret)
	if err != nil {
		return nil, err
	}
	return &Handler{
		cfg: o.Config, blobs: o.Blobs, verifier: o.Verifier, sessions: o.Sessions, database: o.Database, log: o.Logger,
		noteRole: o.Authenticated, signer: signer, images: make(chan struct{}, maxImages), at: func(step) {},
	}, nil
}

func (c *Config) setDefaults() {
	if c.MaxObject == 0 {
		c.MaxObject = defaultMaxObject
	}
	if c.SignedUploadLife == 0 {
		c.SignedUploadLife = defaultSignedUploadLife
	}
	if c.ResumableLife == 0 {
		c.ResumableLife = defaultResumableLife
	}
	if c.Stall == 0 {
		c.Stall = defaultStall
	}
	if c.ServiceRole == "" {
		c.ServiceRole = "service_role"
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	w.Header().Set("X-Content-Type-Options", "nosniff")
	route := parseRoute(r.URL.Path)
	if r.Method == http.MethodOptions && route.area != areaTUS {
		preflight(w, r)
		return
	}
	serve := h.find(r.Method, route)
	if serve == nil {
		h.fail(w, r, errNoRoute)
		return
	}
	serve(w, r, route)
}

// serveFunc answers one kind of request.
type serveFunc func(w http.ResponseWriter, r *http.Request, to route)

// plain makes a serveFunc of one that ends within the timeout and answers with JSON.
func (h *Handler) plain(answer func(c *call) (any, error)) serveFunc {
	return func(w http.ResponseWriter, r *http.Request, to route) {
		if h.cfg.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		c, err := h.enter(r, to)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		value, err := answer(c)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		h.answer(w, r, value)
	}
}

// stream makes a serveFunc of one that moves an object's bytes, for as long as the client keeps moving.
func (h *Handler) stream(answer func(c *call, w http.ResponseWriter) error) serveFunc {
	return func(w http.ResponseWriter, r *http.Request, to route) {
		w = h.patient(w, r)
		c, err := h.enter(r, to)
		if err == nil {
			err = answer(c, w)
		}
		if err != nil {
			h.fail(w, r, err)
		}
	}
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// call is one request and who makes it.
type call struct {
	*http.Request
	to       route
	identity *rls.Identity
	h        *Handler
}

// enter finds out who calls.
func (h *Handler) enter(r *http.Request, to route) (*call, error) {
	c := &call{Request: r, to: to, h: h}
	var err error
	switch to.access {
	case accessServer:
		c.identity = h.service()
		return c, nil
	case accessStrict:
		if r.Header.Get("Authorization") == "" {
			return nil, invalidRequest("headers must have required property 'authorization'")
		}
		c.identity, err = h.authenticate(r, r.Header.Get("Authorization"))
	case accessLenient:
		if c.identity, err = h.authenticate(r, r.Header.Get("Authorization")); err != nil {
			c.identity, err = h.authenticate(r, "")
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// service is who the server itself is.
func (h *Handler) service() *rls.Identity {
	return &rls.Identity{Role: h.cfg.ServiceRole, Claims: `{"role":"` + h.cfg.ServiceRole + `"}`}
}

func (h *Handler) authenticate(r *http.Request, authorization string) (*rls.Identity, error) {
	identity, err := h.verifier().Authenticate(r.Context(), authorization)
	if err != nil {
		return nil, err
	}
	h.noteRole(r.Context(), identity.Role)
	if r.Header.Get("Origin") != "" && slices.Contains(h.cfg.ServerRoles, identity.Role) {
		return nil, accessDenied("Keys of servers are not accepted from browsers")
	}
	return identity, nil
}

// settings are those of a transaction under an identity.
func (c *call) settings(identity *rls.Identity) []schema.Setting {
	return rls.Settings(identity, &rls.Facts{
		SearchPath: c.h.cfg.SearchPath, Method: c.Method, Path: c.URL.Path, Host: c.Host, Header: c.Header,
		AppSettings: []schema.Setting{
			{Name: "storage.operation", Value: c.to.operation}, {Name: "storage.allow_delete_query", Value: "true"},
		},
	})
}

// read runs work under the caller's policies; it may change nothing.
func (c *call) read(work func(pgx.Tx) error) error {
	return c.h.sessions.As(c.Context(), c.settings(c.identity), true, work)
}

// write runs work under the caller's policies.
func (c *call) write(work func(pgx.Tx) error) error {
	if c.identity.ReadOnly() {
		return accessDenied("This credential allows no changes")
	}
	return c.h.sessions.As(c.Context(), c.settings(c.identity), false, work)
}

// errProbed undoes work that was only to see whether it is allowed.
var errProbed = errors.New("storage: allowed")

// probe tries work under the caller's policies and undoes it.
func (c *call) probe(work func(pgx.Tx) error) error {
	err := c.write(func(tx pgx.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return errProbed
	})
	if errors.Is(err, errProbed) {
		return nil
	}
	return err
}

// serve runs work as the server.
func (c *call) serve(ctx context.Context, work func(pgx.Tx) error) error {
	return c.h.sessions.As(ctx, c.settings(c.h.service()), false, work)
}

// body reads a JSON object; none is an empty one.
func (c *call) body(into any) error {
	text, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, maxJSON))
	if err != nil {
		return invalidRequest("The body could not be read").because(err)
	}
	if len(text) == 0 {
		text = []byte("{}")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return invalidRequest("body must be a JSON object: " + err.Error())
	}
	return nil
}

// allowOrigins lets pages of any origin read the answer: callers are known by tokens, not by cookies.
func allowOrigins(header http.Header) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", strings.Join([]string{
		"Content-Disposition", "Content-Range", "ETag", "Location", "Tus-Complete", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version",
		"Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset", "X-Request-Id", "X-Transformations",
	}, ", "))
}

// preflight answers what a browser asks before it sends a request (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func preflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	asked := "authorization, x-client-info, apikey, content-type, cache-control, x-upsert, x-metadata, tus-resumable, upload-length, upload-offset, upload-metadata"
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		asked = wanted
	}
	header.Set("Access-Control-Allow-Headers", asked)
	header.Set("Access-Control-Max-Age", "86400")
	header.Add("Vary", "Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}
