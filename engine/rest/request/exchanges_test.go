package request_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

// exchange is a recorded request with PostgREST's answer.
type exchange struct {
	ID      string      `json:"id"`
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Headers [][2]string `json:"headers"`
	Body    *string     `json:"body"`
	Expect  struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    *string     `json:"body"`
	} `json:"expect"`
}

func (e exchange) input() request.Input {
	header := http.Header{}
	for _, pair := range e.Headers {
		header.Add(pair[0], pair[1])
	}
	path, query, _ := strings.Cut(e.Path, "?")
	in := request.Input{Method: e.Method, Path: path, RawQuery: query, Header: header}
	if e.Body != nil {
		in.Body = []byte(*e.Body)
	}
	return in
}

// header is a header of the recorded answer.
func (e exchange) header(name string) string {
	for _, pair := range e.Expect.Headers {
		if pair[0] == name {
			return pair[1]
		}
	}
	return ""
}

// errorBody is PostgREST's error as it is sent.
type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details"`
	Hint    any    `json:"hint"`
}

// syntaxCodes are the codes that only this stage gives.
var syntaxCodes = map[string]bool{
	"PGRST100": true, "PGRST101": true, "PGRST102": true, "PGRST106": true, "PGRST114": true, "PGRST117": true,
	"PGRST125": true, "PGRST126": true,
}

// refusedHere are the recorded requests that carry bytes PostgreSQL cannot hold. PostgREST fails on them with a 500, or
// silently drops what follows a NUL; here they are a 400.
var refusedHere = map[string]bool{"urls-0585": true, "operators-0085": true}

func recordedOptions() request.Options {
	return request.Options{
		Schemas: []string{"shop", "odd"}, AllowTxOverride: true,
		KnownTimezone: func(name string) bool { return name == "UTC" || name == "Asia/Tokyo" || name == "America/Los_Angeles" },
	}
}

func loadExchanges(t *testing.T) []exchange {
	t.Helper()
	file, err := os.Open("../../../testdata/exchanges.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []exchange
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecordedExchanges checks that this stage refuses exactly the recorded requests that PostgREST refused for their
// syntax, with the same bytes, and names the others' Content-Location as it does.
func TestRecordedExchanges(t *testing.T) {
	t.Parallel()
	refused, located := 0, 0
	for _, e := range loadExchanges(t) {
		var want errorBody
		if e.Expect.Body != nil && e.Expect.Status >= 400 {
			_ = json.Unmarshal([]byte(*e.Expect.Body), &want)
		}
		r, err := request.Parse(recordedOptions(), e.input())
		var got *apierr.Error
		if errors.As(err, &got); got == nil && err != nil {
			t.Errorf("%s: %v is no *apierr.Error", e.ID, err)
			continue
		}
		switch {
		case refusedHere[e.ID]:
			if got == nil || got.Status != 400 || got.Code != "22021" {
				t.Errorf("%s: got %v, want 22021", e.ID, err)
			}
		case syntaxCodes[want.Code]:
			refused++
			if got == nil {
				t.Errorf("%s %s: accepted, want %+v", e.ID, e.Path, want)
			} else if have := (errorBody{got.Code, got.Message, got.Details, got.Hint}); have != want || got.Status != e.Expect.Status {
				t.Errorf("%s %s:\n got %d %+v\nwant %d %+v", e.ID, e.Path, got.Status, have, e.Expect.Status, want)
			}
		case e.header("proxy-status") == "PostgREST; error=PGRST103":
			// The body was not recorded. Windows beyond the rows are refused later and carry no such header.
			if got == nil || got.Code != "PGRST103" || got.Status != 416 {
				t.Errorf("%s %s: got %v, want PGRST103", e.ID, e.Path, err)
			}
		case got != nil:
			t.Errorf("%s %s: refused with %+v, PostgREST answers %d", e.ID, e.Path, got, e.Expect.Status)
		case e.header("content-location") != "":
			located++
			_, query, _ := strings.Cut(e.header("content-location"), "?")
			if r.Query.Canonical != query {
				t.Errorf("%s %s: canonical query\n got %s\nwant %s", e.ID, e.Path, r.Query.Canonical, query)
			}
		}
	}
	if refused < 30 || located < 50 {
		t.Errorf("compared only %d errors and %d locations", refused, located)
	}
}
