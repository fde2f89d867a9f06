// Package render turns the database's answer into an HTTP response: status, headers and body as PostgREST's reference
// describes them. It is pure.
package render
