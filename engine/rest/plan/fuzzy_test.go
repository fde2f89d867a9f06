package plan

import (
	"fmt"
	"strings"
	"testing"
)

// TestClosest checks which candidate is suggested. That a text with one piece in common is not enough, and that pieces of
// two characters are tried when three find nothing, is what tells this ranking from a plain edit distance.
func TestClosest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text       string
		candidates []string
		want       string
	}{
		{"film", []string{"directors", "films", "roles"}, "films"},
		{"FILMS", []string{"directors", "Films"}, "Films"},
		{"noclosealternative", []string{"films", "roles", "actors"}, ""},
		{"(nam, pqaram, vall)", []string{"(name, param, val)", "(attr, id)"}, "(name, param, val)"},
		{"(id)", []string{"(name, param, val)", "(attr, id)"}, "(attr, id)"},
		{"(attrs, id)", []string{"(name, param, val)", "(attr, id)"}, "(attr, id)"},
		{"ab", []string{"ba", "abc"}, "abc"},
		{"pq", []string{"xyz"}, ""},
		{"customer", []string{"custom", "customers", "consumer"}, "customers"},
		{"größe", []string{"größen", "grosse"}, "größen"},
		{"_", []string{"__", "a"}, "__"},
		{"x", nil, ""},
		{"", []string{"a"}, ""},
	} {
		got, _ := closest(test.candidates, test.text)
		if got.text != test.want {
			t.Errorf("closest(%q, %q) = %q with score %.2f, want %q", test.candidates, test.text, got.text, got.score, test.want)
		}
	}
}

// TestClosestOfMany shows that only the fifty candidates with most in common are compared by their edit distance.
func TestClosestOfMany(t *testing.T) {
	t.Parallel()
	var candidates []string
	for i := range 200 {
		candidates = append(candidates, fmt.Sprintf("table_%d", i))
	}
	if got, ok := closest(candidates, "table_199x"); !ok || got.text != "table_199" {
		t.Errorf("closest = %v, %v", got, ok)
	}
}

func TestSimilarity(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want float64
	}{
		{"", "", 1}, {"a", "", 0}, {"abc", "abc", 1}, {"abc", "abd", 2.0 / 3}, {"kitten", "sitting", 4.0 / 7}, {"é", "e", 0},
	} {
		if got := similarity(test.a, test.b); got != test.want {
			t.Errorf("similarity(%q, %q) = %v, want %v", test.a, test.b, got, test.want)
		}
		if forth, back := similarity(test.a, test.b), similarity(test.b, test.a); forth != back {
			t.Errorf("similarity(%q, %q) is %v one way and %v the other", test.a, test.b, forth, back)
		}
	}
}

func BenchmarkClosest(b *testing.B) {
	var candidates []string
	for i := range 5000 {
		candidates = append(candidates, fmt.Sprintf("%s_%d", strings.Repeat("table", i%4+1), i))
	}
	for b.Loop() {
		closest(candidates, "tabel_4711")
	}
}

func TestArrayLiteral(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		list []string
		want string
	}{
		{[]string{""}, "{}"},
		{[]string{"", "a"}, `{"","a"}`},
		{[]string{"a,b", "{}", "NULL"}, `{"a,b","{}","NULL"}`},
		{[]string{`q"u\o`}, `{"q\"u\\o"}`},
	} {
		if got := listLiteral(test.list); got != test.want {
			t.Errorf("listLiteral(%q) = %s, want %s", test.list, got, test.want)
		}
	}
}
