package request_test

import (
	"reflect"
	"testing"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

func total(n int64) *int64 { return &n }

func TestRangeAnswer(t *testing.T) {
	t.Parallel()
	limited := request.Range{Offset: 2, Limit: 3, HasLimit: true}
	for _, tt := range []struct {
		window request.Range
		rows   int64
		total  *int64
		status int
		header string
	}{
		{request.AllRows, 5, nil, 200, "0-4/*"},
		{request.AllRows, 0, nil, 200, "*/*"},
		{request.AllRows, 5, total(5), 200, "0-4/5"},
		{request.AllRows, 0, total(0), 200, "*/0"},
		{request.AllRows, 3, total(5), 206, "0-2/5"},
		{limited, 3, total(9), 206, "2-4/9"},
		{limited, 3, nil, 200, "2-4/*"},
		{limited, 0, total(2), 206, "*/2"},
		{limited, 0, total(1), 416, "*/1"},
		{limited, 0, total(0), 416, "*/0"},
	} {
		if got := tt.window.Status(tt.rows, tt.total); got != tt.status {
			t.Errorf("%+v with %d rows: status %d, want %d", tt.window, tt.rows, got, tt.status)
		}
		if got := tt.window.ContentRange(tt.rows, tt.total); got != tt.header {
			t.Errorf("%+v with %d rows: %s, want %s", tt.window, tt.rows, got, tt.header)
		}
	}
	if got := request.ContentRange(1, 0, nil); got != "*/*" {
		t.Errorf("no rows: %s", got)
	}
}

func TestRangeErrOutOfBounds(t *testing.T) {
	t.Parallel()
	want := apierr.Error{Status: 416, Code: "PGRST103", Message: "Requested range not satisfiable"}
	for rows, details := range map[*int64]string{
		nil:       "An offset of 100 was requested, but there are only 0 rows.",
		total(15): "An offset of 100 was requested, but there are only 15 rows.",
	} {
		want.Details = details
		if got := (request.Range{Offset: 100}).ErrOutOfBounds(rows); !reflect.DeepEqual(*got, want) {
			t.Errorf("got %+v, want %+v", *got, want)
		}
	}
}

func TestRangeRestrict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want request.Range }{
		{request.AllRows, request.Range{Limit: 10, HasLimit: true}},
		{request.Range{Offset: 5}, request.Range{Offset: 5, Limit: 10, HasLimit: true}},
		{request.Range{Limit: 11, HasLimit: true}, request.Range{Limit: 10, HasLimit: true}},
		{request.Range{Limit: 9, HasLimit: true}, request.Range{Limit: 9, HasLimit: true}},
		{request.Range{HasLimit: true}, request.Range{HasLimit: true}},
	} {
		if got := tt.in.Restrict(10); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", tt.in, got, tt.want)
		}
	}
	if !request.AllRows.IsAll() || (request.Range{HasLimit: true}).IsAll() || (request.Range{Offset: 1}).IsAll() {
		t.Error("IsAll is true of AllRows only")
	}
}
