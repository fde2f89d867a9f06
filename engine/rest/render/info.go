package render

import (
	"net/http"
	"strconv"

	"nexus/schema"
)

// RelationInfo answers OPTIONS on a relation with the methods it can take
// (https://docs.postgrest.org/en/v14/references/api/options.html).
func RelationInfo(t *schema.Table) *Response {
	allow := "OPTIONS,GET,HEAD"
	if t.Insertable {
		allow += ",POST"
	}
	if t.Insertable && t.Updatable && len(t.PrimaryKey) > 0 {
		allow += ",PUT"
	}
	if t.Updatable {
		allow += ",PATCH"
	}
	if t.Deletable {
		allow += ",DELETE"
	}
	return info(allow)
}

// RoutineInfo answers OPTIONS on a function.
func RoutineInfo(r *schema.Routine) *Response {
	if r.Volatility == schema.Volatile {
		return info("OPTIONS,POST")
	}
	return info("OPTIONS,GET,HEAD,POST")
}

// SchemaInfo answers OPTIONS on the root.
func SchemaInfo() *Response { return info("OPTIONS,GET,HEAD") }

func info(allow string) *Response {
	return &Response{Status: http.StatusOK, Header: http.Header{
		"Allow": {allow}, "Access-Control-Allow-Origin": {"*"}, "Content-Length": {"0"},
	}}
}

// Explained answers with an execution plan.
func Explained(s *Subject, plan []byte) *Response {
	out := &Response{Status: http.StatusOK, Header: make(http.Header, 3)}
	out.content(s, plan)
	return out
}

// Document answers the root with its description; a HEAD gets no body.
func Document(s *Subject, document []byte) *Response {
	out := &Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {s.Media.ContentType()}}}
	if s.Request.ProfileNegotiated {
		out.Header["Content-Profile"] = []string{s.Request.Schema}
	}
	if !s.Request.HeadersOnly {
		out.Body = document
		out.Header["Content-Length"] = []string{strconv.Itoa(len(document))}
	}
	return out
}
