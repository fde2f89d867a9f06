package openapi

import (
	"strconv"
	"unicode/utf8"
)

// writer appends compact JSON with the keys of objects in the order they are written. It places the commas itself: one is due
// unless the text so far ends in what opens a value, which no complete value does.
type writer struct {
	buf []byte
}

func (w *writer) comma() {
	if len(w.buf) == 0 {
		return
	}
	switch w.buf[len(w.buf)-1] {
	case '{', '[', ':':
	default:
		w.buf = append(w.buf, ',')
	}
}

func (w *writer) object(members func()) {
	w.comma()
	w.buf = append(w.buf, '{')
	members()
	w.buf = append(w.buf, '}')
}

func (w *writer) array(elements func()) {
	w.comma()
	w.buf = append(w.buf, '[')
	elements()
	w.buf = append(w.buf, ']')
}

// key writes a member's name; its value must follow.
func (w *writer) key(parts ...string) {
	w.text(parts...)
	w.buf = append(w.buf, ':')
}

// text writes the joined parts as one string.
func (w *writer) text(parts ...string) {
	w.comma()
	w.buf = append(w.buf, '"')
	for _, part := range parts {
		w.escape(part)
	}
	w.buf = append(w.buf, '"')
}

// raw writes a JSON value that is already text.
func (w *writer) raw(value []byte) {
	w.comma()
	w.buf = append(w.buf, value...)
}

func (w *writer) member(key string, value ...string) {
	w.key(key)
	w.text(value...)
}

// optional writes a member unless its value is empty.
func (w *writer) optional(key, value string) {
	if value != "" {
		w.member(key, value)
	}
}

func (w *writer) flag(key string, value bool) {
	w.key(key)
	w.comma()
	w.buf = strconv.AppendBool(w.buf, value)
}

func (w *writer) number(key string, value int) {
	w.key(key)
	w.comma()
	w.buf = strconv.AppendInt(w.buf, int64(value), 10)
}

func (w *writer) list(key string, values ...string) {
	w.key(key)
	w.array(func() {
		for _, value := range values {
			w.text(value)
		}
	})
}

// escape appends what stands for s between quotes: only what JSON wants escaped is, and text that is not UTF-8, which a
// database with the encoding SQL_ASCII may hold, is replaced.
func (w *writer) escape(s string) {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		w.buf = append(w.buf, s[start:i]...)
		switch c {
		case '"', '\\':
			w.buf = append(w.buf, '\\', c)
		case '\n':
			w.buf = append(w.buf, '\\', 'n')
		case '\r':
			w.buf = append(w.buf, '\\', 'r')
		case '\t':
			w.buf = append(w.buf, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				w.buf = utf8.AppendRune(w.buf, utf8.RuneError)
			} else {
				w.buf = append(w.buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i += size
		start = i
	}
	w.buf = append(w.buf, s[start:]...)
}
