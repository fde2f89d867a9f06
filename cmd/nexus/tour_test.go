package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shellBlock is a fenced block of the README that a reader pastes into a shell.
var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestTour runs the README's tour as a reader would, in one shell, and looks at what it promises.
func TestTour(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "psql"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", tool)
			}
			t.Skipf("SKIPPED: %s is not installed", tool)
		}
	}
	p := start(t, t.TempDir())
	script := tour(t, p.keys().URL)
	cmd := nexus(t.Context(), t, p.dir)
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "-euo", "pipefail", "-c", script}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &problems)
	}
	for _, want := range []string{
		"[{\"task\":\"water the plants\",\"done\":false}, \n {\"task\":\"call Bob\",\"done\":false}]\n", // Ann's rows
		"[{\"task\":\"call Ann\",\"done\":false}]\n",                                                    // Bob's
		"--\n[]\n--\n", // nobody's
		"{\"owner\":\"22222222-2222-2222-2222-222222222222\",\"task\":\"call Ann\"}", // the service key's
		"\"task\":\"water the plants\",\"done\":true}]\n",
		"Content-Range: 0-0/1", "403 Forbidden", "\"code\":\"42501\"",
		"CREATE FUNCTION\n1\n--\n", // open_todos as Bob
		"\"swagger\":\"2.0\"", "\"/rpc/open_todos\"",
		"\"email\":\"cleo@example.com\"", "\"task\":\"feed the cat\"",
	} {
		if !strings.Contains(strings.ReplaceAll(out.String(), "\r", ""), want) {
			t.Errorf("the tour does not show %q\n%s", want, &out)
		}
	}
}

// tour is the tour's shell blocks but the one that starts the server, with a line after the output of each command, for
// the server of the test.
func tour(t *testing.T, url string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "## Five-minute tour")
	text, _, ok := strings.Cut(text, "## Commands")
	blocks := shellBlock.FindAllStringSubmatch(text, -1)
	if !ok || len(blocks) < 5 {
		t.Fatalf("%d shell blocks in the README's tour", len(blocks))
	}
	var script strings.Builder
	// A reader is slower than the second that a change of the schema may take to be served; the script waits for it.
	script.WriteString("settled() { for _ in {1..500}; do curl -s http://127.0.0.1:8000/rest/v1/$1 | grep -q PGRST20 || return 0; done; return 1; }\n")
	for _, block := range blocks[1:] {
		for line := range strings.SplitSeq(block[1], "\n") {
			script.WriteString(line + "\n")
			switch {
			case strings.HasPrefix(line, "curl "):
				script.WriteString("echo; echo --\n")
			case line == "SQL":
				script.WriteString("settled todos\n")
			case strings.Contains(line, "create function open_todos"):
				script.WriteString("settled rpc/open_todos\n")
			}
		}
	}
	return strings.NewReplacer("go run ./cmd/nexus", "nexus", "http://127.0.0.1:8000", url).Replace(script.String())
}
