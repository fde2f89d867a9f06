// Package bench measures a running server: how many requests it answers, how fast, at what cost, and beside each figure the raw
// SQL of the same work, sent to the same database by a client that does nothing else. The ratio of the two says what the
// server adds; figures of different machines can be compared by it.
//
// The tables it works with are its own. They are made in the schema that the API serves by default, under names that begin
// with nexus_bench_, and dropped at the end.
package bench
