package rest_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestChangelogNamesTests holds the table of PostgREST's changelog to the tests that it names.
func TestChangelogNamesTests(t *testing.T) {
	t.Parallel()
	const root = "../.."
	text, err := os.ReadFile(root + "/docs/postgrest-changelog.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+\.[0-9.]+|unreleased) \|.*$`).FindAllString(string(text), -1)
	named := regexp.MustCompile("\\| `(\\S+) (Test[^`/]+)(?:/([^`]+))?` \\|$")
	known := make(map[string]map[string]map[string]bool) // folder, function, case
	for _, row := range rows {
		match := named.FindStringSubmatch(row)
		if match == nil {
			t.Errorf("no test: %s", row)
			continue
		}
		folder, function, name := match[1], match[2], match[3]
		if known[folder] == nil {
			known[folder] = testsOf(t, filepath.Join(root, folder))
		}
		cases, ok := known[folder][function]
		if !ok || name != "" && !cases[name] {
			t.Errorf("%s has no %s/%s", folder, function, name)
		}
	}
	if len(rows) < 150 {
		t.Errorf("only %d entries", len(rows))
	}
}

// testsOf lists the test functions of a folder, each with the names that its cases could have: its text constants.
func testsOf(t *testing.T, folder string) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]map[string]bool)
	for _, name := range files {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(function.Name.Name, "Test") {
				continue
			}
			found[function.Name.Name] = caseNames(function)
		}
	}
	return found
}

// caseNames are the keys of tables and the first arguments of calls, such as Run.
func caseNames(function *ast.FuncDecl) map[string]bool {
	names := make(map[string]bool)
	add := func(e ast.Expr) {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == gotoken.STRING {
			if name, err := strconv.Unquote(literal.Value); err == nil {
				names[name] = true
			}
		}
	}
	ast.Inspect(function, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			add(n.Key)
		case *ast.CallExpr:
			if len(n.Args) > 0 {
				add(n.Args[0])
			}
		}
		return true
	})
	return names
}
