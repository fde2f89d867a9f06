package rows

// appendValue appends the JSON of a value.
func appendValue(dst []byte, k kind, text []byte) []byte {
	switch {
	case text == nil:
		return append(dst, "null"...)
	case k == document:
		return append(dst, text...)
	case k == boolean:
		if text[0] == 't' {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case k == number && isFinite(text):
		return append(dst, text...)
	default:
		return appendString(dst, text)
	}
}

// isFinite tells numbers from NaN, Infinity and -Infinity, which JSON cannot write and PostgreSQL makes texts of.
func isFinite(text []byte) bool {
	last := text[len(text)-1]
	return last >= '0' && last <= '9'
}

// mustEscape tells which bytes of a text are escaped (json.c, escape_json).
var mustEscape = func() (table [256]bool) {
	for c := range 0x20 {
		table[c] = true
	}
	table['"'], table['\\'] = true, true
	return table
}()

const hexDigits = "0123456789abcdef"

func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range text {
		if !mustEscape[c] {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}
