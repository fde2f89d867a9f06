package schema

import (
	"errors"
	"strconv"
)

// viewColumn is one column of a view's rule and where it comes from: OriginTable is 0 for an expression.
type viewColumn struct {
	Number       int16
	OriginTable  uint32
	OriginColumn int16
}

var errNodeTree = errors.New("schema: unexpected form of a view's rule")

// parseRule reads pg_rewrite.ev_action of a view: the text form of PostgreSQL's parse tree (nodeToString in outfuncs.c).
// Of all it holds, only the target list of the first query matters here, because the parser records there which column of
// which relation each column of the view is.
func parseRule(text string) ([]viewColumn, error) {
	t := &nodeTokens{text: text}
	if t.next() != "(" || t.next() != "{" || t.next() != "QUERY" {
		return nil, errNodeTree
	}
	for depth := 0; ; {
		switch token := t.next(); token {
		case "":
			return nil, errNodeTree
		case "(", "{":
			depth++
		case ")", "}":
			if depth--; depth < 0 {
				return nil, nil // a query without a target list
			}
		case ":targetList":
			if depth == 0 {
				return t.targetList()
			}
		}
	}
}

// targetList reads "({TARGETENTRY …} …)" or "<>" for an empty list.
func (t *nodeTokens) targetList() ([]viewColumn, error) {
	var columns []viewColumn
	switch t.next() {
	case "<>":
		return nil, nil
	case "(":
	default:
		return nil, errNodeTree
	}
	for {
		switch t.next() {
		case ")":
			return columns, nil
		case "{":
			c, err := t.targetEntry()
			if err != nil {
				return nil, err
			}
			columns = append(columns, c)
		default:
			return nil, errNodeTree
		}
	}
}

// targetEntry reads the fields of one TARGETENTRY up to its closing brace; what is nested deeper belongs to expressions.
func (t *nodeTokens) targetEntry() (c viewColumn, err error) {
	for depth := 0; ; {
		token := t.next()
		switch token {
		case "":
			return c, errNodeTree
		case "(", "{":
			depth++
		case ")", "}":
			if depth--; depth < 0 {
				return c, nil
			}
		case ":resno", ":resorigtbl", ":resorigcol":
			if depth > 0 {
				continue
			}
			n, err := strconv.ParseUint(t.next(), 10, 32)
			if err != nil {
				return c, errNodeTree
			}
			switch token {
			case ":resno":
				c.Number = int16(n)
			case ":resorigtbl":
				c.OriginTable = uint32(n)
			default:
				c.OriginColumn = int16(n)
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

// next returns the next token, "" at the end. A name that begins with an escaped character cannot be mistaken for a
// bracket or a field, because the backslash stays part of the token.
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
