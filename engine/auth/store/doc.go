// Package store reads and writes the rows of schema auth. It knows the tables and nothing of what they mean to a client;
// every method works in the transaction that Store.Do opened.
package store
