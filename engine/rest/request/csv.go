package request

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"nexus/engine/apierr"
)

// csvPayload turns CSV with a header line into a JSON array of objects of texts; an unquoted or quoted NULL is null.
// The rules and the texts of errors are those of the reader that PostgREST uses: blank lines are skipped, surplus fields
// are dropped, and rows that miss fields must all miss the same ones.
func csvPayload(body []byte) (Payload, *apierr.Error) {
	if err := checkBytes(body); err != nil {
		return Payload{}, err
	}
	r := csvReader{in: body}
	header, err := r.header()
	if err != nil {
		return Payload{}, err
	}
	raw := make([]byte, 0, 2*len(body)+2)
	raw = append(raw, '[')
	fields, width := []string(nil), -1
	differ := false
	for more := true; more; {
		if fields, err = r.record(fields[:0]); err != nil {
			return Payload{}, err
		}
		if len(fields) != 1 || fields[0] != "" {
			fields = fields[:min(len(fields), len(header))]
			differ = differ || width >= 0 && width != len(fields)
			if width >= 0 {
				raw = append(raw, ',')
			}
			width = len(fields)
			raw = appendCSVRow(raw, header, fields)
		}
		if more, err = r.nextLine(); err != nil {
			return Payload{}, err
		}
	}
	if differ {
		return Payload{}, errBody(msgLinesDiffer)
	}
	keys := slices.Clone(header[:max(width, 0)])
	return Payload{Kind: PayloadJSON, Raw: append(raw, ']'), Keys: uniqueSorted(keys)}, nil
}

// appendCSVRow appends a row as a JSON object; of columns of one name the last counts, as it does in PostgreSQL.
func appendCSVRow(raw []byte, header, fields []string) []byte {
	raw = append(raw, '{')
	for i, field := range fields {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(appendJSONString(raw, header[i]), ':')
		if field == "NULL" {
			raw = append(raw, "null"...)
		} else {
			raw = appendJSONString(raw, field)
		}
	}
	return append(raw, '}')
}

// csvReader splits CSV text into fields.
type csvReader struct {
	in  []byte
	pos int
}

func (r *csvReader) header() ([]string, *apierr.Error) {
	names, err := r.record(nil)
	if err != nil {
		return nil, err
	}
	if !r.endOfLine() {
		return nil, r.failLineEnd()
	}
	return names, nil
}

// record appends the fields up to the end of the line to fields.
func (r *csvReader) record(fields []string) ([]string, *apierr.Error) {
	for {
		field, err := r.field()
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
		if r.pos >= len(r.in) || r.in[r.pos] != ',' {
			return fields, nil
		}
		r.pos++
	}
}

// nextLine moves on to the next line; more is false at the end of the text.
func (r *csvReader) nextLine() (more bool, err *apierr.Error) {
	switch {
	case r.pos == len(r.in):
		return false, nil
	case r.endOfLine():
		return true, nil
	default:
		return false, r.failLineEnd()
	}
}

func (r *csvReader) endOfLine() bool {
	rest := r.in[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		r.pos += 2
	case len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r'):
		r.pos++
	default:
		return false
	}
	return true
}

func (r *csvReader) field() (string, *apierr.Error) {
	if r.pos < len(r.in) && r.in[r.pos] == '"' {
		return r.quotedField()
	}
	start := r.pos
	if i := bytes.IndexAny(r.in[start:], "\"\n,\r"); i >= 0 {
		r.pos += i
	} else {
		r.pos = len(r.in)
	}
	return string(r.in[start:r.pos]), nil
}

// quotedField takes a field in quotes, where a doubled quote is one. A field that the text ends inside of loses its
// last character, which is taken for the quote.
func (r *csvReader) quotedField() (string, *apierr.Error) {
	start := r.pos + 1
	r.pos = start
	closing := false
	for r.pos < len(r.in) {
		isQuote := r.in[r.pos] == '"'
		if closing && !isQuote {
			break
		}
		closing = isQuote && !closing
		r.pos++
	}
	if r.pos == start {
		return "", r.fail("Failed reading: trailing double quote")
	}
	text := strings.ReplaceAll(string(r.in[start:r.pos-1]), `""`, "\x00")
	if strings.Contains(text, `"`) {
		return "", r.fail("Failed reading: insufficient input")
	}
	return strings.ReplaceAll(text, "\x00", `"`), nil
}

// failLineEnd is the error of a text where the end of a line should be.
func (r *csvReader) failLineEnd() *apierr.Error {
	if r.pos == len(r.in) {
		return r.fail("not enough input")
	}
	return r.fail("Failed reading: satisfy")
}

// maxCSVExcerpt is how many bytes of what could not be read an error shows.
const maxCSVExcerpt = 100

func (r *csvReader) fail(reason string) *apierr.Error {
	rest := r.in[r.pos:]
	if len(rest) > maxCSVExcerpt {
		excerpt := strings.ToValidUTF8(string(rest[:maxCSVExcerpt]), string(utf8.RuneError))
		return errBody(fmt.Sprintf("parse error (%s) at %s (truncated)", reason, excerpt))
	}
	return errBody(fmt.Sprintf("parse error (%s) at %s", reason, quoteHaskell(fromLatin1(string(rest)))))
}
