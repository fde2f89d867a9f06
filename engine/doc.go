// Package engine assembles the server: PostgreSQL (its own or one it is given), core migrations, the schema cache, the
// surfaces behind one router, and what surrounds every request: ids, limits, log, health and an orderly end.
//
// Server runs it. LoadKeys, SigningKeys, RotateKeys, DropKey, MintToken and Migrate do for the command line what needs the
// same configuration and the same secrets.
package engine
