package postgrest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentation holds the table of options to those that are dumped.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/postgrest-configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (honoured|accepted|from PostgREST 16)").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = true
	}
	cfg, err := Read(Source{Path: write(t, "all.conf", everything)})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(cfg.Dump()) {
		name, _, _ := strings.Cut(line, " = ")
		if strings.HasPrefix(name, "app.settings.") {
			name = "app.settings.*"
		}
		known[name] = true
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
	}
	for name := range documented {
		if !known[name] {
			t.Errorf("%s is documented, and unknown", name)
		}
	}
}
