// Package rest serves rest/v1: PostgREST-compatible CRUD and function calls over the tables, views and functions of the
// exposed schemas.
//
// A request passes through packages that each do one thing and never call back: request (syntax), plan (names), query
// (SQL), db (the only stage that takes a connection), render (bytes). A request that is malformed or names something
// unknown is refused before it takes a connection.
package rest
