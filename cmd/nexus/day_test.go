package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDay runs docs/tour.md as a reader would, in one shell, and after every command has a second tenant look for what there is.
func TestDay(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "psql"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", tool)
			}
			t.Skipf("SKIPPED: %s is not installed", tool)
		}
	}
	p := start(t, t.TempDir(), "--mailer-autoconfirm")
	cmd := nexus(t.Context(), t, p.dir)
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "-euo", "pipefail", "-c", day(t, p.keys().URL)}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &problems)
	}
	shown := out.String()
	for _, want := range []string{
		`"total":1001,"imported":1000,"updated":0,"skipped":0,"refused":[{"line":1002,"field":"phone"`,
		`"first_name":"Name777"`,
		`[{"order_number":"ORD-000050","total_amount":120.00,"currency":"EGP"}]`,
		`[{"quantity":60,"reserved_quantity":50,"available_quantity":10}]`,
		`[{"quantity":59,"reserved_quantity":49,"available_quantity":10}]`,
		"[{\"status\":\"created\"}, \n {\"status\":\"picked_up\"}, \n {\"status\":\"in_transit\"}, \n {\"status\":\"delivered\"}]",
		`{"event":"status","to_status":"returned"}`,
		`[{"quantity":60,"reserved_quantity":49,"available_quantity":11}]`,
		"[]stranger looked\n{\"data\":[]}stranger looked\n{\"error\":\"not_found\"", // what the second shop sees
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the day does not show %q\n%s", want, shown)
		}
	}
	if n := strings.Count(shown, "stranger looked"); n < 15 || strings.Contains(shown, "stranger sees") {
		t.Errorf("a stranger looked %d times\n%s", n, shown)
	}
	label, err := os.ReadFile(filepath.Join(p.dir, "label.pdf"))
	if err != nil || !bytes.HasPrefix(label, []byte("%PDF-")) {
		t.Errorf("the label: %v", err)
	}
}

// strange looks, as somebody with an organization of their own, for anything in what the API serves.
const strange = `
STRANGER=
stranger() {
  if [ -z "$STRANGER" ]; then
    curl -sS %[1]s/auth/v1/signup -H 'Content-Type: application/json' -d '{"email":"eve@example.com","password":"correct horse battery"}' > eve.json
    curl -sS -o /dev/null %[1]s/functions/v1/organization-create -H "Authorization: Bearer $(grep -o '"access_token":"[^"]*' eve.json | cut -d'"' -f4)" -H 'Content-Type: application/json' -d '{"name":"Eve"}'
    STRANGER=$(curl -sS "%[1]s/auth/v1/token?grant_type=refresh_token" -H 'Content-Type: application/json' \
      -d "{\"refresh_token\":\"$(grep -o '"refresh_token":"[^"]*' eve.json | cut -d'"' -f4)\"}" | grep -o '"access_token":"[^"]*' | cut -d'"' -f4)
  fi
  for table in customers orders order_items items warehouses stock_balances stock_movements pick_lists packing_slips awbs awb_status_logs order_events \
    'agent_api_keys?select=id' agent_accounts labels customer_touchpoints low_stock_items chats messages; do
    seen=$(curl -sS "%[1]s/rest/v1/$table" -H "Authorization: Bearer $STRANGER")
    [ "$seen" = "[]" ] || echo "stranger sees $table: $seen"
  done
  for path in 'contacts-search?query=name' low-stock agent-api-keys; do
    seen=$(curl -sS "%[1]s/functions/v1/$path" -H "Authorization: Bearer $STRANGER")
    case "$seen" in '{"data":[]'*) ;; *) echo "stranger sees $path: $seen" ;; esac
  done
  for table in customers orders stock_balances awbs; do
    seen=$(curl -sS "%[1]s/functions/v1/mcp-server" -H "Authorization: Bearer $STRANGER" -H 'Content-Type: application/json' \
      -H 'Accept: application/json, text/event-stream' \
      -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"query\",\"arguments\":{\"table\":\"$table\"}}}")
    case "$seen" in *'"structuredContent":{"rows":[]}'*) ;; *) echo "stranger sees by MCP $table: $seen" ;; esac
  done
  echo stranger looked
}
`

// day is the page's shell blocks but the one that starts the server, with a stranger's look after every block of commands.
func day(t *testing.T, url string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tour.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := shellBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 8 {
		t.Fatalf("%d shell blocks", len(blocks))
	}
	var script strings.Builder
	fmt.Fprintf(&script, strange, url)
	for _, block := range blocks[1:] {
		inside := false // a loop or a function goes over several lines
		for line := range strings.SplitSeq(block[1], "\n") {
			script.WriteString(line + "\n")
			inside = (inside || strings.HasPrefix(line, "for ") || strings.HasPrefix(line, "{ echo")) && !strings.HasPrefix(line, "done") && !strings.HasSuffix(line, "> contacts.csv")
			if !inside && strings.HasPrefix(line, "call ") && !strings.HasSuffix(line, `\`) {
				script.WriteString("stranger\n")
			}
		}
	}
	return strings.NewReplacer("go run ./cmd/nexus", "nexus", "http://127.0.0.1:8000", url).Replace(script.String())
}
