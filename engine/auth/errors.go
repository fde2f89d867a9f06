package auth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/auth/store"
	"nexus/engine/password"
)

// Error is an error as a client of auth/v1 sees it
// (https://supabase.com/docs/guides/auth/debugging/error-codes).
type Error struct {
	Status  int
	Code    string
	Message string
	// Reasons are those of a weak password.
	Reasons []string
	// RetryAfter tells when a limit allows the next try; 0 for nothing.
	RetryAfter time.Duration
	// Cause is logged and never shown.
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func newError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

func invalid(message string) *Error {
	return newError(http.StatusBadRequest, "validation_failed", message)
}

func unprocessable(code, message string) *Error {
	return newError(http.StatusUnprocessableEntity, code, message)
}

func forbidden(code, message string) *Error { return newError(http.StatusForbidden, code, message) }

// unexpected is what a client is told of what went wrong on our side.
func unexpected(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Code: "unexpected_failure", Message: "Unexpected failure, please check server logs for more information", Cause: err}
}

// asError is the one place where an error of any kind becomes what a client sees.
func asError(err error) *Error {
	var known *Error
	var weak *password.WeakError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &weak):
		return &Error{Status: http.StatusUnprocessableEntity, Code: "weak_password", Message: weak.Message, Reasons: weak.Reasons}
	case errors.Is(err, password.ErrTooLong):
		return invalid("Password cannot be longer than 72 characters")
	case errors.Is(err, password.ErrBusy):
		return &Error{Status: http.StatusTooManyRequests, Code: "over_request_rate_limit", Message: "Too many logins at once, try again in a moment", RetryAfter: time.Second, Cause: err}
	case errors.Is(err, store.ErrBusy):
		return &Error{Status: http.StatusConflict, Code: "conflict", Message: "Too many concurrent requests for the same session or user", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusGatewayTimeout, Code: "request_timeout", Message: "Processing this request timed out, please retry after a moment.", Cause: err}
	default:
		return unexpected(err)
	}
}

// triggerError is what a trigger of the user's own on a table of schema auth raised, or a constraint that it ran into.
func triggerError(err error) *pgconn.PgError {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "P0001" || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "PT")) {
		return pg
	}
	return nil
}

// fail answers with an error, in the shape that the request's API version asks for.
func (c *call) fail(err error) {
	e := asError(err)
	if c.r.Context().Err() != nil && errors.Is(context.Cause(c.r.Context()), context.Canceled) {
		c.h.log.LogAttrs(c.r.Context(), slog.LevelDebug, "the client went away")
	}
	c.log(e)
	header := c.w.Header()
	header.Set("X-Sb-Error-Code", e.Code)
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if pg := triggerError(e.Cause); pg != nil && e.Status == http.StatusInternalServerError && !c.dated {
		c.failTrigger(pg)
		return
	}
	body := map[string]any{"code": e.Status, "error_code": e.Code, "msg": e.Message}
	if c.dated {
		body = map[string]any{"code": e.Code, "message": e.Message}
		header.Set(versionHeader, apiVersion)
	} else if e.Status >= http.StatusInternalServerError {
		body["error_id"] = c.w.Header().Get("X-Request-Id")
	}
	if e.Reasons != nil {
		body["weak_password"] = map[string]any{"reasons": e.Reasons}
	}
	c.write(e.Status, body)
}

// failTrigger tells what a trigger raised; PTnnn sets the status, as for rest/v1.
func (c *call) failTrigger(pg *pgconn.PgError) {
	status := http.StatusInternalServerError
	if number, ok := strings.CutPrefix(pg.Code, "PT"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 200 && n <= 599 {
			status = n
		}
	}
	body := map[string]any{"code": pg.Code, "message": pg.Message}
	if pg.Hint != "" {
		body["hint"] = pg.Hint
	}
	if pg.Detail != "" {
		body["detail"] = pg.Detail
	}
	c.write(status, body)
}

// log records what a client is not told.
func (c *call) log(e *Error) {
	if e.Status < http.StatusInternalServerError {
		return
	}
	attrs := []slog.Attr{slog.Int("status", e.Status), slog.String("code", e.Code)}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	c.h.log.LogAttrs(c.r.Context(), slog.LevelError, "auth request failed", attrs...)
}

// write answers with JSON.
func (c *call) write(status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		c.log(unexpected(err))
		status, text = http.StatusInternalServerError, []byte(`{"code":"unexpected_failure","message":"Internal server error"}`)
	}
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text)
}
