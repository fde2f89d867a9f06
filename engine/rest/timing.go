package rest

import (
	"strconv"
	"time"
)

// serverTiming collects the durations of a request's stages for the Server-Timing header
// (https://docs.postgrest.org/en/v14/references/observability.html#server-timing-header). The zero value is off.
type serverTiming struct {
	on     bool
	header []byte
}

// stage starts the clock of a stage; the returned function stops it.
func (t *serverTiming) stage(name string) func() {
	if !t.on {
		return func() {}
	}
	start := time.Now()
	return func() { t.add(name, time.Since(start)) }
}

func (t *serverTiming) add(name string, d time.Duration) {
	if !t.on {
		return
	}
	if len(t.header) > 0 {
		t.header = append(t.header, ", "...)
	}
	t.header = append(t.header, name...)
	t.header = append(t.header, ";dur="...)
	t.header = strconv.AppendFloat(t.header, float64(d)/float64(time.Millisecond), 'f', 1, 64)
}
