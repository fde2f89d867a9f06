package password

// Work is what a hash takes to verify: bytes of memory, and how often it is gone through.
type Work struct{ Memory, Passes int }

// ForeignWork returns the work of a hash that is not bcrypt's, and false for one that cannot be read.
func ForeignWork(hash string) (Work, bool) {
	parsed, err := parseForeign(hash)
	if err != nil {
		return Work{}, false
	}
	switch parsed := parsed.(type) {
	case *argon:
		return Work{Memory: int(parsed.memory) << 10, Passes: int(parsed.time)}, true
	case *firebase:
		return Work{Memory: parsed.memory(), Passes: parsed.p}, true
	default:
		panic("a kind without bounds")
	}
}
