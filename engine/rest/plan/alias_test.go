package plan

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAlias checks that names stay as they are where PostgreSQL would not cut them, and different where it would.
func TestAlias(t *testing.T) {
	t.Parallel()
	if got := alias("orders", "items", "1"); got != "orders_items_1" {
		t.Errorf("got %s", got)
	}
	if longest := strings.Repeat("x", maxName); alias(longest) != longest {
		t.Errorf("%s became %s", longest, alias(longest))
	}
	for _, long := range []string{strings.Repeat("x", maxName), strings.Repeat("ü", 40), strings.Repeat("ab", 100)} {
		first, second := alias(long, "1"), alias(long, "2")
		if first == second || len(first) > maxName || len(second) > maxName || !utf8.ValidString(first) {
			t.Errorf("%s and %s for %s", first, second, long)
		}
		if !strings.HasPrefix(long, first[:20]) {
			t.Errorf("%s does not begin as %s", first, long)
		}
	}
}
