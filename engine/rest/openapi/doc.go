// Package openapi describes a schema as an OpenAPI 2.0 document, which rest/v1 serves at its root
// (https://docs.postgrest.org/en/v14/references/api/openapi.html).
//
// Query asks PostgreSQL what the caller's role may see, Contents holds the answer, and Document writes it down. Nothing here
// takes a connection: the SQL of a Query is for whoever holds the transaction of the request.
//
// The content of the document is PostgREST's; its relations and functions are sorted by name, so that the same schema always
// gives the same bytes.
package openapi
