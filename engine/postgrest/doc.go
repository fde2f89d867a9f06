// Package postgrest serves in place of PostgREST 14: the same configuration, in a file, the environment and the database; the
// same API at the root; the same admin server. A deployment changes the name of the program and nothing else.
//
// Configuration is read as PostgREST reads it (https://docs.postgrest.org/en/v14/references/configuration.html): a setting
// of the database wins over the environment, the environment over the file. A Server applies a new configuration as a
// whole, or keeps the old one when it is not valid.
package postgrest
