package rows

// mustQuote tells which bytes make record_out quote a field (rowtypes.c).
var mustQuote = func() (table [256]bool) {
	for _, c := range []byte("\"\\(), \t\n\v\f\r") {
		table[c] = true
	}
	return table
}()

// appendField appends a field as record_out writes it: nothing for null, quotes where they are needed.
func appendField(dst, text []byte) []byte {
	if text == nil {
		return dst
	}
	quote := len(text) == 0
	for _, c := range text {
		if mustQuote[c] {
			quote = true
			break
		}
	}
	if !quote {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
