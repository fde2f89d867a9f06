package request_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"nexus/engine/rest/request"
)

// send parses a body that is sent to a path.
func send(method, path, query, contentType, body string) (*request.Request, error) {
	in := request.Input{Method: method, Path: path, RawQuery: query, Header: headers(), Body: []byte(body)}
	if contentType != "" {
		in.Header.Set("Content-Type", contentType)
	}
	return request.Parse(request.Options{Schemas: []string{"api"}}, in)
}

func TestPayload(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, path, query, contentType, body string
		kind                                         request.PayloadKind
		raw                                          string
		columns                                      []string
		form                                         []request.RPCParam
	}{
		{name: "reads have none", method: "GET", path: "/items", body: "{", kind: request.PayloadNone},
		{name: "deletes have none", method: "DELETE", path: "/items", body: "{", kind: request.PayloadNone},
		{name: "safe calls have none", method: "GET", path: "/rpc/f", body: "{", kind: request.PayloadNone},
		{name: "object", method: "POST", path: "/items", body: ` {"b":1,"a":[{"c":2}]} `, kind: request.PayloadJSON, raw: ` {"b":1,"a":[{"c":2}]} `, columns: []string{"a", "b"}},
		{name: "array", method: "PATCH", path: "/items", body: `[{"b":1,"a":2},{"a":1e400,"b":3}]`, kind: request.PayloadJSON, raw: `[{"b":1,"a":2},{"a":1e400,"b":3}]`, columns: []string{"a", "b"}},
		{name: "upsert ignores columns", method: "PUT", path: "/items", query: "columns=z", body: `{"a":1}`, kind: request.PayloadJSON, raw: `{"a":1}`, columns: []string{"a"}},
		{name: "empty array", method: "POST", path: "/items", body: ` [ ] `, kind: request.PayloadJSON, raw: "[]"},
		{name: "scalar", method: "POST", path: "/items", body: `"x"`, kind: request.PayloadJSON, raw: "[]"},
		{name: "empty object", method: "POST", path: "/items", body: `{}`, kind: request.PayloadJSON, raw: "{}"},
		{name: "columns skip the check", method: "POST", path: "/items", query: "columns=b,a,b", body: `{oops`, kind: request.PayloadRawJSON, raw: `{oops`, columns: []string{"a", "b"}},
		{name: "columns of a call", method: "POST", path: "/rpc/f", query: "columns=a", body: ``, kind: request.PayloadRawJSON, columns: []string{"a"}},
		{name: "call without a body", method: "POST", path: "/rpc/f", kind: request.PayloadJSON},
		{name: "call", method: "POST", path: "/rpc/f", body: `{"a":1}`, kind: request.PayloadJSON, raw: `{"a":1}`, columns: []string{"a"}},
		{name: "CSV", method: "POST", path: "/items", contentType: "text/csv; header=present", body: "b,a\n1,x\n2,NULL\n", kind: request.PayloadJSON, raw: `[{"b":"1","a":"x"},{"b":"2","a":null}]`, columns: []string{"a", "b"}},
		{name: "CSV ignores columns", method: "POST", path: "/items", query: "columns=z", contentType: "text/csv", body: "a\n1", kind: request.PayloadJSON, raw: `[{"a":"1"}]`, columns: []string{"a"}},
		{name: "form of a table", method: "POST", path: "/items", contentType: form, body: `b=1&a=x+%22y%22%0A&b=2&c`, kind: request.PayloadJSON, raw: `{"a":"x \"y\"\n","b":"2","c":""}`, columns: []string{"a", "b", "c"}},
		{name: "empty form of a table", method: "POST", path: "/items", contentType: form, kind: request.PayloadJSON, raw: `{}`},
		{
			name: "form of a call", method: "POST", path: "/rpc/f", contentType: form, body: `?b=1&a=2&b=3`, kind: request.PayloadForm,
			columns: []string{"a", "b"}, form: []request.RPCParam{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "3"}},
		},
		{name: "text", method: "POST", path: "/rpc/f", contentType: "text/plain", body: "x,y", kind: request.PayloadRaw, raw: "x,y"},
		{name: "XML", method: "POST", path: "/rpc/f", contentType: "text/xml", body: "<x/>", kind: request.PayloadRaw, raw: "<x/>"},
		{name: "bytes", method: "POST", path: "/rpc/f", contentType: "application/octet-stream", body: "\x00\xff", kind: request.PayloadRaw, raw: "\x00\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := send(tt.method, tt.path, tt.query, tt.contentType, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if r.Payload.Kind != tt.kind || string(r.Payload.Raw) != tt.raw {
				t.Errorf("got kind %d %s, want kind %d %s", r.Payload.Kind, r.Payload.Raw, tt.kind, tt.raw)
			}
			if len(r.Columns)+len(tt.columns) > 0 && !reflect.DeepEqual(r.Columns, tt.columns) {
				t.Errorf("columns: got %q, want %q", r.Columns, tt.columns)
			}
			if len(r.Payload.Form)+len(tt.form) > 0 && !reflect.DeepEqual(r.Payload.Form, tt.form) {
				t.Errorf("form: got %+v, want %+v", r.Payload.Form, tt.form)
			}
		})
	}
}

