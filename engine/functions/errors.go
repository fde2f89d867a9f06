package functions

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/db"
	"nexus/rls"
)

// Error is an error as a client of functions/v1 sees it.
type Error struct {
	Status int
	// Code is for programs, in snake case.
	Code    string
	Message string
	// Details are what else helps, under names; nil for nothing.
	Details map[string]any
	// RetryAfter tells when it is worth trying again; 0 for nothing.
	RetryAfter time.Duration
	// Header holds further headers of the answer; it may be nil.
	Header http.Header
	// Cause is logged and never shown.
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error without details.
func Errorf(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// Invalid is the refusal of a request for one of its fields.
func Invalid(field, reason string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "validation_failed", Message: "The request is not valid: " + field + " " + reason,
		Details: map[string]any{"field": field, "reason": reason},
	}
}

// NotConfigured is the refusal of what needs a third party that is not set up; setting names what is missing.
func NotConfigured(integration, setting string) *Error {
	return &Error{
		Status: http.StatusConflict, Code: "integration_not_configured",
		Message: "The integration " + integration + " is not configured: " + setting + " is missing",
		Details: map[string]any{"integration": integration, "setting": setting},
	}
}

var (
	errUnauthorized = &Error{
		Status: http.StatusUnauthorized, Code: "unauthorized", Message: "This function needs a bearer token",
		Header: http.Header{"Www-Authenticate": {"Bearer"}},
	}
	errInternal = Errorf(http.StatusInternalServerError, "internal_error", "Something went wrong on the server")
)

// asError is the one place where an error of any kind becomes what a client sees.
func asError(err error) *Error {
	var known *Error
	var refused *rls.Error
	var conn *db.ConnectionError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return fromToken(refused)
	case errors.As(err, &conn): // before PostgreSQL's own errors, which may say why it refused a connection
		return &Error{
			Status: http.StatusServiceUnavailable, Code: "service_unavailable", Message: "The database cannot be reached",
			RetryAfter: time.Second, Cause: err,
		}
	case errors.As(err, &pg):
		return fromPostgres(pg)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusGatewayTimeout, Code: "timeout", Message: "The request took longer than the server allows", Cause: err}
	default:
		return wrap(errInternal, err)
	}
}

func wrap(e *Error, cause error) *Error {
	out := *e
	out.Cause = cause
	return &out
}

func fromToken(refused *rls.Error) *Error {
	e := &Error{Status: refused.Status, Code: "invalid_token", Message: refused.Message, Cause: refused}
	if refused.Status >= http.StatusInternalServerError {
		e.Code = "service_unavailable"
	}
	if refused.WWWAuthenticate != "" {
		e.Header = http.Header{"Www-Authenticate": {refused.WWWAuthenticate}}
	}
	return e
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// fromPostgres maps an error of PostgreSQL. What functions and triggers raise as PTnnn, or with P0001, is meant for clients; all
// other texts may name what a client must not see.
func fromPostgres(pg *pgconn.PgError) *Error {
	if number, ok := strings.CutPrefix(pg.Code, "PT"); ok {
		if status, err := strconv.Atoi(number); err == nil && status >= 400 && status <= 599 {
			return fromRaised(pg, status)
		}
	}
	switch {
	case pg.Code == "P0001":
		return fromRaised(pg, http.StatusBadRequest)
	case pg.Code == "42501":
		return wrap(Errorf(http.StatusForbidden, "forbidden", "You may not do this"), pg)
	case pg.Code == "25006":
		return wrap(InsufficientScope(rls.ScopeWrite), pg)
	case pg.Code == "23505", pg.Code == "23P01":
		return wrap(Errorf(http.StatusConflict, "conflict", "There is one like this already"), pg)
	case pg.Code == "23503":
		return wrap(Errorf(http.StatusConflict, "conflict", "Something that this refers to does not exist, or it is still in use"), pg)
	case strings.HasPrefix(pg.Code, "23"), strings.HasPrefix(pg.Code, "22"):
		return wrap(Errorf(http.StatusBadRequest, "validation_failed", "The request has a value that is not allowed"), pg)
	case pg.Code == "40001", pg.Code == "40P01", strings.HasPrefix(pg.Code, "55"):
		e := Errorf(http.StatusServiceUnavailable, "busy", "Others change the same at the moment; try again")
		e.RetryAfter = time.Second
		return wrap(e, pg)
	case strings.HasPrefix(pg.Code, "57"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "08"):
		e := Errorf(http.StatusServiceUnavailable, "service_unavailable", "The database cannot do this at the moment")
		e.RetryAfter = time.Second
		return wrap(e, pg)
	default:
		return wrap(errInternal, pg)
	}
}

// raised codes are those of statuses that have none in their detail.
var raisedCodes = map[int]string{
	http.StatusBadRequest: "validation_failed", http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden",
	http.StatusNotFound: "not_found", http.StatusConflict: "conflict", http.StatusTooManyRequests: "rate_limit_exceeded",
}

// fromRaised reads what SQL raised: a detail in snake case is the code, and the hint is for people.
func fromRaised(pg *pgconn.PgError, status int) *Error {
	e := &Error{Status: status, Code: raisedCodes[status], Message: pg.Message, Cause: pg}
	if e.Code == "" {
		e.Code = "error"
	}
	details := map[string]any{}
	switch {
	case snakeCase.MatchString(pg.Detail):
		e.Code = pg.Detail
	case pg.Detail != "":
		details["detail"] = pg.Detail
	}
	if pg.Hint != "" {
		details["hint"] = pg.Hint
	}
	if len(details) > 0 {
		e.Details = details
	}
	return e
}

// InsufficientScope refuses a token without the scope (RFC 6750, section 3.1).
func InsufficientScope(scope rls.Scope) *Error {
	return &Error{
		Status: http.StatusForbidden, Code: "insufficient_scope", Message: "This needs a token with the scope " + string(scope),
		Details: map[string]any{"scope": scope},
		Header:  http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="` + string(scope) + `"`}},
	}
}

// body is the error as clients read it.
func (e *Error) body() []byte {
	details := e.Details
	if details == nil {
		details = map[string]any{}
	}
	text, err := json.Marshal(struct {
		Error   string         `json:"error"`
		Message string         `json:"message"`
		Details map[string]any `json:"details"`
	}{e.Code, e.Message, details})
	if err != nil {
		return []byte(`{"error":"internal_error","message":"Something went wrong on the server","details":{}}`)
	}
	return text
}

// writeError answers with an error, and logs what a client is not told.
func (h *Handler) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if cause := context.Cause(r.Context()); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	e := asError(err)
	if e.Status >= http.StatusInternalServerError {
		attrs := []slog.Attr{slog.Int("status", e.Status), slog.String("code", e.Code)}
		if e.Cause != nil {
			attrs = append(attrs, slog.String("cause", e.Cause.Error()))
		}
		h.log.LogAttrs(r.Context(), slog.LevelError, "function failed", attrs...)
	}
	header := w.Header()
	for name, values := range e.Header {
		header[name] = values
	}
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(e.body())
	}
}
