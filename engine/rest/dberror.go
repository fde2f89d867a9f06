package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/apierr"
	"nexus/engine/db"
	"nexus/rls"
)

// statusClientClosed is what the log shows for a request whose client went away; nobody receives it.
const statusClientClosed = 499

// readOnlyTransaction is the SQLSTATE of a change in a transaction that may make none.
const readOnlyTransaction = "25006"

// errScope refuses a change that not the request's method but its token forbids.
var errScope = &apierr.Error{
	Status: http.StatusForbidden, Code: "NEXUS403", Message: "The scopes of the token do not allow changes",
	Hint:   "Use a key with the scope write.",
	Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="write"`}},
}

// toAPIError is the one place where an error of any stage becomes what a client sees.
func toAPIError(err error, authenticated bool) *apierr.Error {
	var api *apierr.Error
	var auth *rls.Error
	var pg *pgconn.PgError
	var conn *db.ConnectionError
	switch {
	case errors.As(err, &api):
		return api
	case errors.As(err, &auth):
		return fromAuth(auth)
	case errors.Is(err, db.ErrAcquireTimeout):
		return &apierr.Error{
			Status: http.StatusGatewayTimeout, Code: "PGRST003",
			Message: "Timed out acquiring connection from connection pool.", Cause: err,
		}
	case errors.As(err, &conn): // before PostgreSQL's own errors, which may say why it refused a connection
		return fromConnection(conn)
	case errors.As(err, &pg):
		return fromPostgres(pg, authenticated)
	case errors.Is(err, context.Canceled):
		return &apierr.Error{Status: statusClientClosed, Code: "57014", Message: "The client closed the request.", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &apierr.Error{
			Status: http.StatusGatewayTimeout, Code: "57014",
			Message: "The request took longer than the server allows.", Cause: err,
		}
	default:
		return &apierr.Error{Status: http.StatusInternalServerError, Code: "PGRSTX00", Message: "Internal server error", Cause: err}
	}
}

func fromAuth(e *rls.Error) *apierr.Error {
	out := &apierr.Error{Status: e.Status, Code: e.Code, Message: e.Message, Details: e.Details, Hint: e.Hint, Cause: e}
	if e.WWWAuthenticate != "" {
		out.Header = http.Header{"Www-Authenticate": {e.WWWAuthenticate}}
	}
	return out
}

// fromConnection hides what the client library says: it may name hosts and users.
func fromConnection(e *db.ConnectionError) *apierr.Error {
	out := &apierr.Error{
		Status: http.StatusServiceUnavailable, Code: "PGRST000", Message: "Database connection error. Retrying the connection.", Cause: e,
	}
	if e.Broken {
		out.Code, out.Message = "PGRST001", "Database client error. Retrying the connection."
	}
	return out
}

// fromPostgres maps an error of PostgreSQL
// (https://docs.postgrest.org/en/v14/references/errors.html#http-status-codes).
func fromPostgres(e *pgconn.PgError, authenticated bool) *apierr.Error {
	if e.Code == "PGRST" {
		return raised(e)
	}
	out := &apierr.Error{Status: postgresStatus(e, authenticated), Code: e.Code, Message: e.Message, Cause: e}
	if e.Detail != "" {
		out.Details = e.Detail
	}
	if e.Hint != "" {
		out.Hint = e.Hint
	}
	if out.Status == http.StatusUnauthorized {
		out.Header = http.Header{"Www-Authenticate": {"Bearer"}}
	}
	return out
}

// exactStatus maps SQLSTATEs whose class would say something else.
var exactStatus = map[string]int{
	"23503": http.StatusConflict,
	"23505": http.StatusConflict,
	"25006": http.StatusMethodNotAllowed,
	"53400": http.StatusInternalServerError,
	"57P01": http.StatusServiceUnavailable,
	"P0001": http.StatusBadRequest,
	"42P01": http.StatusNotFound,
	"42P17": http.StatusInternalServerError,
}

// classStatus maps classes of SQLSTATEs by their first two characters.
var classStatus = map[string]int{
	"08": http.StatusServiceUnavailable,
	"09": http.StatusInternalServerError,
	"0L": http.StatusForbidden,
	"0P": http.StatusForbidden,
	"25": http.StatusInternalServerError,
	"28": http.StatusForbidden,
	"2D": http.StatusInternalServerError,
	"38": http.StatusInternalServerError,
	"39": http.StatusInternalServerError,
	"3B": http.StatusInternalServerError,
	"40": http.StatusInternalServerError,
	"53": http.StatusServiceUnavailable,
	"54": http.StatusInternalServerError,
	"55": http.StatusInternalServerError,
	"57": http.StatusInternalServerError,
	"58": http.StatusInternalServerError,
	"F0": http.StatusInternalServerError,
	"HV": http.StatusInternalServerError,
	"P0": http.StatusInternalServerError,
	"XX": http.StatusInternalServerError,
}

func postgresStatus(e *pgconn.PgError, authenticated bool) int {
	if status, ok := exactStatus[e.Code]; ok {
		return status
	}
	switch e.Code {
	case "21000": // a missing WHERE is the client's fault, a subquery with two rows is the server's
		if strings.HasSuffix(e.Message, "requires a WHERE clause") {
			return http.StatusBadRequest
		}
		return http.StatusInternalServerError
	case "22023": // the role of a token does not exist
		if strings.HasPrefix(e.Message, "role") && strings.HasSuffix(e.Message, "does not exist") {
			return http.StatusUnauthorized
		}
		return http.StatusBadRequest
	case "42883":
		if strings.HasPrefix(e.Message, "function xmlagg(") {
			return http.StatusNotAcceptable
		}
		return http.StatusNotFound
	case "42501":
		if authenticated {
			return http.StatusForbidden
		}
		return http.StatusUnauthorized
	}
	if len(e.Code) != 5 {
		return http.StatusBadRequest
	}
	if e.Code[:2] == "PT" {
		return raisedStatus(e.Code[2:])
	}
	if status, ok := classStatus[e.Code[:2]]; ok {
		return status
	}
	return http.StatusBadRequest
}

// raisedStatus reads the status of RAISE SQLSTATE 'PTnnn'.
func raisedStatus(digits string) int {
	status, err := strconv.Atoi(digits)
	if err != nil {
		return http.StatusInternalServerError
	}
	return finalStatus(float64(status))
}
