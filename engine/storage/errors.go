package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/db"
	"nexus/rls"
)

// Error is an error as a client of storage/v1 sees it.
type Error struct {
	// Status is the real one. It is in the body as a text, while the status of most answers is 400, as storage-js expects; TUS and
	// the S3 protocol answer with it.
	Status int
	// Code is for programs, Name is what the field error holds.
	Code, Name string
	Message    string
	// HTTP is the status of the answer if it is neither 400 nor an internal error's.
	HTTP int
	// Cause is logged and never shown.
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors of the same code equal for errors.Is.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && other.Status == e.Status
}

func (e *Error) because(cause error) *Error {
	out := *e
	out.Cause = cause
	return &out
}

func (e *Error) http(status int) *Error {
	out := *e
	out.HTTP = status
	return &out
}

var (
	errNoBucket       = &Error{Status: 404, Code: "NoSuchBucket", Name: "Bucket not found", Message: "Bucket not found"}
	errNoObject       = &Error{Status: 404, Code: "NoSuchKey", Name: "not_found", Message: "Object not found"}
	errKeyTaken       = &Error{Status: 409, Code: "KeyAlreadyExists", Name: "Duplicate", Message: "The resource already exists"}
	errBucketTaken    = &Error{Status: 409, Code: "BucketAlreadyExists", Name: "Duplicate", Message: "The resource already exists"}
	errBucketNotEmpty = &Error{
		Status: 409, Code: "ResourceNotEmpty", Name: "ResourceNotEmpty", Message: "The bucket you tried to delete is not empty",
	}
	errBucketName = &Error{Status: 400, Code: "InvalidBucketName", Name: "Invalid Input", Message: "Bucket name invalid"}
	errTooLarge   = &Error{
		Status: 413, Code: "EntityTooLarge", Name: "Payload too large", Message: "The object exceeded the maximum allowed size",
	}
	errSizeLimit = &Error{
		Status: 400, Code: "InvalidRequest", Name: "InvalidRequest",
		Message: "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B",
	}
	errNoContent  = invalidRequest("No content provided")
	errRange      = &Error{Status: 416, Code: "InvalidRange", Name: "invalid_range", Message: "invalid range provided", HTTP: 416}
	errSignature  = &Error{Status: 400, Code: "InvalidSignature", Name: "InvalidSignature", Message: "Invalid signature"}
	errNoRoute    = &Error{Status: 404, Code: "NotFound", Name: "Not Found", Message: "Route not found", HTTP: 404}
	errInternal   = &Error{Status: 500, Code: "InternalError", Name: "Internal", Message: "Internal Server Error"}
	errLocked     = &Error{Status: 423, Code: "ResourceLocked", Name: "ResourceLocked", Message: "The resource is locked"}
	errChecksum   = &Error{Status: 400, Code: "BadDigest", Name: "BadDigest", Message: "The bytes do not match the checksum that was sent"}
	errIncomplete = &Error{Status: 400, Code: "IncompleteBody", Name: "IncompleteBody", Message: "The body ended before it was whole"}
)

func invalidRequest(message string) *Error {
	return &Error{Status: 400, Code: "InvalidRequest", Name: "InvalidRequest", Message: message}
}

func accessDenied(message string) *Error {
	return &Error{Status: 403, Code: "AccessDenied", Name: "Unauthorized", Message: message}
}

func invalidKey(key string) *Error {
	return &Error{Status: 400, Code: "InvalidKey", Name: "InvalidKey", Message: "Invalid key: " + key}
}

func invalidType(mime string) *Error {
	return &Error{
		Status: 415, Code: "InvalidMimeType", Name: "invalid_mime_type", Message: fmt.Sprintf("mime type %s is not supported", mime),
	}
}

// errPolicy is what row level security says to a write.
var errPolicy = accessDenied("new row violates row-level security policy")

// asError is the one place where an error of any kind becomes what a client sees.
func asError(err error) *Error {
	var known *Error
	var refused *rls.Error
	var conn *db.ConnectionError
	var pg *pgconn.PgError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return accessDenied(refused.Message).because(err)
	case errors.As(err, &tooLarge):
		return errTooLarge.because(err)
	case errors.Is(err, db.ErrAcquireTimeout):
		return &Error{
			Status: 429, HTTP: 429, Code: "SlowDown", Name: "too_many_connections",
			Message: "Too many connections issued to the database", Cause: err,
		}
	case errors.As(err, &conn): // before PostgreSQL's own errors, which may say why it refused a connection
		return &Error{Status: 503, HTTP: 503, Code: "InternalError", Name: "Internal", Message: "The database cannot be reached", Cause: err}
	case errors.As(err, &pg):
		return fromPostgres(pg)
	case errors.Is(err, pgx.ErrNoRows):
		return errNoObject.because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{
			Status: 544, HTTP: 544, Code: "DatabaseTimeout", Name: "DatabaseTimeout", Message: "The request took longer than the server allows", Cause: err,
		}
	case errors.Is(err, context.Canceled):
		return &Error{Status: 499, HTTP: 499, Code: "AbortedTerminate", Name: "AbortedTerminate", Message: "The client went away", Cause: err}
	default:
		return errInternal.because(err)
	}
}

func fromPostgres(pg *pgconn.PgError) *Error {
	switch pg.Code {
	case "42501":
		return errPolicy.because(pg)
	case "23505":
		return errKeyTaken.because(pg)
	case "23503":
		return errNoBucket.because(pg)
	case "25006":
		return (&Error{
			Status: 503, Code: "DatabaseReadOnly", Name: "DatabaseReadOnly",
			Message: "The database is currently in read-only mode. Please try again later.",
		}).because(pg)
	case "57014":
		return (&Error{
			Status: 544, HTTP: 544, Code: "DatabaseTimeout", Name: "DatabaseTimeout", Message: "The connection to the database timed out",
		}).because(pg)
	case "55P03":
		return errLocked.because(pg)
	}
	// A trigger or policy that raises an error of its own says so to the caller, as in rest/v1.
	if pg.Code == "P0001" {
		return invalidRequest(pg.Message).because(pg)
	}
	return errInternal.because(pg)
}

// status is that of the answer.
func (e *Error) status() int {
	switch {
	case e.HTTP != 0:
		return e.HTTP
	case e.Status >= http.StatusInternalServerError:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// fail answers with an error, and logs what only the operator may know.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	h.logError(r, e)
	header := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Cache-Control", "Content-Disposition", "Accept-Ranges", "Expires"} {
		header.Del(name) // they were meant for an object
	}
	body, err := json.Marshal(map[string]string{
		"statusCode": strconv.Itoa(e.Status), "error": e.Name, "message": e.Message, "code": e.Code,
	})
	if err != nil {
		body = []byte("{}") // texts always encode
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.status())
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func (h *Handler) logError(r *http.Request, e *Error) {
	if e.Status >= http.StatusInternalServerError && e.Cause != nil {
		h.log.LogAttrs(r.Context(), slog.LevelError, "storage/v1", slog.String("code", e.Code), slog.Any("error", e.Cause))
	}
}
