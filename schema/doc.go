// Package schema answers one question: what is in this database?
//
// Load reads the catalog in one read-only transaction into a Snapshot: relations, columns, keys, relationships
// (declared, through junctions, through views, computed), functions, media-type handlers, domain representations,
// comments and time zones. A Snapshot is immutable once it is published, so every request can read it without locks;
// Cache keeps the newest one behind an atomic pointer and replaces it when the catalog changes.
//
// The rules for relationships follow PostgREST's resource embedding reference
// (https://docs.postgrest.org/en/v14/references/api/resource_embedding.html).
package schema
