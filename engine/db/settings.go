package db

import (
	"strconv"
	"sync/atomic"

	"nexus/schema"
)

// readOnlySetting makes the implicit transaction read-only; it goes first so that nothing can write before it.
var readOnlySetting = schema.Setting{Name: "transaction_read_only", Value: "on"}

// maxPreludes bounds the texts that are kept; requests differ in few ways, and only configuration adds to them.
const maxPreludes = 64

// preludes remembers the texts of the statements that apply settings. The text depends on the names alone, so it is built,
// and prepared, once per list of names.
type preludes struct {
	known atomic.Pointer[[]prelude]
}

type prelude struct {
	readOnly bool
	names    []string
	sql      string
}

// statement turns settings into one select of set_config calls.
func (p *preludes) statement(readOnly bool, settings []schema.Setting) Statement {
	return Statement{SQL: p.text(readOnly, settings), Args: settingValues(readOnly, settings)}
}

func (p *preludes) text(readOnly bool, settings []schema.Setting) string {
	var known []prelude
	if list := p.known.Load(); list != nil {
		known = *list
	}
	for i := range known {
		if known[i].readOnly == readOnly && known[i].matches(settings) {
			return known[i].sql
		}
	}
	made := newPrelude(readOnly, settings)
	if len(known) < maxPreludes {
		// One that gets lost to another goroutine is made again.
		next := append(append(make([]prelude, 0, len(known)+1), known...), made)
		p.known.Store(&next)
	}
	return made.sql
}

func (p *prelude) matches(settings []schema.Setting) bool {
	if len(p.names) != len(settings) {
		return false
	}
	for i := range settings {
		if p.names[i] != settings[i].Name {
			return false
		}
	}
	return true
}

func newPrelude(readOnly bool, settings []schema.Setting) prelude {
	p := prelude{readOnly: readOnly, names: make([]string, len(settings))}
	var text []byte
	number := int64(0)
	add := func(name string) {
		if number++; number == 1 {
			text = append(text, "select "...)
		} else {
			text = append(text, ", "...)
		}
		text = append(text, "pg_catalog.set_config("...)
		text = append(text, schema.QuoteLiteral(name)...)
		text = append(text, ", $"...)
		text = strconv.AppendInt(text, number, 10)
		text = append(text, ", true)"...)
	}
	if readOnly {
		add(readOnlySetting.Name)
	}
	for i, s := range settings {
		p.names[i] = s.Name
		add(s.Name)
	}
	p.sql = string(text)
	return p
}

// settingValues puts the values into one buffer.
func settingValues(readOnly bool, settings []schema.Setting) [][]byte {
	size := len(readOnlySetting.Value)
	for i := range settings {
		size += len(settings[i].Value)
	}
	buffer := make([]byte, 0, size)
	args := make([][]byte, 0, len(settings)+1)
	add := func(value string) {
		start := len(buffer)
		buffer = append(buffer, value...)
		args = append(args, buffer[start:len(buffer):len(buffer)])
	}
	if readOnly {
		add(readOnlySetting.Value)
	}
	for i := range settings {
		add(settings[i].Value)
	}
	return args
}
