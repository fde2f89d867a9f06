package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/apierr"
)

// raisedMessage is the MESSAGE of RAISE SQLSTATE 'PGRST'
// (https://docs.postgrest.org/en/v14/references/errors.html#raise-errors-with-http-status-codes).
type raisedMessage struct {
	Code    *string `json:"code"`
	Message *string `json:"message"`
	Details *string `json:"details"`
	Hint    *string `json:"hint"`
}

// raisedDetail is its DETAIL.
type raisedDetail struct {
	Status     *int              `json:"status"`
	StatusText *string           `json:"status_text"`
	Headers    map[string]string `json:"headers"`
}

// raised turns RAISE SQLSTATE 'PGRST' into the error that the database function asked for.
func raised(e *pgconn.PgError) *apierr.Error {
	var msg raisedMessage
	if decodeObject(e.Message, &msg) != nil || msg.Code == nil || msg.Message == nil {
		return badRaise(e, "Invalid JSON value for MESSAGE: '"+e.Message+"'",
			"MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.")
	}
	const detailHint = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
	if e.Detail == "" {
		return badRaise(e, "DETAIL is missing in the RAISE statement", detailHint)
	}
	var detail raisedDetail
	if decodeObject(e.Detail, &detail) != nil || detail.Status == nil || detail.Headers == nil {
		return badRaise(e, "Invalid JSON value for DETAIL: '"+e.Detail+"'", detailHint)
	}
	out := &apierr.Error{Status: *detail.Status, Code: *msg.Code, Message: *msg.Message, Header: http.Header{}, Cause: e}
	if out.Status < 100 || out.Status > 999 {
		out.Status = http.StatusInternalServerError
	}
	if msg.Details != nil {
		out.Details = *msg.Details
	}
	if msg.Hint != nil {
		out.Hint = *msg.Hint
	}
	for name, value := range detail.Headers {
		out.Header.Add(name, value)
	}
	return out
}

func badRaise(e *pgconn.PgError, details, hint string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusInternalServerError, Code: "PGRST121",
		Message: `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`, Details: details, Hint: hint, Cause: e,
	}
}

// decodeObject decodes exactly one JSON object whose keys are matched as written.
func decodeObject(text string, into any) error {
	trimmed := bytes.TrimSpace([]byte(text))
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("not a JSON object")
	}
	return json.Unmarshal(trimmed, into)
}
