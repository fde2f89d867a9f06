package render

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"strings"

	"nexus/engine/apierr"
)

// override applies response.status and response.headers
// (https://docs.postgrest.org/en/v14/references/transactions.html#response-headers).
func override(o *Response, res *Result) error {
	if res.Status != nil {
		status, ok := leadingNumber(res.Status)
		if !ok {
			return &apierr.Error{
				Status: http.StatusInternalServerError, Code: "PGRST112",
				Message: "response.status guc must be a valid status code",
			}
		}
		o.Status = status
	}
	if res.Headers == nil {
		return nil
	}
	custom, err := decodeHeaders(res.Headers)
	if err != nil {
		return &apierr.Error{
			Status: http.StatusInternalServerError, Code: "PGRST111",
			Message: "response.headers guc must be a JSON array composed of objects with a single key and a string value",
			Cause:   err,
		}
	}
	for _, h := range custom {
		delete(o.Header, h.name)
	}
	for _, h := range custom {
		o.Header[h.name] = append(o.Header[h.name], h.value)
	}
	return nil
}

type header struct{ name, value string }

func decodeHeaders(text []byte) ([]header, error) {
	var objects []map[string]*string
	if err := json.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	if objects == nil {
		return nil, errNotHeaders
	}
	out := make([]header, 0, len(objects))
	for _, object := range objects {
		if len(object) != 1 {
			return nil, errNotHeaders
		}
		for name, value := range object {
			if value == nil || !validName(name) {
				return nil, errNotHeaders
			}
			out = append(out, header{textproto.CanonicalMIMEHeaderKey(name), *value})
		}
	}
	return out, nil
}

type headersError string

func (e headersError) Error() string { return string(e) }

const errNotHeaders = headersError("not an array of objects with one header each")

// validName reports whether the name is a token of RFC 9110, section 5.6.2.
func validName(name string) bool {
	const symbols = "!#$%&'*+-.^_`|~"
	for i := range len(name) {
		c := name[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alphanumeric && !strings.ContainsRune(symbols, rune(c)) {
			return false
		}
	}
	return name != ""
}

// leadingNumber reads the digits at the beginning of the text, which must make a status that HTTP can end an exchange with.
func leadingNumber(text []byte) (int, bool) {
	n, digits := 0, 0
	for _, c := range text {
		if c < '0' || c > '9' || digits > 3 {
			break
		}
		n = n*10 + int(c-'0')
		digits++
	}
	return n, n >= http.StatusOK && n <= 999
}
