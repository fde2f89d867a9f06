package generative

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// rows reads the body of an answer as a list of rows. Those of CSV are lists of fields.
func (q *query) rows(body string) any {
	switch q.media {
	case inObject:
		return []any{decode(body)}
	case inLines:
		rows := []any{}
		for line := range strings.Lines(body) {
			rows = append(rows, decode(line))
		}
		return rows
	case inCSV:
		return q.records(body)
	}
	return decode(body)
}

// records reads CSV. The first line has the names, which PostgREST does not quote.
func (q *query) records(body string) any {
	names := q.root.names()
	header, body, _ := strings.Cut(body, "\n")
	rows := []any{}
	r := csv.NewReader(strings.NewReader(body))
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(record) != len(names) {
			return fmt.Sprintf("%d fields for %d names, error %v", len(record), len(names), err)
		}
		row := map[string]any{}
		for i, name := range names {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 && header != strings.Join(names, ",") {
		return "header " + header
	}
	return rows
}

// unquoted is a field of CSV without its quotes.
func unquoted(text string) string {
	record, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return ""
	}
	return record[0]
}

// strip takes away the nulls of objects.
func (w *window) strip() {
	for i := range w.rows {
		o := w.rows[i].value
		for name, v := range o.values {
			if v = withoutNulls(v); v == nil {
				delete(o.values, name)
			} else {
				o.values[name] = v
			}
		}
	}
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case *window:
		v.strip()
	case *object:
		(&window{rows: []ranked{{value: v}}}).strip()
	case map[string]any:
		kept := map[string]any{}
		for k, inner := range v {
			if inner = withoutNulls(inner); inner != nil {
				kept[k] = inner
			}
		}
		return kept
	case []any:
		for i, inner := range v {
			v[i] = withoutNulls(inner)
		}
	}
	return v
}

// summary is the status and Content-Range, after PostgREST's pages on pagination and on singular answers.
func (e *expected) summary(q *query) (status int, contentRange string) {
	_, offset, _ := q.window()
	rows := e.rows.to - e.rows.from
	if q.media == inObject && rows != 1 {
		return http.StatusNotAcceptable, ""
	}
	contentRange = "*"
	if rows > 0 && (!q.count || e.total > 0) {
		contentRange = fmt.Sprintf("%d-%d", offset, offset+rows-1)
	}
	if !q.count {
		return http.StatusOK, contentRange + "/*"
	}
	contentRange += fmt.Sprintf("/%d", e.total)
	switch {
	case offset > e.total:
		return http.StatusRequestedRangeNotSatisfiable, contentRange
	case rows < e.total:
		return http.StatusPartialContent, contentRange
	}
	return http.StatusOK, contentRange
}
