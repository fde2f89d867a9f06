package bench

import (
	"math"
	"time"
)

// growth is the ratio of neighbouring buckets' bounds: a percentile is right to one percent.
const growth = 1.01

// buckets reach beyond an hour.
const buckets = 3000

// histogram counts durations.
type histogram struct {
	counts [buckets]uint32
	total  uint64
}

var logGrowth = math.Log(growth)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > 0 {
		i = min(int(math.Log(float64(d))/logGrowth), buckets-1)
	}
	h.counts[i]++
	h.total++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// percentile returns the duration that the given part of all, between 0 and 1, does not exceed.
func (h *histogram) percentile(part float64) time.Duration {
	rank := uint64(math.Ceil(part * float64(h.total)))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= rank {
			return time.Duration(math.Exp((float64(i) + 0.5) * logGrowth))
		}
	}
	return 0
}
