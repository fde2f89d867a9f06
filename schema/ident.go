package schema

import "strings"

// Ident is the name of a database object. An empty Schema means "found by the search path".
type Ident struct {
	Schema string
	Name   string
}

// String renders the identifier as schema.name without quoting; it is for messages, never for SQL.
func (i Ident) String() string {
	if i.Schema == "" {
		return i.Name
	}
	return i.Schema + "." + i.Name
}

// SQL renders the identifier quoted for use in SQL text.
func (i Ident) SQL() string {
	if i.Schema == "" {
		return QuoteIdent(i.Name)
	}
	return QuoteIdent(i.Schema) + "." + QuoteIdent(i.Name)
}

// ParseIdent splits "schema.name" at its first dot; a text without a dot is a bare name. It does not unquote.
func ParseIdent(s string) Ident {
	if schemaName, name, ok := strings.Cut(s, "."); ok {
		return Ident{Schema: schemaName, Name: name}
	}
	return Ident{Name: s}
}

// QuoteIdent quotes a name for SQL text: quotes are doubled and anything after a NUL is dropped, because PostgreSQL's
// protocol ends a string there.
func QuoteIdent(name string) string {
	var buffer [128]byte // on the stack; names have 63 bytes at most, unless they are no names
	return string(AppendIdent(buffer[:0], name))
}

// AppendIdent appends what QuoteIdent returns.
func AppendIdent(out []byte, name string) []byte {
	out = append(out, '"')
	for _, c := range []byte(untilNUL(name)) {
		if c == '"' {
			out = append(out, '"')
		}
		out = append(out, c)
	}
	return append(out, '"')
}

// QuoteLiteral quotes a text as an SQL string literal that means the same with standard_conforming_strings on or off.
func QuoteLiteral(s string) string {
	s = untilNUL(s)
	quoted := `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	if strings.Contains(s, `\`) {
		return `E` + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

func untilNUL(s string) string {
	before, _, _ := strings.Cut(s, "\x00")
	return before
}
