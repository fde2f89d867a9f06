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

// retryable reports whether the failed attempt left no trace and another may succeed.
func retryable(err error, attempt int) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case "40001": // serialization_failure: PostgreSQL asks for a retry
			return attempt < maxSerializationAttempts
		case "0A000":
			return attempt < maxBrokenAttempts && isStalePlan(err)
		case "26000": // the statement is not there: a pooler gave us another server connection
			return attempt < maxBrokenAttempts
		}
		return false
	}
	return attempt < maxBrokenAttempts && pgconn.SafeToRetry(err)
}

// isStalePlan reports whether a DDL changed the result type of a statement that was prepared before it.
func isStalePlan(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "0A000" && strings.Contains(pgErr.Routine, "RevalidateCachedQuery")
}
