// Package db is the only door to PostgreSQL for request work. It runs one request's statements as a given role inside one
// transaction, normally in one network round trip: everything sent before a protocol-level Sync shares one implicit
// transaction, so settings made with set_config(…, is_local) and the statement after them need no BEGIN and no COMMIT, and
// the connection is back to its login role when the Sync has been answered.
//
// An explicit BEGIN is sent (still in the same round trip) when the transaction needs an isolation level of its own or is to
// be rolled back. Only a transaction whose result decides between COMMIT and ROLLBACK takes a second round trip.
//
// Only the extended protocol is used, so a text can never smuggle in a second statement.
package db
