package engine

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestErrorsAreDocumented holds docs/errors.md to the codes in the source.
func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`"(NEXUS\d+)"`)
	found := map[string]bool{}
	for _, room := range []string{".", "../rls"} {
		err := filepath.WalkDir(room, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range code.FindAllSubmatch(text, -1) {
				found[string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 5 {
		t.Errorf("found only %v", found)
	}
	for name := range found {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(NEXUS\\d+)`").FindAllSubmatch(page, -1) {
		if !found[string(row[1])] {
			t.Errorf("%s is documented, and never used", row[1])
		}
	}
}
