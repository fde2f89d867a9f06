package request

import (
	"strconv"
	"strings"
)

// PostgREST's errors quote characters the way Haskell shows them.

// quoteHaskell renders a text as Haskell's show does, which is how Parsec names characters.
func quoteHaskell(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	wasNumber, wasSO := false, false
	for _, c := range s {
		if wasNumber && c >= '0' && c <= '9' || wasSO && c == 'H' {
			b.WriteString(`\&`)
		}
		if c == '"' {
			b.WriteString(`\"`)
		} else {
			b.WriteString(escapeHaskell(c))
		}
		wasNumber, wasSO = c > 0x7f, c == 0x0e
	}
	b.WriteByte('"')
	return b.String()
}

// quoteHaskellChar renders one character as Haskell's show does.
func quoteHaskellChar(c rune) string {
	if c == '\'' {
		return `'\''`
	}
	return "'" + escapeHaskell(c) + "'"
}

// controlNames are the names that Haskell gives the control characters below space.
var controlNames = [...]string{
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO", "SI", "DLE",
	"DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
}

func escapeHaskell(c rune) string {
	switch {
	case c == '\\':
		return `\\`
	case c < 0x20:
		return `\` + controlNames[c]
	case c == 0x7f:
		return `\DEL`
	case c > 0x7f:
		return `\` + strconv.Itoa(int(c))
	default:
		return string(c)
	}
}
