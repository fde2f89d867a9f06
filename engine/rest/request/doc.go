// Package request turns the bytes of an HTTP request into a Request: what the client asks for, in PostgREST's words,
// before any name is looked up. It is pure: no database, no snapshot, no clock. Every syntax error is found here.
//
// The grammar follows https://docs.postgrest.org/en/v14/references/api/url_grammar.html and the pages it links, and the
// errors are those of PostgREST 14 byte for byte, including what its parsers accept by accident (text after a complete
// value is ignored in most parameters).
//
// It differs where PostgREST fails on purpose or by chance: a query string or body that PostgreSQL cannot hold as text (no
// UTF-8, or a NUL) is a 400 with PostgreSQL's code 22021, nesting has limits, and whole numbers beyond 64 bits become the
// nearest one.
package request
