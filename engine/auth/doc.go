// Package auth serves auth/v1: people sign up, log in and stay logged in with the unmodified Supabase client, and the tokens
// they get drive row level security in rest/v1.
//
// A request becomes a call (handler.go), which knows the client's API version, address and, where an endpoint wants one, the
// user and session of its token (bearer.go). Each flow has a file of its own. Flows change rows of schema auth only through
// package store, in one transaction with the mail that belongs to the change: what fails leaves nothing behind. Whatever is
// handed out is stored as a hash, or, as refresh tokens, can be made again from what is stored and the server's secret
// (refresh.go).
package auth
