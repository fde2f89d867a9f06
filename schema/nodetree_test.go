package schema

import (
	"maps"
	"strings"
	"testing"
)

// entry renders a TARGETENTRY as nodeToString does.
func entry(resno, name, table, column string) string {
	return "{TARGETENTRY :expr {VAR :varno 1 :varattno 1 :varnullingrels (b) :location 7} :resno " + resno + " :resname " + name +
		" :ressortgroupref 0 :resorigtbl " + table + " :resorigcol " + column + " :resjunk false}"
}

func query(targetList string) string {
	return "({QUERY :commandType 1 :utilityStmt <> :cteList <> :rtable ({RANGETBLENTRY :alias <> :eref {ALIAS :aliasname t " +
		":colnames (\"id\" \"a\\ \\(b\")} :rtekind 0 :subquery {QUERY :targetList (" + entry("9", "x", "9", "9") +
		")}}) :jointree {FROMEXPR :fromlist ({RANGETBLREF :rtindex 1}) :quals <>} :targetList " + targetList + " :override 0})"
}

func TestParseRule(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want rule
	}{
		"one column":           {query("(" + entry("1", "id", "16400", "2") + ")"), rule{1: {16400, 2}}},
		"several columns":      {query("(" + entry("1", "a", "5", "1") + " " + entry("2", "b", "6", "3") + ")"), rule{1: {5, 1}, 2: {6, 3}}},
		"an expression":        {query("(" + entry("1", "id", "0", "0") + ")"), rule{}},
		"no columns":           {query("<>"), rule{}},
		"a field's name":       {query("(" + entry("1", ":resorigtbl", "5", "1") + ")"), rule{1: {5, 1}}},
		"an empty name":        {query("(" + entry("1", `""`, "5", "1") + ")"), rule{1: {5, 1}}},
		"no name":              {query("(" + entry("1", "<>", "5", "1") + ")"), rule{1: {5, 1}}},
		"escaped brackets":     {query("(" + entry("1", `\}\)\ \\x\{`, "5", "1") + ")"), rule{1: {5, 1}}},
		"a line break":         {query("(" + strings.ReplaceAll(entry("1", "a", "5", "1"), " ", "\n") + ")"), rule{1: {5, 1}}},
		"the largest OID":      {query("(" + entry("1", "a", "4294967295", "1600") + ")"), rule{1: {4294967295, 1600}}},
		"a constant in braces": {query("(" + strings.Replace(entry("1", "a", "5", "1"), "{VAR", "{CONST :constvalue 4 [ 1 0 0 0 ] :x {Y}} :y {VAR", 1) + ")"), rule{1: {5, 1}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRule(test.text)
			if err != nil || !maps.Equal(got, test.want) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestParseRuleRefuses(t *testing.T) {
	t.Parallel()
	whole := query("(" + entry("1", "id", "16400", "2") + ")")
	target := strings.LastIndex(whole, ":targetList")
	end := strings.LastIndex(whole, ")  :override")
	if end < 0 {
		end = strings.LastIndex(whole, " :override")
	}
	for i := range end {
		if _, err := parseRule(whole[:i]); err == nil {
			t.Fatalf("accepted the first %d bytes: %s", i, whole[:i])
		}
	}
	for name, text := range map[string]string{
		"another node":       "({INSERT :targetList <>})",
		"no list":            whole[:target] + ":targetList 1 :override 0})",
		"no target entry":    query("(1)"),
		"a number's place":   query("(" + entry("one", "id", "5", "1") + ")"),
		"a large column":     query("(" + entry("1", "id", "5", "70000") + ")"),
		"a negative table":   query("(" + entry("1", "id", "-5", "1") + ")"),
		"fields in disorder": query("({TARGETENTRY :resname a :resno 1 :resorigcol 1 :resorigtbl 5})"),
	} {
		if got, err := parseRule(text); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add(query("(" + entry("1", "id", "16400", "2") + " " + entry("2", `\{a\\`, "0", "0") + ")"))
	f.Add(query("<>"))
	f.Add("({QUERY :a \\")
	f.Add("({QUERY}) :targetList ({")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRule(text)
		if err != nil && r != nil {
			t.Errorf("got both %v and %v", r, err)
		}
		for column, o := range r {
			if o.table == 0 {
				t.Errorf("column %d comes from no table", column)
			}
		}
	})
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	rules := map[uint32]rule{
		1: {1: {2, 5}, 2: {3, 1}, 3: {9, 9}},
		2: {5: {9, 7}},
		3: {1: {4, 1}},
		4: {1: {3, 1}}, // 3 and 4 refer to each other
	}
	for column, want := range map[int16]origin{1: {9, 7}, 2: {}, 3: {9, 9}, 4: {}} {
		if got := follow(rules, 1, column); got != want {
			t.Errorf("column %d: got %v, want %v", column, got, want)
		}
	}
}
