package db

import (
	"strconv"

	"nexus/schema"
)

// readOnlySetting makes the implicit transaction read-only; it goes first so that nothing can write before it.
var readOnlySetting = schema.Setting{Name: "transaction_read_only", Value: "on"}

// settingsStatement turns settings into one select of set_config calls. The text depends on the names alone, so it is
// prepared once per set of names.
func settingsStatement(readOnly bool, settings []schema.Setting) Statement {
	text := make([]byte, 0, 48*(len(settings)+1))
	args := make([][]byte, 0, len(settings)+1)
	add := func(s schema.Setting) {
		if len(args) == 0 {
			text = append(text, "select "...)
		} else {
			text = append(text, ", "...)
		}
		text = append(text, "pg_catalog.set_config("...)
		text = append(text, schema.QuoteLiteral(s.Name)...)
		text = append(text, ", $"...)
		text = strconv.AppendInt(text, int64(len(args)+1), 10)
		text = append(text, ", true)"...)
		args = append(args, []byte(s.Value))
	}
	if readOnly {
		add(readOnlySetting)
	}
	for _, s := range settings {
		add(s)
	}
	return Statement{SQL: string(text), Args: args}
}
