package rest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// errorCodes are all codes of https://docs.postgrest.org/en/v14/references/errors.html#postgrest-error-codes.
const errorCodes = `PGRST000 PGRST001 PGRST002 PGRST003
	PGRST100 PGRST101 PGRST102 PGRST103 PGRST105 PGRST106 PGRST107 PGRST108 PGRST111 PGRST112 PGRST114 PGRST115 PGRST116 PGRST117 PGRST118
	PGRST120 PGRST121 PGRST122 PGRST123 PGRST124 PGRST125 PGRST126 PGRST127 PGRST128
	PGRST200 PGRST201 PGRST202 PGRST203 PGRST204 PGRST205 PGRST300 PGRST301 PGRST302 PGRST303 PGRSTX00`

// TestCompatibilityNamesTests holds the page on compatibility to the tests that it names, and to PostgREST's error codes.
func TestCompatibilityNamesTests(t *testing.T) {
	t.Parallel()
	const root = "../.."
	page, err := os.ReadFile(root + "/docs/postgrest-compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+) (Test[^`/]+)(?:/([^`]+))?`")
	known := make(map[string]map[string]map[string]bool) // folder, function, case
	for line := range strings.Lines(string(page)) {
		tests := named.FindAllStringSubmatch(line, -1)
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") && !strings.HasSuffix(line, " Test |\n") && tests == nil {
			t.Errorf("no test: %s", line)
		}
		for _, match := range tests {
			folder, function, name := match[1], match[2], match[3]
			if known[folder] == nil {
				known[folder] = testsOf(t, filepath.Join(root, folder))
			}
			if cases, ok := known[folder][function]; !ok || name != "" && !cases[name] {
				t.Errorf("%s has no %s/%s", folder, function, name)
			}
		}
	}
	for _, code := range strings.Fields(errorCodes) {
		if !regexp.MustCompile(`(?m)^\| ` + code + ` \| \d{3} \| `).Match(page) {
			t.Errorf("%s is not told of", code)
		}
	}
	// Tests of the reference that the page does not name are forgotten ones.
	for function := range known["engine/rest"] {
		if (strings.HasPrefix(function, "TestReference") || strings.HasPrefix(function, "TestDifferences")) &&
			!regexp.MustCompile(` `+function+"[`/]").Match(page) {
			t.Errorf("%s is not named", function)
		}
	}
}
