package request

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var fuzzOptions = Options{Schemas: []string{"api"}, AllowTxOverride: true, KnownTimezone: func(name string) bool { return name == "UTC" }}

// seedQueries adds the query strings of the golden test.
func seedQueries(f *testing.F, add func(query string)) {
	f.Helper()
	text, err := os.ReadFile("testdata/queries.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		add(strings.TrimPrefix(line, "call "))
	}
}

// FuzzQuery checks that any query string ends in a Query or a 4xx, and that a query survives being canonical.
func FuzzQuery(f *testing.F) {
	seedQueries(f, func(query string) { f.Add(query, false) })
	f.Add("a=1&b=eq.2", true)
	f.Fuzz(func(t *testing.T, raw string, isCall bool) {
		var query Query
		if _, err := parseQuery(raw, isCall, &query); err != nil {
			if err.Status < 400 || err.Status > 499 || err.Code == "" || err.Message == "" {
				t.Fatalf("%+v", err)
			}
			return
		}
		pairs, err := splitPairs(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		for i, p := range pairs {
			// Values of one name are joined, names get a value, and UTF-8 is encoded twice: these do change.
			if !p.hasValue || i > 0 && pairs[i-1].key == p.key || !isASCII(p.key+p.value) {
				return
			}
		}
		var again Query
		if _, err := parseQuery(query.Canonical, isCall, &again); err != nil {
			t.Fatalf("%q: %v", query.Canonical, err)
		}
		if a, b := sortedDump(query), sortedDump(again); !reflect.DeepEqual(a, b) {
			t.Fatalf("%q:\n%s\n%s", query.Canonical, a, b)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf })
}

// sortedDump renders a query with its parameters in an order that does not depend on the URL's.
func sortedDump(q Query) []string {
	lines := []string{q.Canonical, fmt.Sprintf("%#v %q %q", q.Select, q.Columns, q.OnConflict)}
	for _, x := range q.Filters {
		lines = append(lines, fmt.Sprintf("filter %#v", x))
	}
	for _, x := range q.Params {
		lines = append(lines, fmt.Sprintf("param %q", x))
	}
	for _, x := range q.Order {
		lines = append(lines, fmt.Sprintf("order %#v", x))
	}
	for _, x := range q.Logic {
		lines = append(lines, fmt.Sprintf("logic %q %s", x.Path, dumpLogic(x.Tree)))
	}
	slices.Sort(lines[2:])
	return lines
}

func dumpLogic(tree LogicTree) string {
	if tree.Filter != nil {
		return fmt.Sprintf("%#v", *tree.Filter)
	}
	parts := make([]string, len(tree.Children))
	for i, child := range tree.Children {
		parts[i] = dumpLogic(child)
	}
	return fmt.Sprintf("%t %t (%s)", tree.Negate, tree.Or, strings.Join(parts, " "))
}

// fuzzGrammar checks that a grammar reads the same with and without errors recorded, so that the run that explains a
// failure is about the failure that happened.
func fuzzGrammar(t *testing.T, name, in string) {
	t.Helper()
	if checkText(in) != nil {
		return
	}
	fast, fastRest, fastErr := grammars[name](in, false)
	slow, slowRest, slowErr := grammars[name](in, true)
	if (fastErr == nil) != (slowErr == nil) || fastRest != slowRest {
		t.Fatalf("%s %q: %v rest %q, explained: %v rest %q", name, in, fastErr, fastRest, slowErr, slowRest)
	}
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%s %q:\n%+v\n%+v", name, in, fast, slow)
	}
	if slowErr != nil && (slowErr.pos > len(in) || slowErr.String() == "") {
		t.Fatalf("%s %q: position %d, %q", name, in, slowErr.pos, slowErr.String())
	}
}

// seedGrammar adds the values of the golden query strings.
func seedGrammar(f *testing.F) {
	f.Helper()
	seedQueries(f, func(query string) {
		pairs, err := splitPairs(nil, query)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range pairs {
			f.Add(p.value)
			f.Add(p.key + p.value)
		}
	})
}

func FuzzSelect(f *testing.F) {
	seedGrammar(f)
	f.Fuzz(func(t *testing.T, in string) {
		for _, name := range []string{"forest", "field", "relation", "spread", "name", "jsonpath", "columns"} {
			fuzzGrammar(t, name, in)
		}
	})
}

func FuzzLogic(f *testing.F) {
	seedGrammar(f)
	f.Fuzz(func(t *testing.T, in string) { fuzzGrammar(t, "logic", in) })
}

func FuzzFilterAndOrder(f *testing.F) {
	seedGrammar(f)
	f.Fuzz(func(t *testing.T, in string) {
		fuzzGrammar(t, "operator", in)
		fuzzGrammar(t, "order", in)
	})
}

// FuzzPrefer checks that what was applied is understood again, and that every token is either applied or reported.
func FuzzPrefer(f *testing.F) {
	f.Add("resolution=merge-duplicates, count=exact,tx=commit", "timezone=UTC, max-affected=5, handling=strict, x")
	f.Add("return=minimal,,", "")
	f.Fuzz(func(t *testing.T, first, second string) {
		prefs := parsePreferences([]string{first, second}, true, fuzzOptions.KnownTimezone)
		again := parsePreferences([]string{prefs.Applied()}, true, fuzzOptions.KnownTimezone)
		if len(again.Invalid) > 0 {
			t.Fatalf("%q is not understood", prefs.Applied())
		}
		if again.Applied() != prefs.Applied() {
			t.Fatalf("%q became %q", prefs.Applied(), again.Applied())
		}
		for _, token := range prefs.Invalid {
			if !strings.Contains(first+","+second, token) {
				t.Fatalf("%q was not given", token)
			}
		}
	})
}

// FuzzAccept checks that no media range is lost and that types render to texts that decode to the same type.
func FuzzAccept(f *testing.F) {
	f.Add("text/plain; q=0.5, text/html, */*;q=0.1")
	f.Add(`application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|wal`)
	f.Fuzz(func(t *testing.T, header string) {
		types := parseAccept(header)
		if want := strings.Count(header, ",") + 1; header != "" && len(types) != want {
			t.Fatalf("%d types of %d", len(types), want)
		}
		for _, mediaType := range types {
			if !isASCII(mediaType.Mime()) || strings.Contains(mediaType.Mime(), `"`) {
				continue
			}
			if again := DecodeMediaType(mediaType.Mime()); !reflect.DeepEqual(again, mediaType) {
				t.Fatalf("%+v became %+v", mediaType, again)
			}
		}
	})
}

var surrogateEscape = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// FuzzJSON compares the scanner with encoding/json, which lets more through: bytes that are no UTF-8 and surrogates
// without a partner.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `[{"a":1,"b":"\u00e9"},{"b":null,"a":[true,{}]}]`, `[{"a":1},{"b":2}]`, `[]`, `1.5e-3`, `"\ud83d\ude00"`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, ok := scanJSON(body)
		if ok != json.Valid(body) && (ok || utf8.Valid(body) && !surrogateEscape.Match(body)) {
			t.Fatalf("%q: valid is %t", body, ok)
		}
		if !ok {
			return
		}
		keys, uniform := keysByEncodingJSON(body)
		if uniform == doc.keysDiffer {
			t.Fatalf("%q: keys differ is %t", body, doc.keysDiffer)
		}
		if got := uniqueSorted(slices.Clone(doc.keys)); uniform && !slices.Equal(got, keys) {
			t.Fatalf("%q: keys %q, want %q", body, got, keys)
		}
	})
}

