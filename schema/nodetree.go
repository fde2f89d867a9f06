package schema

import (
	"errors"
	"strconv"
)

// origin is the column of a relation that a view's column shows; the zero value is an expression.
type origin struct {
	table  uint32
	column int16
}

// rule maps a view's columns, by attribute number, to where they come from.
type rule map[int16]origin

var errNodeTree = errors.New("its rule has an unexpected form")

// parseRule reads pg_rewrite.ev_action of a view: the text form of PostgreSQL's parse tree (nodeToString in outfuncs.c).
// Of all it holds, only the target list of the first query matters here, because the parser records there which column of
// which relation each column of the view is.
func parseRule(text string) (rule, error) {
	t := &nodeTokens{text: text}
	if t.next() != "(" || t.next() != "{" || t.next() != "QUERY" {
		return nil, errNodeTree
	}
	if !t.skipTo(":targetList") {
		return nil, errNodeTree
	}
	switch t.next() {
	case "<>":
		return rule{}, nil
	case "(":
		return t.targetList()
	default:
		return nil, errNodeTree
	}
}

// targetList reads "{TARGETENTRY …} …)".
func (t *nodeTokens) targetList() (rule, error) {
	r := make(rule)
	for {
		switch t.next() {
		case ")":
			return r, nil
		case "{":
			if err := t.targetEntry(r); err != nil {
				return nil, err
			}
		default:
			return nil, errNodeTree
		}
	}
}

// targetEntry reads the fields of a TARGETENTRY up to its closing brace. Fields have a fixed order, and the name of the
// column is stepped over as such, because a column may have the name of a field.
func (t *nodeTokens) targetEntry(r rule) error {
	number, err := t.number(":resno", 16)
	if err != nil || !t.skipTo(":resname") {
		return errNodeTree
	}
	t.next()
	table, err := t.number(":resorigtbl", 32)
	if err != nil {
		return err
	}
	column, err := t.number(":resorigcol", 16)
	if err != nil || !t.skipTo("}") {
		return errNodeTree
	}
	if table != 0 {
		r[int16(number)] = origin{table: uint32(table), column: int16(column)}
	}
	return nil
}

// number reads the value of a field of the current node.
func (t *nodeTokens) number(field string, bits int) (uint64, error) {
	if !t.skipTo(field) {
		return 0, errNodeTree
	}
	n, err := strconv.ParseUint(t.next(), 10, bits)
	if err != nil {
		return 0, errNodeTree
	}
	return n, nil
}

// skipTo steps behind a token of the current node or list, over everything nested in between; false when it ends before.
func (t *nodeTokens) skipTo(wanted string) bool {
	for depth := 0; ; {
		token := t.next()
		if depth == 0 && token == wanted {
			return true
		}
		switch token {
		case "":
			return false
		case "(", "{":
			depth++
		case ")", "}":
			if depth--; depth < 0 {
				return false
			}
		}
	}
}

// nodeTokens splits a node tree into tokens as pg_strtok does: parentheses and braces stand alone, white space separates,
// and a backslash takes the special meaning from the character behind it.
type nodeTokens struct {
	text string
	pos  int
}

// next returns the next token, "" at the end. Backslashes stay part of the token, so a name that begins with an escaped
// character cannot be mistaken for a bracket.
func (t *nodeTokens) next() string {
	for t.pos < len(t.text) && isNodeSpace(t.text[t.pos]) {
		t.pos++
	}
	start := t.pos
	for t.pos < len(t.text) {
		switch c := t.text[t.pos]; {
		case c == '\\' && t.pos+1 < len(t.text):
			t.pos += 2
			continue
		case isNodeSpace(c):
			return t.text[start:t.pos]
		case isBracket(c):
			if t.pos == start {
				t.pos++
			}
			return t.text[start:t.pos]
		}
		t.pos++
	}
	return t.text[start:]
}

func isNodeSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

func isBracket(c byte) bool { return c == '(' || c == ')' || c == '{' || c == '}' }
