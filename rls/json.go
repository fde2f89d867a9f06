package rls

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// encodeJSON renders a value on one line without the escapes that only HTML needs.
func encodeJSON(v any) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

const hexDigits = "0123456789abcdef"

// plainJSON tells which bytes stand for themselves in a JSON string: what is ASCII and printable, but for two.
var plainJSON = func() (plain [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// appendJSONString quotes a text for JSON. Bytes that are not UTF-8 become U+FFFD and control characters are escaped, so the
// result is a text that PostgreSQL takes whatever the input is.
func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	plain := 0 // where the text begins that has not been copied yet
	for i := 0; i < len(s); {
		c := s[i]
		if plainJSON[c] {
			i++
			continue
		}
		out = append(out, s[plain:i]...)
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
			i++
		case c < utf8.RuneSelf:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			out = utf8.AppendRune(out, r)
			i += size
		}
		plain = i
	}
	out = append(out, s[plain:]...)
	return append(out, '"')
}

// appendPair adds a member to an object that is being written.
func appendPair(out []byte, name, value string) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = appendJSONString(out, name)
	out = append(out, ':')
	return appendJSONString(out, value)
}
