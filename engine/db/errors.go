package db

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrAcquireTimeout means that no connection became free within the pool's acquisition timeout.
var ErrAcquireTimeout = errors.New("db: timed out waiting for a connection")

// ConnectionError means that the database could not be reached or the connection broke. The text of its cause may name
// hosts and users, so it belongs in the log only.
type ConnectionError struct {
	Cause error
	// Broken is true of a connection that was there and broke while it was used.
	Broken bool
}

// Error implements error.
func (e *ConnectionError) Error() string { return fmt.Sprintf("db: connection: %v", e.Cause) }

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Cause }

// Attempts that a transaction gets when the failure says that trying again can help.
const (
	maxSerializationAttempts = 10
	maxBrokenAttempts        = 3
)

// attempt is what is known of an attempt that failed.
type attempt struct {
	err    error
	number int
	// readOnly work can be done twice.
	readOnly bool
	// results is how many statements the server reported done.
	results int
}

// retryable reports whether another attempt may succeed and cannot do the work twice.
func (a *attempt) retryable() bool {
	var pgErr *pgconn.PgError
	var checkErr *checkError
	var connectErr *ConnectionError
	switch {
	case errors.As(a.err, &pgErr):
		return a.retryableSQLState(pgErr.Code)
	case errors.As(a.err, &checkErr), errors.As(a.err, &connectErr), errors.Is(a.err, ErrAcquireTimeout):
		return false
	default:
		return a.number < maxBrokenAttempts && (a.readOnly || pgconn.SafeToRetry(a.err))
	}
}

func (a *attempt) retryableSQLState(code string) bool {
	switch code {
	case "40001": // serialization_failure: PostgreSQL asks for a retry
		return a.number < maxSerializationAttempts
	case "0A000":
		return a.number < maxBrokenAttempts && isStalePlan(a.err)
	case "26000": // the statement is not there: a pooler gave us another server connection
		return a.number < maxBrokenAttempts
	case "57P01":
		// The connection was closed under us, by a restart say. The server sends results in order and before its last
		// words, so without any result nothing was done.
		return a.number < maxBrokenAttempts && (a.readOnly || a.results == 0)
	default:
		return false
	}
}

// isStalePlan reports whether a DDL changed the result type of a statement that was prepared before it.
func isStalePlan(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "0A000" && strings.Contains(pgErr.Routine, "RevalidateCachedQuery")
}

// isCancelled reports whether a cancel request has reached the statement.
func isCancelled(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "57014"
}
