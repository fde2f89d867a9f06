package auth

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nexus/engine/auth/provider"
	"nexus/engine/auth/redirect"
	"nexus/engine/auth/store"
	"nexus/engine/clientip"
	"nexus/engine/mail"
	"nexus/engine/password"
	"nexus/rls"
)

const (
	// maxBody is the largest request body in bytes.
	maxBody = 1 << 20
	// versionHeader carries the API version that a client speaks, and that an error is written in.
	versionHeader = "X-Supabase-Api-Version"
	// apiVersion is the first version that has codes as texts.
	apiVersion = "2024-01-01"
)

// Options are what a Handler works with. The functions are asked once per request.
type Options struct {
	Config Config
	Store  *store.Store
	// Keys sign access tokens, and Verifier checks them.
	Keys     func() *rls.KeySet
	Verifier func() *rls.Verifier
	// Secret makes refresh tokens. It must never change and be the same for all servers of a database.
	Secret []byte
	Hasher *password.Hasher
	// Mailer sends what Templates make.
	Mailer    mail.Sender
	Templates *mail.Templates
	Providers []provider.Provider
	Logger    *slog.Logger
	// Authenticated, if set, is told the role of each request, for the access log.
	Authenticated func(ctx context.Context, role string)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Handler serves auth/v1 below its mount point.
type Handler struct {
	cfg       Config
	store     *store.Store
	keys      func() *rls.KeySet
	verifier  func() *rls.Verifier
	refresh   refreshTokens
	codeKey   []byte // of hashCode
	hasher    *password.Hasher
	rules     password.Rules
	redirects *redirect.Policy
	mailer    mail.Sender
	templates *mail.Templates
	providers map[string]provider.Provider
	limiters  limiters
	log       *slog.Logger
	noteRole  func(context.Context, string)
	now       func() time.Time
	mux       *http.ServeMux
}

// New makes a handler. The error tells what is wrong with the configuration.
func New(o Options) (*Handler, error) {
	o.Config.normalize()
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	redirects, err := redirect.New(o.Config.SiteURL, o.Config.AllowList)
	if err != nil {
		return nil, err
	}
	codeKey, err := hkdf.Key(sha256.New, o.Secret, nil, "nexus one-time code", sha256.Size)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		cfg: o.Config, store: o.Store, keys: o.Keys, verifier: o.Verifier, refresh: refreshTokens{o.Secret}, hasher: o.Hasher,
		rules: o.Config.rules(), redirects: redirects, mailer: o.Mailer, templates: o.Templates,
		providers: make(map[string]provider.Provider, len(o.Providers)), log: o.Logger, noteRole: o.Authenticated, now: o.Now,
		codeKey: codeKey,
	}
	for _, p := range o.Providers {
		h.providers[p.Name()] = p
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.noteRole == nil {
		h.noteRole = func(context.Context, string) {}
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.limiters = newLimiters(&o.Config, h.now)
	h.mux = h.routes()
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if cors(w, r) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.MaxRequest)
	defer cancel()
	h.mux.ServeHTTP(w, r.WithContext(ctx))
}

// exposedHeaders are what a script in a browser may read of an answer.
const exposedHeaders = "Link, X-Total-Count, X-Supabase-Api-Version, X-Sb-Error-Code, Retry-After, X-Request-Id"

// cors lets pages of any origin use the API, whose credentials are tokens and no cookies; it reports whether the request was
// a preflight and has been answered.
func cors(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Origin") == "" {
		return false
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		header.Set("Access-Control-Expose-Headers", exposedHeaders)
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		header.Set("Access-Control-Allow-Headers", wanted)
		header.Add("Vary", "Access-Control-Request-Headers")
	}
	header.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// call is one request and what is known of who makes it.
type call struct {
	h   *Handler
	w   http.ResponseWriter
	r   *http.Request
	now time.Time
	// dated is whether the client speaks the API version with codes as texts.
	dated bool
	// ip is the client's address.
	ip string
	// claims, user and session are those of the token, where the endpoint asked for one.
	claims  claims
	user    *store.User
	session *store.Session
}

// action answers a call. Its error is answered by the caller.
type action func(*call) error

// handle makes a call of each request.
func (h *Handler) handle(act action, checks ...action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{
			h: h, w: w, r: r, now: h.now().UTC(), dated: isDated(r.Header.Get(versionHeader)),
			ip: clientip.Of(r, h.cfg.IPHeader).String(),
		}
		for _, check := range append(checks, act) {
			if err := check(c); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

// isDated reports whether a client's version is the one of 2024, or later. What is no date is no version.
func isDated(version string) bool {
	date, err := time.Parse(time.DateOnly, version)
	return err == nil && date.Format(time.DateOnly) >= apiVersion
}

// do runs f in a transaction.
func (c *call) do(f func(*store.Tx) error) error { return c.h.store.Do(c.r.Context(), f) }

func (c *call) ctx() context.Context { return c.r.Context() }

// read decodes the body into v. Members that v does not have are ignored; no body is an empty object.
func (c *call) read(v any) error {
	limited := http.MaxBytesReader(nil, c.r.Body, maxBody)
	body, err := io.ReadAll(limited)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return newError(http.StatusRequestEntityTooLarge, "request_entity_too_large", "Request body exceeds the limit of 1 MiB")
	case err != nil:
		return &Error{Status: http.StatusBadRequest, Code: "bad_json", Message: "Could not read request body", Cause: err}
	}
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	text := strings.TrimSpace(string(body))
	switch {
	case text == "":
		return nil
	case kind == "application/x-www-form-urlencoded" && !strings.HasPrefix(text, "{"):
		form, err := url.ParseQuery(text)
		if err != nil {
			return newError(http.StatusBadRequest, "bad_json", "Could not parse request body as a form")
		}
		object := make(map[string]string, len(form))
		for key := range form {
			object[key] = form.Get(key)
		}
		if body, err = json.Marshal(object); err != nil {
			return unexpected(err)
		}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &Error{Status: http.StatusBadRequest, Code: "bad_json", Message: "Could not parse request body as JSON", Cause: err}
	}
	return nil
}

// redirectTo is where the request wants links to lead: the first of the places where clients say so that is allowed.
func (c *call) redirectTo(preferred string) string {
	return c.h.redirects.Choose(preferred, c.r.Header.Get("redirect_to"), c.r.URL.Query().Get("redirect_to"), c.r.Referer())
}

// audit notes what was done, and by whom.
func (c *call) audit(tx *store.Tx, actor *store.User, action string, traits map[string]any) error {
	payload := map[string]any{
		"action": action, "log_type": auditTypes[action], "timestamp": c.now.Format(time.RFC3339), "actor_via_sso": false,
	}
	if actor != nil {
		name := actor.Email
		if name == "" {
			name = actor.Phone
		}
		payload["actor_id"], payload["actor_username"], payload["actor_via_sso"] = actor.ID, name, actor.IsSSOUser
		if full := actor.UserMetadata.Text("full_name"); full != "" {
			payload["actor_name"] = full
		}
	} else {
		payload["actor_id"], payload["actor_username"] = "00000000-0000-0000-0000-000000000000", c.claims.Role
	}
	if traits != nil {
		payload["traits"] = traits
	}
	return tx.Audit(c.ctx(), payload, c.ip)
}

// auditTypes are the kinds of actions in the audit log.
var auditTypes = map[string]string{
	"login": "account", "logout": "account", "invite_accepted": "account",
	"user_signedup": "team", "user_invited": "team", "user_deleted": "team",
	"user_modified": "user", "user_recovery_requested": "user", "user_reauthenticate_requested": "user",
	"user_confirmation_requested": "user", "user_repeated_signup": "user", "user_updated_password": "user",
	"token_revoked": "token", "token_refreshed": "token",
	"generate_recovery_codes": "user", "factor_in_progress": "factor", "factor_unenrolled": "factor",
	"challenge_created": "factor", "verification_attempted": "factor", "factor_deleted": "factor", "factor_updated": "factor",
	"identity_unlinked": "user",
}