func TestJSONKeys(t *testing.T) {
	t.Parallel()
	many := func(from, to, step int) string {
		var b strings.Builder
		for i := from; i != to; i += step {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	const invalid, differ = "Empty or invalid json", "All object keys must match"
	for _, tt := range []struct {
		body    string
		keys    []string
		message string
	}{
		{`{"a":1,"a":2}`, []string{"a"}, ""},
		{`{"a":1,"\u0061":2}`, []string{"a"}, ""},
		{`{"\u00e9\"\\\/\b\f\n\r\t\ud83d\ude00":1}`, []string{"\u00e9\"\\/\b\f\n\r\t\U0001f600"}, ""},
		{`{"\u0000":1}`, []string{"\x00"}, ""},
		{`[{"a":1,"b":2},{"b":1,"a":2},{"\u0061":1,"b":2,"a":3}]`, []string{"a", "b"}, ""},
		{`[{},{}]`, nil, ""},
		{`[{"":1}]`, []string{""}, ""},
		{`[{"a":{"x":[1,{}]}},{"a":[]}]`, []string{"a"}, ""},
		{"\t[\r\n{ \"a\" : -0.5E+10 , \"b\" : null } ,{\"a\":true,\"b\":false} ] ", []string{"a", "b"}, ""},
		{"[" + many(0, 40, 1) + "," + many(39, -1, -1) + "]", nil, ""},

		{`[{"a":1},{"a":1,"b":2}]`, nil, differ},
		{`[{"a":1,"b":2},{"a":1}]`, nil, differ},
		{`[{"a":1,"b":2},{"a":1,"a":2}]`, nil, differ},
		{`[{"a":1},{}]`, nil, differ},
		{`[{},{"a":1}]`, nil, differ},
		{`[{"a":1},5]`, nil, differ},
		{`[5,{"a":1}]`, nil, differ},
		{`[1,2]`, nil, differ},
		{`[[]]`, nil, differ},
		{"[" + many(0, 40, 1) + "," + many(1, 41, 1) + "]", nil, differ},

		{``, nil, invalid},
		{` `, nil, invalid},
		{`{`, nil, invalid},
		{`{"a"}`, nil, invalid},
		{`{"a":}`, nil, invalid},
		{`{"a":1,}`, nil, invalid},
		{`{a:1}`, nil, invalid},
		{`{"a":1}}`, nil, invalid},
		{`{"a":1} x`, nil, invalid},
		{`{"a":[1,{"b":2]}}`, nil, invalid},
		{`[{"a":1},]`, nil, invalid},
		{`[{"a":1} {"a":1}]`, nil, invalid},
		{`[,]`, nil, invalid},
		{`{"a":01}`, nil, invalid},
		{`{"a":1.}`, nil, invalid},
		{`{"a":.5}`, nil, invalid},
		{`{"a":1e}`, nil, invalid},
		{`{"a":+1}`, nil, invalid},
		{`{"a":-}`, nil, invalid},
		{`{"a":nul}`, nil, invalid},
		{`{"a":True}`, nil, invalid},
		{`{"a":NaN}`, nil, invalid},
		{"{\"a\":\"\n\"}", nil, invalid},
		{"{\"a\":\"\x00\"}", nil, invalid},
		{`{"a":"\x"}`, nil, invalid},
		{`{"a":"\u12"}`, nil, invalid},
		{`{"a":"\ud800"}`, nil, invalid},
		{`{"a":"\ud800\u0061"}`, nil, invalid},
		{`{"a":"\udc00\ud800"}`, nil, invalid},
		{`{"a":"x`, nil, invalid},
		{`{"a":"\`, nil, invalid},
		{"\ufeff{}", nil, invalid},
	} {
		r, err := send("POST", "/items", "", "", tt.body)
		if got := asAPIError(t, err); got != nil {
			if got.Code != "PGRST102" || got.Status != 400 || got.Message != tt.message {
				t.Errorf("%s: got %+v, want %q", tt.body, got, tt.message)
			}
			continue
		}
		if tt.message != "" {
			t.Errorf("%s: accepted, want %q", tt.body, tt.message)
		} else if len(tt.keys) > 0 && !reflect.DeepEqual(r.Payload.Keys, tt.keys) {
			t.Errorf("%s: got keys %q, want %q", tt.body, r.Payload.Keys, tt.keys)
		}
	}
}

// TestJSONDepth checks that nesting costs no stack and has a limit.
func TestJSONDepth(t *testing.T) {
	t.Parallel()
	for depth, ok := range map[int]bool{5_000: true, 20_000: false, 5_000_000: false} {
		body := `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "}"
		if _, err := send("POST", "/items", "", "", body); (err == nil) != ok {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	const differ = "All lines must have same number of fields"
	long := strings.Repeat("x", 200)
	for _, tt := range []struct{ name, body, raw, message string }{
		{"line ends", "a,b\r\n1,2\r3,4\n\n\r\n5,6", `[{"a":"1","b":"2"},{"a":"3","b":"4"},{"a":"5","b":"6"}]`, ""},
		{"quotes", "\"a \"\"q\"\"\",b\n\"1,\n2\",\"\"\n", `[{"a \"q\"":"1,\n2","b":""}]`, ""},
		{"blank is not null", "a,b\n,NULL\n", `[{"a":"","b":null}]`, ""},
		{"quoted NULL", "a\n\"NULL\"\n", `[{"a":null}]`, ""},
		{"spaces stay", " a , b \n 1 , 2 ", `[{" a ":" 1 "," b ":" 2 "}]`, ""},
		{"only a header", "a,b\n", `[]`, ""},
		{"surplus fields are dropped", "a\n1,2\n3", `[{"a":"1"},{"a":"3"}]`, ""},
		{"rows that all miss a field", "a,b\n1\n2", `[{"a":"1"},{"a":"2"}]`, ""},
		{"unicode and controls", "\u00e9\n\x01\\\t", `[{"é":"\u0001\\\t"}]`, ""},
		{"open quote", "a\n\"xyz", `[{"a":"xy"}]`, ""},
		{"a row misses a field", "a,b\nfoo,bar\nbaz", "", differ},
		{"empty", "", "", `parse error (not enough input) at ""`},
		{"header without a line end", "a,b", "", `parse error (not enough input) at ""`},
		{"quote within a header", "a\"b\n", "", `parse error (Failed reading: satisfy) at "\"b\n"`},
		{"quote within a field", "a\nx\"y\u00e9", "", `parse error (Failed reading: satisfy) at "\"y\195\169"`},
		{"text after a quoted field", "a\n\"x\"y\n", "", `parse error (Failed reading: satisfy) at "y\n"`},
		{"quote at the end", "a\n\"", "", `parse error (Failed reading: trailing double quote) at ""`},
		{"open quote after a doubled one", "a\n\"x\"\"", "", `parse error (Failed reading: insufficient input) at ""`},
		{"long rest", "a\n\"x\"" + long, "", "parse error (Failed reading: satisfy) at " + long[:100] + " (truncated)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := send("POST", "/items", "", "text/csv", tt.body)
			if got := asAPIError(t, err); got != nil {
				if got.Code != "PGRST102" || got.Message != tt.message {
					t.Errorf("got %s %s, want %s", got.Code, got.Message, tt.message)
				}
				return
			}
			if tt.message != "" {
				t.Errorf("accepted, want %s", tt.message)
			} else if string(r.Payload.Raw) != tt.raw {
				t.Errorf("got %s, want %s", r.Payload.Raw, tt.raw)
			}
		})
	}
}
