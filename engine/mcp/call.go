package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nexus/rls"
	"nexus/schema"
)

// Limits of a call.
const (
	// maxRows is how many rows a tool returns at most.
	maxRows     = 200
	defaultRows = 50
	// maxResult is how large a result may be, in bytes.
	maxResult = 256 << 10
	// callTimeout is how long a call may take.
	callTimeout = 20 * time.Second
)

// call is a call of a tool: who calls, and the surfaces as they reach them.
type call struct {
	h        *Handler
	request  *http.Request
	identity *rls.Identity
	snapshot *schema.Snapshot
	// rows counts those that were returned or changed, for the audit.
	rows int
}

// reply is the answer of a surface.
type reply struct {
	status int
	header http.Header
	body   bytes.Buffer
	// over is set when there was more than a result may have.
	over bool
}

// Header implements http.ResponseWriter.
func (r *reply) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *reply) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *reply) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(p) > 2*maxResult {
		r.over = true
		return len(p), nil
	}
	return r.body.Write(p)
}

// ask sends a request to a surface with the caller's token.
func (c *call) ask(ctx context.Context, surface http.Handler, method, path string, query url.Values, header map[string]string, body any) (*reply, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	target := &url.URL{Path: path, RawPath: escape(path), RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr, r.Host = c.request.RemoteAddr, c.request.Host
	for _, name := range []string{"Authorization", "X-Forwarded-For", "X-Real-Ip"} {
		if value := c.request.Header.Get(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	out := &reply{header: http.Header{}}
	surface.ServeHTTP(out, r)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if out.over {
		return nil, &toolError{Code: "too_large", Message: "The result is too large", Hint: "Ask for fewer rows or columns."}
	}
	if out.status >= http.StatusBadRequest {
		return nil, refusal(out)
	}
	return out, nil
}

// escape writes a path below a surface so that a name stays one segment, whatever is in it.
func escape(path string) string {
	for _, mount := range []string{restPath + "/rpc/", restPath + "/", functionsPath + "/"} {
		if name, ok := strings.CutPrefix(path, mount); ok {
			return mount + url.PathEscape(name)
		}
	}
	return path
}

// rest sends a request to rest/v1.
func (c *call) rest(ctx context.Context, method, path string, query url.Values, prefer string, body any) (*reply, error) {
	header := map[string]string{}
	if prefer != "" {
		header["Prefer"] = prefer
	}
	return c.ask(ctx, c.h.Rest, method, restPath+"/"+path, query, header, body)
}

// rpc calls a function of rest/v1 and reads its result.
func (c *call) rpc(ctx context.Context, name string, arguments, out any) error {
	got, err := c.ask(ctx, c.h.Rest, http.MethodPost, restPath+"/rpc/"+name, nil, nil, arguments)
	if err != nil || got.body.Len() == 0 {
		return err
	}
	return json.Unmarshal(got.body.Bytes(), out)
}

// function posts to one of functions/v1 and reads its answer.
func (c *call) function(ctx context.Context, name string, body, out any) error {
	got, err := c.ask(ctx, c.h.Functions, http.MethodPost, functionsPath+"/"+name, nil, nil, body)
	if err != nil || got.body.Len() == 0 {
		return err
	}
	return json.Unmarshal(got.body.Bytes(), out)
}

// Where the surfaces are mounted.
const (
	restPath      = "/rest/v1"
	functionsPath = "/functions/v1"
)

// refusal words an error of a surface for an agent.
func refusal(r *reply) error {
	var said struct {
		Code    string          `json:"code"`
		Error   string          `json:"error"`
		Message string          `json:"message"`
		Hint    string          `json:"hint"`
		Details json.RawMessage `json:"details"`
	}
	_ = json.Unmarshal(r.body.Bytes(), &said)
	e := &toolError{Code: said.Error, Message: said.Message, Hint: said.Hint}
	var text string
	var details struct {
		Hint string `json:"hint"`
	}
	switch {
	case json.Unmarshal(said.Details, &text) == nil && text != "":
		if machine := strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""; machine {
			e.Code = text
		} else {
			e.Message += " (" + text + ")"
		}
	case json.Unmarshal(said.Details, &details) == nil && details.Hint != "":
		e.Hint = details.Hint
	}
	if e.Code == "" {
		e.Code = said.Code
	}
	if e.Hint == "" {
		e.Hint = advice[said.Code]
	}
	if e.Hint == "" {
		e.Hint = adviceByStatus[r.status]
	}
	if retry := r.header.Get("Retry-After"); retry != "" {
		e.Hint = strings.TrimSpace("Try again in " + retry + " seconds. " + e.Hint)
	}
	if e.Message == "" {
		e.Message = "The call failed with status " + strconv.Itoa(r.status)
	}
	return e
}

// advice is what to do next, by the code of an error.
var advice = map[string]string{
	"PGRST205": "See list_tables for the tables that there are.", "PGRST202": "See list_tables for the functions that there are.",
	"PGRST204": "See describe_table for the columns.", "42703": "See describe_table for the columns.", "PGRST200": "See describe_table for what a table can be embedded with.",
	"PGRST201": "Name the relationship, as table!constraint(…).", "PGRST100": "See describe_table, and https://docs.postgrest.org for the syntax of select and order.",
	"42501": "describe_table says what you may do with a table. Do not try this again.", "PGRST124": "More rows match than you expected; narrow the filters.",
	"23505": "There is a row like this already; find it with query.", "23503": "Something that the row refers to does not exist; look it up with query.",
	"23514": "A value is not allowed; see the comments of describe_table.", "23502": "A value is missing; see describe_table.", "22P02": "A value is not of its column's type; see describe_table.",
}

var adviceByStatus = map[int]string{
	http.StatusUnauthorized: "Exchange the API key for a new token at agent-auth.",
	http.StatusForbidden:    "Your token does not allow this; ask a person of the organization.",
	http.StatusNotFound:     "Look for the right id first.",
}
