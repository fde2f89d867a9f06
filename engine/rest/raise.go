package rest

import (
	"encoding/json"
	"math"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/apierr"
)

// raised turns RAISE SQLSTATE 'PGRST' into the error that the database function asked for: MESSAGE and DETAIL hold JSON
// (https://docs.postgrest.org/en/v14/references/errors.html#add-http-headers-with-raise). A status_text is not sent: HTTP/2
// has no place for it, and clients of HTTP/1.1 go by the number.
func raised(e *pgconn.PgError) *apierr.Error {
	out, ok := raisedError(e.Message)
	if !ok {
		return badRaise(e, "Invalid JSON value for MESSAGE: '"+e.Message+"'",
			"MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.")
	}
	const detailHint = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
	if e.Detail == "" {
		return badRaise(e, "DETAIL is missing in the RAISE statement", detailHint)
	}
	if out.Status, out.Header, ok = raisedResponse(e.Detail); !ok {
		return badRaise(e, "Invalid JSON value for DETAIL: '"+e.Detail+"'", detailHint)
	}
	out.Cause = e
	return out
}

// raisedError reads the MESSAGE.
func raisedError(text string) (*apierr.Error, bool) {
	object, ok := decodeObject(text)
	code, hasCode := object["code"].(string)
	message, hasMessage := object["message"].(string)
	if !ok || !hasCode || !hasMessage || !isOptionalText(object["details"]) || !isOptionalText(object["hint"]) {
		return nil, false
	}
	return &apierr.Error{Code: code, Message: message, Details: object["details"], Hint: object["hint"]}, true
}

// raisedResponse reads the DETAIL.
func raisedResponse(text string) (status int, header http.Header, ok bool) {
	object, ok := decodeObject(text)
	number, hasStatus := object["status"].(float64)
	headers, hasHeaders := object["headers"].(map[string]any)
	if !ok || !hasStatus || number != math.Trunc(number) || !hasHeaders || !isOptionalText(object["status_text"]) {
		return 0, nil, false
	}
	header = make(http.Header, len(headers))
	for name, value := range headers {
		text, ok := value.(string)
		if !ok {
			return 0, nil, false
		}
		header.Add(name, text)
	}
	return finalStatus(number), header, true
}

// isOptionalText reports whether a member is a text, null or absent.
func isOptionalText(member any) bool {
	_, ok := member.(string)
	return ok || member == nil
}

// finalStatus is the status if it can end an exchange, else 500: one below 200 would announce another answer.
func finalStatus(number float64) int {
	if number < http.StatusOK || number > 999 {
		return http.StatusInternalServerError
	}
	return int(number)
}

func badRaise(e *pgconn.PgError, details, hint string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusInternalServerError, Code: "PGRST121",
		Message: `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`, Details: details, Hint: hint, Cause: e,
	}
}

// decodeObject decodes a text that is one JSON object. Its keys count as they are written, so it is not decoded into a
// struct.
func decodeObject(text string) (object map[string]any, ok bool) {
	err := json.Unmarshal([]byte(text), &object)
	return object, err == nil && object != nil
}