// keysByEncodingJSON finds the keys of the rows of a valid JSON text, and whether all rows have the same.
func keysByEncodingJSON(body []byte) (keys []string, uniform bool) {
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, true // a number beyond float64
	}
	rows, isArray := doc.([]any)
	if !isArray {
		rows = []any{doc}
		if _, isObject := doc.(map[string]any); !isObject {
			return nil, true
		}
	}
	for i, row := range rows {
		object, isObject := row.(map[string]any)
		if !isObject {
			return nil, false
		}
		var names []string
		for name := range object {
			names = append(names, name)
		}
		slices.Sort(names)
		if i > 0 && !slices.Equal(names, keys) {
			return nil, false
		}
		keys = names
	}
	return keys, true
}

// FuzzCSV checks that what comes out is JSON that this stage accepts itself, and that encoding/csv sees the same fields
// in texts that both take for CSV.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a\r\n\"x\"\"y\"\r\n", "a,b\n,NULL\n\n3,4", "a\nx\"y", "\"a\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := csvPayload(body)
		if err != nil {
			return
		}
		doc, ok := scanJSON(payload.Raw)
		if !ok || doc.keysDiffer || !slices.Equal(uniqueSorted(doc.keys), payload.Keys) {
			t.Fatalf("%q became %s with keys %q", body, payload.Raw, payload.Keys)
		}
		compareWithEncodingCSV(t, body, payload)
	})
}

func compareWithEncodingCSV(t *testing.T, body []byte, payload Payload) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(records) == 0 || bytes.ContainsAny(body, "\r") || bytes.HasPrefix(body, []byte("\n")) ||
		bytes.Contains(body, []byte("\n\"\"\n")) || bytes.HasSuffix(body, []byte("\n\"\"")) {
		return // encoding/csv is stricter, and sees line ends, leading blank lines and lone empty quotes differently
	}
	header := records[0]
	if len(uniqueSorted(slices.Clone(header))) != len(header) {
		return
	}
	var rows []map[string]*string
	if err := json.Unmarshal(payload.Raw, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(records)-1 {
		t.Fatalf("%q: %d rows, want %d", body, len(rows), len(records)-1)
	}
	for i, row := range rows {
		for j, name := range header {
			want := records[i+1][j]
			if got := row[name]; got == nil && want != "NULL" || got != nil && *got != want {
				t.Fatalf("%q: row %d has %v for %q, want %q", body, i, got, name, want)
			}
		}
	}
}

// FuzzParse checks that no request makes the stage panic or give anything but a Request or a 4xx.
func FuzzParse(f *testing.F) {
	f.Add("GET", "/items", "id=eq.1", "Accept", "text/csv", []byte(nil))
	f.Add("POST", "/rpc/f", "columns=a", "Content-Type", "text/csv", []byte("a\n1"))
	f.Add("PUT", "/%ff", "limit=1", "Range", "0-1", []byte("{}"))
	f.Fuzz(func(t *testing.T, method, path, query, name, value string, body []byte) {
		header := http.Header{}
		header.Add(name, value)
		r, err := Parse(fuzzOptions, Input{Method: method, Path: path, RawQuery: query, Header: header, Body: body})
		if (r == nil) == (err == nil) {
			t.Fatalf("%v and %v", r, err)
		}
	})
}
