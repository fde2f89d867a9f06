package request

import (
	"bytes"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// string scans a string with its quotes. Surrogates must come in pairs.
func (s *jsonScanner) string() bool {
	if s.peek() != '"' {
		return false
	}
	s.pos++
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return true
		case c < 0x20:
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		default:
			s.pos++
		}
	}
	return false
}

func (s *jsonScanner) escape() bool {
	if s.pos+1 >= len(s.in) {
		return false
	}
	switch s.in[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return true
	case 'u':
		c := unicodeEscape(s.in[s.pos:])
		if c < 0 || utf16.IsSurrogate(c) && utf16.DecodeRune(c, unicodeEscape(s.in[s.pos+6:])) == utf8.RuneError {
			return false
		}
		s.pos += 6
		if utf16.IsSurrogate(c) {
			s.pos += 6
		}
		return true
	default:
		return false
	}
}

// unicodeEscape reads a \uXXXX at the start of b, or returns -1.
func unicodeEscape(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var c rune
	for _, digit := range b[2:6] {
		if !isHex(digit) {
			return -1
		}
		c = c<<4 | rune(hexValue(digit))
	}
	return c
}

// unquoteJSON decodes a JSON string that is known to be valid.
func unquoteJSON(quoted []byte) string {
	s := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		if s[i] != 'u' {
			b = append(b, unescapedByte(s[i]))
			continue
		}
		c := unicodeEscape(s[i-1:])
		i += 4
		if utf16.IsSurrogate(c) {
			c = utf16.DecodeRune(c, unicodeEscape(s[i+1:]))
			i += 6
		}
		b = utf8.AppendRune(b, c)
	}
	return string(slices.Clip(b))
}

func unescapedByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
}

// appendJSONString appends s, which is valid UTF-8, as a JSON string.
func appendJSONString(b []byte, s string) []byte {
	const lowerHex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, lowerHex[c>>4], lowerHex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
