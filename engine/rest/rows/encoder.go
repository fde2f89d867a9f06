package rows

import (
	"bytes"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Format is how rows become a body.
type Format uint8

// The formats: json_agg's array of objects, the object of the first row alone, its only value, one object a line
// (https://github.com/ndjson/ndjson-spec), and PostgREST's CSV.
const (
	Array Format = iota
	Object
	Value
	Lines
	CSV
)

// ErrNotPlain means that a column has a type that cannot be encoded from its text, as after a change of the schema that the
// query does not know of yet.
var ErrNotPlain = errors.New("rows: a column's type needs to_json")

// Encoder makes a body of rows. Begin it, append the rows and end it.
type Encoder struct {
	format  Format
	columns []column
	// keys holds the text before each value; columns point into it.
	keys []byte
	rows int64
}

type column struct {
	kind kind
	// end is where the column's key ends in keys.
	end int
}

// Begin starts a body with these columns and appends what comes before the first row. It may be called again, to start over.
// It returns ErrNotPlain for columns that it cannot encode.
func (e *Encoder) Begin(dst []byte, format Format, fields []pgconn.FieldDescription) ([]byte, error) {
	e.format, e.rows, e.keys, e.columns = format, 0, e.keys[:0], e.columns[:0]
	for i := range fields {
		c := column{kind: kindOf(fields[i].DataTypeOID)}
		switch {
		case format == CSV:
			e.addTitle(i, fields[i].Name)
		case c.kind == unknown:
			return dst, ErrNotPlain
		default:
			e.addKey(i, fields[i].Name)
		}
		c.end = len(e.keys)
		e.columns = append(e.columns, c)
	}
	if format == Array {
		dst = append(dst, '[')
	}
	return dst, nil
}

func (e *Encoder) addTitle(i int, name string) {
	if i > 0 {
		e.keys = append(e.keys, ',')
	}
	e.keys = append(e.keys, name...)
}

func (e *Encoder) addKey(i int, name string) {
	if i == 0 {
		e.keys = append(e.keys, '{')
	} else {
		e.keys = append(e.keys, ',')
	}
	e.keys = appendString(e.keys, []byte(name))
	e.keys = append(e.keys, ':')
}

// Row appends a row.
func (e *Encoder) Row(dst []byte, values [][]byte) []byte {
	e.rows++
	switch {
	case e.format == CSV:
		return e.record(dst, values)
	case e.format == Array && e.rows > 1:
		dst = append(dst, ", \n "...)
	case (e.format == Object || e.format == Value) && e.rows > 1:
		return dst
	case e.format == Value:
		return e.value(dst, values[0])
	}
	dst = e.object(dst, values)
	if e.format == Lines {
		dst = append(dst, '\n')
	}
	return dst
}

func (e *Encoder) object(dst []byte, values [][]byte) []byte {
	if len(values) == 0 {
		return append(dst, "{}"...)
	}
	start := 0
	for i := range e.columns {
		c := &e.columns[i]
		dst = append(dst, e.keys[start:c.end]...)
		dst = appendValue(dst, c.kind, values[i])
		start = c.end
	}
	return append(dst, '}')
}

// value appends the only column of the row. Where it is a json, its spaces at the ends belong to nothing.
func (e *Encoder) value(dst, text []byte) []byte {
	if k := e.columns[0].kind; k != document || text == nil {
		return appendValue(dst, k, text)
	}
	return append(dst, bytes.Trim(text, " \t\r\n")...)
}

// record appends a line; the first one has the titles before it, which an empty body lacks.
func (e *Encoder) record(dst []byte, values [][]byte) []byte {
	if e.rows == 1 {
		dst = append(dst, e.keys...)
	}
	dst = append(dst, '\n')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, value)
	}
	return dst
}

// End appends what comes after the last row.
func (e *Encoder) End(dst []byte) []byte {
	switch {
	case e.format == Array:
		return append(dst, ']')
	case (e.format == Object || e.format == Value) && e.rows == 0:
		return append(dst, "null"...)
	case e.format == CSV && e.rows == 0:
		return append(dst, '\n')
	}
	return dst
}

// Rows is the number of rows since Begin.
func (e *Encoder) Rows() int64 { return e.rows }
