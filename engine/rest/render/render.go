package render

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

// Result is the one row that the statement of a read, a write or a call answers with.
type Result struct {
	// Total is the number of rows without limit and offset, nil when it was not counted.
	Total *int64
	// Page is the number of rows in the body.
	Page int64
	// Location holds the key columns of a created row as name and "eq.value", in order.
	Location [][2]string
	Body     []byte
	// Headers and Status are response.headers and response.status as a database function set them, nil when it did not.
	Headers []byte
	Status  []byte
	// Inserted is the number of rows an upsert really inserted, nil when that was not asked.
	Inserted *int64
	// Streamed is true of a read whose body follows in pieces, so that its length is not known; Page is, if Total is.
	Streamed bool
}

// Subject is what the answer is about.
type Subject struct {
	Request *request.Request
	// Media is the negotiated media type of the body.
	Media request.MediaType
	// Relation is the resolved name of the table or view, BasePath the mount point of the API.
	Relation string
	BasePath string
	// HasKey is true of an insert into a relation with a primary key.
	HasKey bool
	// Void is true of a call whose function returns void.
	Void bool
	// TerseErrors leaves details and hint out of errors.
	TerseErrors bool
}

// Response is what goes to the client.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Respond renders the result of the subject's action. It fails with PGRST111 or PGRST112 when a database function set
// response.headers or response.status to something unusable.
func Respond(s *Subject, res *Result) (*Response, error) {
	var out *Response
	switch s.Request.Action {
	case request.CreateRows:
		out = created(s, res)
	case request.UpdateRows:
		out = changed(s, res, 0, res.Page-1)
	case request.DeleteRows:
		out = changed(s, res, 1, 0)
	case request.UpsertRow:
		out = upserted(s, res)
	case request.CallRoutine:
		out = called(s, res)
	default:
		out = read(s, res)
	}
	if err := override(out, res); err != nil {
		return nil, err
	}
	return out, nil
}

func read(s *Subject, res *Result) *Response {
	r := s.Request
	p := r.Preferences
	out := newResponse(request.Preferences{
		Count: p.Count, Transaction: p.Transaction, Handling: p.Handling, Timezone: p.Timezone,
	})
	location := s.BasePath + "/" + s.Relation
	if r.Query.Canonical != "" {
		location += "?" + r.Query.Canonical
	}
	out.Header["Content-Location"] = []string{location}
	out.content(s, out.window(s, res))
	if res.Streamed {
		out.dropLength(res)
	}
	out.dropForHead(r)
	return out
}

func called(s *Subject, res *Result) *Response {
	r := s.Request
	p := r.Preferences
	out := newResponse(request.Preferences{
		Count: p.Count, Transaction: p.Transaction, Handling: p.Handling, Timezone: p.Timezone,
		MaxAffected: p.MaxAffected, HasMaxAffected: p.HasMaxAffected,
	})
	body := out.window(s, res)
	if s.Void {
		out.Status = http.StatusNoContent
		return out
	}
	out.content(s, body)
	out.dropForHead(r)
	return out
}

func created(s *Subject, res *Result) *Response {
	r := s.Request
	p := r.Preferences
	applied := p
	applied.HasMaxAffected = false
	if !s.HasKey && !r.Query.HasOnConflict {
		applied.Resolution = ""
	}
	out := newResponse(applied)
	out.Status = http.StatusCreated
	if p.Resolution == "merge-duplicates" && (res.Inserted == nil || *res.Inserted <= 0) {
		out.Status = http.StatusOK
	}
	if len(res.Location) > 0 {
		out.Header["Location"] = []string{s.BasePath + "/" + s.Relation + locationQuery(res.Location)}
	}
	out.rows(1, 0, counted(r, res))
	out.Header["Content-Length"] = []string{"0"}
	if p.Representation == "representation" {
		out.content(s, res.Body)
	}
	return out
}

func changed(s *Subject, res *Result, lower, upper int64) *Response {
	r := s.Request
	p := r.Preferences
	applied := request.Preferences{
		Representation: p.Representation, Count: p.Count, Transaction: p.Transaction, Handling: p.Handling,
		Timezone: p.Timezone, MaxAffected: p.MaxAffected, HasMaxAffected: p.HasMaxAffected,
	}
	if r.Action == request.UpdateRows {
		applied.Missing = p.Missing
	}
	out := newResponse(applied)
	out.rows(lower, upper, counted(r, res))
	out.representation(s, res, http.StatusOK)
	return out
}

