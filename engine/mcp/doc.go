// Package mcp serves the Model Context Protocol (https://modelcontextprotocol.io) at functions/v1/mcp-server: Streamable HTTP, without
// sessions, with JSON replies.
//
// A tool does nothing that its caller could not do over HTTP, because that is what it does: it makes a request of rest/v1 or
// functions/v1 with the caller's own token, in this process, and so goes through the same stages, policies and limits. No tool has
// rights of its own, and none takes SQL.
//
// There are tools over any schema (tables.go), which know a table a second after it was created, and those of the Nexus
// application, which are offered if the database has what they need.
package mcp
