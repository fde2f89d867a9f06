// Package generative tests rest/v1 against a second opinion: requests made up from the schema, answered by the handler and
// by a reference that is too simple to be wrong in the same way.
//
// A request is a tree (query, node, item, cond, term). One function writes it as a URL, which the handler gets; another
// evaluates it. The reference asks PostgreSQL for one expression of one table at a time (`select expression from table`,
// as the request's role) and does everything else in Go over slices of rows: joins by comparing keys, three-valued logic,
// sorting by rank, windows, groups, and the shape of the answer. Where a request leaves the order of rows open the
// comparison accepts every order, and every choice a limit may make.
//
// A request whose answers differ is cut down, part by part, while they still differ, and reported as a URL. Each run takes
// another seed and logs it; one run or one request is repeated with
//
//	go test ./engine/rest/generative -run TestGenerated -args -seed=1 -first=0 -requests=10000
//
// What a request must not have, because PostgREST refuses it or leaves its meaning open, is all in check.
package generative