func upserted(s *Subject, res *Result) *Response {
	p := s.Request.Preferences
	out := newResponse(request.Preferences{
		Representation: p.Representation, Count: p.Count, Transaction: p.Transaction, Handling: p.Handling, Timezone: p.Timezone,
	})
	status := http.StatusOK
	if res.Inserted != nil && *res.Inserted > 0 {
		status = http.StatusCreated
	}
	out.representation(s, res, status)
	return out
}

func newResponse(applied request.Preferences) *Response {
	out := &Response{Status: http.StatusOK, Header: make(http.Header, 8)}
	if v := applied.Applied(); v != "" {
		out.Header["Preference-Applied"] = []string{v}
	}
	return out
}

// representation fills the answer of a write: the rows if they were asked for, otherwise 204.
func (o *Response) representation(s *Subject, res *Result, status int) {
	if s.Request.Preferences.Representation != "representation" {
		o.Status = http.StatusNoContent
		return
	}
	o.Status = status
	o.content(s, res.Body)
}

func (o *Response) content(s *Subject, body []byte) {
	o.Body = body
	o.Header["Content-Type"] = []string{s.Media.ContentType()}
	if s.Request.ProfileNegotiated {
		o.Header["Content-Profile"] = []string{s.Request.Schema}
	}
	o.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
}

// window sets status and Content-Range of a read and returns its body: the rows, or the error of a window that begins
// beyond the last row.
func (o *Response) window(s *Subject, res *Result) []byte {
	lower := s.Request.TopRange.Offset
	upper := lower + res.Page - 1
	o.rows(lower, upper, res.Total)
	switch {
	case res.Total == nil:
	case lower > *res.Total:
		o.Status = http.StatusRequestedRangeNotSatisfiable
		return outOfBounds(lower, *res.Total).JSON(s.TerseErrors)
	case res.Page < *res.Total:
		o.Status = http.StatusPartialContent
	}
	return res.Body
}

// dropLength leaves out what is not known before the end of a streamed body.
func (o *Response) dropLength(res *Result) {
	delete(o.Header, "Content-Length")
	if res.Total == nil {
		delete(o.Header, "Content-Range")
	}
}

// dropForHead leaves the headers of a HEAD without a body; its length is not known, as nothing was aggregated.
func (o *Response) dropForHead(r *request.Request) {
	if r.HeadersOnly {
		o.Body = nil
		delete(o.Header, "Content-Length")
	}
}

func (o *Response) rows(lower, upper int64, total *int64) {
	o.Header["Content-Range"] = []string{contentRange(lower, upper, total)}
}

// contentRange renders "lower-upper/total" with * for what is unknown or empty.
func contentRange(lower, upper int64, total *int64) string {
	window, all := "*", "*"
	if total != nil {
		all = strconv.FormatInt(*total, 10)
	}
	if lower <= upper && (total == nil || *total != 0) {
		window = strconv.FormatInt(lower, 10) + "-" + strconv.FormatInt(upper, 10)
	}
	return window + "/" + all
}

// counted is the row count that writes report when a count was asked for.
func counted(r *request.Request, res *Result) *int64 {
	if c := r.Preferences.Count; c != "exact" && c != "estimated" {
		return nil
	}
	return &res.Page
}

func outOfBounds(offset, total int64) *apierr.Error {
	return &apierr.Error{
		Status: http.StatusRequestedRangeNotSatisfiable, Code: "PGRST103", Message: "Requested range not satisfiable",
		Details: "An offset of " + strconv.FormatInt(offset, 10) + " was requested, but there are only " +
			strconv.FormatInt(total, 10) + " rows.",
	}
}

func locationQuery(pairs [][2]string) string {
	var b strings.Builder
	for i, p := range pairs {
		if i == 0 {
			b.WriteByte('?')
		} else {
			b.WriteByte('&')
		}
		b.WriteString(escapeQuery(p[0]))
		b.WriteByte('=')
		b.WriteString(escapeQuery(p[1]))
	}
	return b.String()
}

// escapeQuery percent-encodes all but the unreserved characters of RFC 3986; a space is %20.
func escapeQuery(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
