package apierr

import (
	"bytes"
	"encoding/json"
)

// body is the wire form; the keys are in the order PostgREST writes them.
type body struct {
	Code    string `json:"code"`
	Details any    `json:"details"`
	Hint    any    `json:"hint"`
	Message string `json:"message"`
}

// terseBody is the wire form of client-error-verbosity = "minimal".
type terseBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// JSON renders the body a client gets. With terse, details and hint are left out.
func (e *Error) JSON(terse bool) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	var v any = body{Code: e.Code, Details: e.Details, Hint: e.Hint, Message: e.Message}
	if terse {
		v = terseBody{Code: e.Code, Message: e.Message}
	}
	if err := enc.Encode(v); err != nil {
		// Details that cannot be marshalled are a programming error; the client still gets code and message.
		out.Reset()
		_ = enc.Encode(terseBody{Code: e.Code, Message: e.Message})
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
