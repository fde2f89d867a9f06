// Package plan resolves a parsed request against a schema.Snapshot: which tables, columns, relationships and functions
// its names mean, how levels of embedded relations hang together, what a write or a call does, and which media type the
// answer has. It is pure, and every error about a name is found here, with the codes, messages and hints of
// https://docs.postgrest.org/en/v14/references/errors.html.
//
// A Plan holds the shape of the work apart from its values: wherever the request brought a value (an operand, a key of a
// JSON path, a limit, a body) the plan has a Param that points into Plan.Values. Two requests of one shape therefore lead
// to the same SQL text.
package plan
