// Package limits counts how often something happens for a key, over all servers of a database, and refuses what is too much: in any
// window of a rate's length, not only in those of the clock.
//
// Asking the database at every event would cost each of them a round trip. Instead a server takes events in advance, an eighth of
// what is left, spends them from memory, and gives back after a second what it has not spent. The last ones are taken one by one,
// so nothing is lost between servers when it matters. What was taken in advance counts as if it happened at the last moment at
// which it can be spent.
//
// The first event of a key that a server knows nothing of is let through while the count is asked for, unless the rate is Exact. So
// a server that has just been asked for a key for the first time may admit one event too many, and never more than one.
package limits
