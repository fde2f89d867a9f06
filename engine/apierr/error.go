// Package apierr holds the one error shape that reaches clients of rest/v1: PostgREST's code, message, details and hint
// with an HTTP status (https://docs.postgrest.org/en/v14/references/errors.html). Stages build it; only the HTTP edge
// turns it into bytes.
package apierr

import "net/http"

// Error is an error as a client sees it.
type Error struct {
	Status  int
	Code    string // PGRSTnnn or an SQLSTATE
	Message string
	// Details is nil, a string, or any value that marshals to JSON (ambiguity errors list their candidates).
	Details any
	// Hint is nil or a string.
	Hint any
	// Header holds extra response headers (WWW-Authenticate, Allow, Proxy-Status …); it may be nil.
	Header http.Header
	// Suggestion is what the error could name beyond the request's own words; nil for nothing.
	Suggestion *Suggestion
	// Cause is logged and never shown.
	Cause error
}

// Error implements error with the code and message; it never includes SQL.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
