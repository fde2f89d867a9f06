package request

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// maxJSONDepth is how deep a JSON body may nest; PostgreSQL's own limit is of that order.
const maxJSONDepth = 10_000

// maxLinearKeys is up to how many keys are searched one by one.
const maxLinearKeys = 16

// jsonDoc is what a pass over a JSON body finds out about its rows.
type jsonDoc struct {
	// hasObjects is true of an object and of an array that begins with one.
	hasObjects bool
	// keysDiffer is true of an array that does not consist of objects with the same keys.
	keysDiffer bool
	keys       []string // of the first object, in its order; duplicates are left out
}

// scanJSON checks that body is one valid JSON text (RFC 8259) and collects the keys of its rows. It builds no values, so
// numbers of any size pass unchanged.
func scanJSON(body []byte) (jsonDoc, bool) {
	if !utf8.Valid(body) {
		return jsonDoc{}, false
	}
	s := jsonScanner{in: body}
	s.skipSpace()
	var ok bool
	switch s.peek() {
	case '{':
		s.doc.hasObjects = true
		ok = s.row(true)
	case '[':
		ok = s.rows()
	default:
		ok = s.value()
	}
	if !ok {
		return jsonDoc{}, false
	}
	s.skipSpace()
	return s.doc, s.pos == len(body)
}

type jsonScanner struct {
	in  []byte
	pos int
	doc jsonDoc

	known []knownKey     // in the order of doc.keys
	index map[string]int // the places of the keys, made when there are many
	rowNo int
	nest  []byte // open brackets of the value being skipped
}

// knownKey is a key of the first row as it is written there, and the number of the last row that has it.
type knownKey struct {
	raw  []byte
	seen int
}

// usualKeys is how many keys there is room for from the start.
const usualKeys = 8

// peek returns the next byte, 0 at the end, which begins no JSON token.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

func (s *jsonScanner) skipSpace() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// take takes the byte c with the white space before it.
func (s *jsonScanner) take(c byte) bool {
	s.skipSpace()
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// rows scans an array, whose elements should be rows.
func (s *jsonScanner) rows() bool {
	s.pos++
	if s.take(']') {
		return true
	}
	for first := true; ; first = false {
		s.skipSpace()
		isObject := s.peek() == '{'
		s.doc.hasObjects = s.doc.hasObjects || first && isObject
		s.doc.keysDiffer = s.doc.keysDiffer || !isObject
		if isObject && !s.row(first) || !isObject && !s.value() {
			return false
		}
		if !s.take(',') {
			return s.take(']')
		}
	}
}

// row scans an object: the first one tells the keys that the others must have.
func (s *jsonScanner) row(first bool) bool {
	s.pos++
	s.rowNo++
	found := 0
	if !s.take('}') {
		for position := 0; ; position++ {
			s.skipSpace()
			start := s.pos
			if !s.string() {
				return false
			}
			key := s.in[start:s.pos]
			if !s.take(':') {
				return false
			}
			s.skipSpace()
			if !s.value() {
				return false
			}
			found += s.noteKey(key, position, first)
			if s.take(',') {
				continue
			}
			if !s.take('}') {
				return false
			}
			break
		}
	}
	s.doc.keysDiffer = s.doc.keysDiffer || found != len(s.doc.keys)
	return true
}

// noteKey counts a key of a row, written as key at that position: 1 when it is new in the row.
func (s *jsonScanner) noteKey(key []byte, position int, first bool) int {
	if s.doc.keysDiffer {
		return 0
	}
	i := position
	if i >= len(s.known) || !bytes.Equal(s.known[i].raw, key) {
		name := unquoteJSON(key)
		if i = s.lookup(name); i < 0 && first {
			i = s.addKey(name, key)
		}
	}
	switch {
	case i < 0:
		s.doc.keysDiffer = true
		return 0
	case s.known[i].seen == s.rowNo:
		return 0
	default:
		s.known[i].seen = s.rowNo
		return 1
	}
}

// addKey notes a key of the first row and returns its place.
func (s *jsonScanner) addKey(name string, key []byte) int {
	place := len(s.known)
	if place == 0 {
		s.known, s.doc.keys = make([]knownKey, 0, usualKeys), make([]string, 0, usualKeys)
	}
	if s.index != nil {
		s.index[name] = place
	}
	s.doc.keys = append(s.doc.keys, name)
	s.known = append(s.known, knownKey{raw: key})
	return place
}

// lookup finds the place of a key, or returns -1.
func (s *jsonScanner) lookup(name string) int {
	if len(s.doc.keys) <= maxLinearKeys {
		return slices.Index(s.doc.keys, name)
	}
	if s.index == nil {
		s.index = make(map[string]int, 2*len(s.doc.keys))
		for i, known := range s.doc.keys {
			s.index[known] = i
		}
	}
	if i, ok := s.index[name]; ok {
		return i
	}
	return -1
}

// value scans any value; nested ones are kept on a stack of brackets instead of the goroutine's.
func (s *jsonScanner) value() bool {
	s.nest = s.nest[:0]
	for {
		opened, ok := s.scalarOrOpen()
		if !ok {
			return false
		}
		if opened {
			continue
		}
		more, ok := s.afterValue()
		if !ok || !more {
			return ok
		}
	}
}

// scalarOrOpen scans a scalar, an empty container, or the start of one up to its first value.
func (s *jsonScanner) scalarOrOpen() (opened, ok bool) {
	s.skipSpace()
	switch c := s.peek(); c {
	case '{', '[':
		s.pos++
		if s.take(c + 2) {
			return false, true
		}
		s.nest = append(s.nest, c)
		if len(s.nest) > maxJSONDepth {
			return false, false
		}
		return true, c == '[' || s.key()
	case '"':
		return false, s.string()
	case 't':
		return false, s.literal("true")
	case 'f':
		return false, s.literal("false")
	case 'n':
		return false, s.literal("null")
	default:
		return false, s.number()
	}
}

// afterValue scans what follows a value inside the open containers; more tells that another value comes.
func (s *jsonScanner) afterValue() (more, ok bool) {
	for len(s.nest) > 0 {
		open := s.nest[len(s.nest)-1]
		if s.take(',') {
			return true, open == '[' || s.key()
		}
		if !s.take(open + 2) {
			return false, false
		}
		s.nest = s.nest[:len(s.nest)-1]
	}
	return false, true
}

// key scans a key and its colon.
func (s *jsonScanner) key() bool {
	s.skipSpace()
	return s.string() && s.take(':')
}

func (s *jsonScanner) literal(text string) bool {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(text)) {
		return false
	}
	s.pos += len(text)
	return true
}

func (s *jsonScanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

func (s *jsonScanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
