// Package rls answers two questions of every request: who is asking, and what does PostgreSQL need to know about them?
//
// A Verifier checks bearer tokens as PostgREST does (https://docs.postgrest.org/en/v14/references/auth.html) and turns them
// into an Identity: a database role with its claims. Settings turns an Identity and the facts of a request into the
// transaction settings that policies read.
//
// A SigningKey makes tokens, and a KeySet lets a new key take over while the tokens of older ones stay valid; Issue does with
// a plain secret.
//
// The JOSE library stays behind this package's door: none of its types appears in an exported signature.
package rls
