package request_test

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"nexus/engine/rest/request"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestQueryGolden dumps what query strings mean, without the fields that have their zero value.
func TestQueryGolden(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got strings.Builder
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		r, err := parseLine(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		fmt.Fprintf(&got, "== %s\n", line)
		if !r.TopRange.IsAll() {
			dump(&got, "TopRange", reflect.ValueOf(r.TopRange), "  ")
		}
		dumpFields(&got, reflect.ValueOf(r.Query), "  ")
	}
	compareGolden(t, "testdata/queries.golden", got.String())
}

func parseLine(line string) (*request.Request, error) {
	in := request.Input{Method: http.MethodGet, Path: "/items", RawQuery: line}
	if query, isCall := strings.CutPrefix(line, "call "); isCall {
		in.Path, in.RawQuery = "/rpc/f", query
	}
	return request.Parse(request.Options{Schemas: []string{"public"}}, in)
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := lineAt(gotLines, i), lineAt(wantLines, i)
		if g != w {
			t.Fatalf("%s:%d\n got %s\nwant %s", path, i+1, g, w)
		}
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}

func dumpFields(out *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			dump(out, v.Type().Field(i).Name, v.Field(i), indent)
		}
	}
}

// dump writes a value as indented lines; scalars and lists of texts take one line.
func dump(out *strings.Builder, name string, v reflect.Value, indent string) {
	switch {
	case v.Kind() == reflect.Pointer:
		dump(out, name, v.Elem(), indent)
	case v.Kind() == reflect.Struct:
		fmt.Fprintf(out, "%s%s\n", indent, name)
		dumpFields(out, v, indent+"  ")
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			dump(out, fmt.Sprintf("%s[%d]", name, i), v.Index(i), indent)
		}
	case v.Kind() == reflect.Slice || v.Kind() == reflect.String:
		fmt.Fprintf(out, "%s%s = %q\n", indent, name, v.Interface())
	default:
		fmt.Fprintf(out, "%s%s = %v\n", indent, name, v.Interface())
	}
}
