package request

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"nexus/engine/apierr"
)

// The errors of this stage (https://docs.postgrest.org/en/v14/references/errors.html#pgrst-api-request-errors).

func errSyntax(message, details string) *apierr.Error {
	return &apierr.Error{Status: http.StatusBadRequest, Code: "PGRST100", Message: message, Details: details}
}

func errRoutineMethod(method string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusMethodNotAllowed, Code: "PGRST101",
		Message: "Cannot use the " + method + " method on RPC",
	}
}

func errBody(message string) *apierr.Error {
	return &apierr.Error{Status: http.StatusBadRequest, Code: "PGRST102", Message: message}
}

func errRange(details string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusRequestedRangeNotSatisfiable, Code: "PGRST103",
		Message: "Requested range not satisfiable", Details: details,
	}
}

func errSchema(name string, exposed []string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusNotAcceptable, Code: "PGRST106", Message: "Invalid schema: " + name,
		Hint: "Only the following schemas are exposed: " + strings.Join(exposed, ", "),
	}
}

func errPutWindow() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusBadRequest, Code: "PGRST114",
		Message: "limit/offset querystring parameters are not allowed for PUT",
	}
}

func errMethod(method string) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusMethodNotAllowed, Code: "PGRST117",
		Message: "Unsupported HTTP method: " + method,
	}
}

func errPath() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusNotFound, Code: "PGRST125",
		Message: "Invalid path specified in request URL",
	}
}

func errNoRoot() *apierr.Error {
	return &apierr.Error{
		Status: http.StatusNotFound, Code: "PGRST126",
		Message: "Root endpoint metadata is disabled",
	}
}

// checkText refuses a text that PostgreSQL cannot hold, in the words that PostgreSQL has for it, so that it never gets
// there: one that is no UTF-8, or has a NUL.
func checkText(s string) *apierr.Error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	for i, c := range s {
		if c != 0 && (c != utf8.RuneError || strings.HasPrefix(s[i:], string(utf8.RuneError))) {
			continue
		}
		return &apierr.Error{
			Status: http.StatusBadRequest, Code: "22021",
			Message: fmt.Sprintf("invalid byte sequence for encoding \"UTF8\": 0x%02x", s[i]),
		}
	}
	return nil
}

// checkBytes is checkText for a body.
func checkBytes(b []byte) *apierr.Error {
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		return nil
	}
	return checkText(string(b))
}
