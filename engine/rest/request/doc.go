// Package request turns the bytes of an HTTP request into a Request: what the client asks for, in PostgREST's words,
// before any name is looked up. It is pure: no database, no snapshot, no clock. Every syntax error is found here.
//
// The grammar follows https://docs.postgrest.org/en/v14/references/api/url_grammar.html and the pages it links.
package request
