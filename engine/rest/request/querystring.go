package request

import (
	"slices"
	"strings"

	"nexus/engine/apierr"
)

// pair is one parameter of a query string or a form, decoded. hasValue tells an empty value from a missing one.
type pair struct {
	key, value string
	hasValue   bool
	kind       parameterKind
}

// usualPairs is how many parameters requests have at most, usually; more cost an allocation.
const usualPairs = 8

// splitPairs decodes an url-encoded text; & and ; both separate, + is a space, and a percent sign that begins no escape
// stands for itself. Duplicates and empty pairs are kept, but for an empty one at the end. It appends to pairs.
func splitPairs(pairs []pair, raw string) ([]pair, *apierr.Error) {
	for raw != "" {
		var text string
		text, raw = cutPair(raw)
		key, value, hasValue := strings.Cut(text, "=")
		decoded := pair{key: decodePercent(key, true), value: decodePercent(value, true), hasValue: hasValue}
		if err := checkText(decoded.key); err != nil {
			return nil, err
		}
		if err := checkText(decoded.value); err != nil {
			return nil, err
		}
		pairs = append(pairs, decoded)
	}
	return pairs, nil
}

// cutPair cuts a text at its first separator.
func cutPair(raw string) (text, rest string) {
	for i := range len(raw) {
		if raw[i] == '&' || raw[i] == ';' {
			return raw[:i], raw[i+1:]
		}
	}
	return raw, ""
}

// decodePercent decodes percent escapes, and + to a space if plusIsSpace.
func decodePercent(s string, plusIsSpace bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plusIsSpace || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && plusIsSpace:
			b = append(b, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// hexValue is the value of a hexadecimal digit.
func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// canonical renders the parameters sorted by name, in PostgREST's encoding: the values of one name are joined by commas,
// and bytes beyond ASCII are taken for Latin-1 characters, so UTF-8 ends up encoded twice. Many a query string is like that
// already: raw is what the parameters were read from.
func canonical(pairs []pair, raw string) string {
	if len(pairs) == 0 {
		return ""
	}
	var pairBuffer [usualPairs]pair
	sorted := append(pairBuffer[:0], pairs...)
	slices.SortStableFunc(sorted, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	var buffer [512]byte // on the stack
	b := buffer[:0]
	for i, p := range sorted {
		switch {
		case i > 0 && sorted[i-1].key == p.key:
			b = append(b, ',')
		default:
			if i > 0 {
				b = append(b, '&')
			}
			b = append(appendEncoded(b, p.key), '=')
		}
		b = appendEncoded(b, p.value)
	}
	if string(b) == raw {
		return raw
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

func appendEncoded(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0x80:
			b = appendEscape(b, 0xC0|c>>6)
			b = appendEscape(b, 0x80|c&0x3F)
		case isUnreserved(c):
			b = append(b, c)
		default:
			b = appendEscape(b, c)
		}
	}
	return b
}

func appendEscape(b []byte, c byte) []byte { return append(b, '%', upperHex[c>>4], upperHex[c&15]) }

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}
