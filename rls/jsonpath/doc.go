// Package jsonpath finds values in decoded JSON by JSON Path (RFC 9535, https://www.rfc-editor.org/rfc/rfc9535.html).
//
// It differs from the RFC in two points, as PostgREST does: the members of an object are visited in the order of their names,
// so that the first value found is always the same one; and the patterns of match() and search() are Go's regular expressions,
// in which ^ and $ stand for the ends of the text.
package jsonpath
