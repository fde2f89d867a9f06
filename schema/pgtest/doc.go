// Package pgtest gives each test a PostgreSQL database of its own.
//
// All test binaries of a user share one server. The first that needs it starts a keeper: its own program again, in another
// role. The keeper ends the server a few seconds after the last test binary is gone, however that went. Who uses the server
// is known from a file lock that each test binary holds for as long as it lives.
//
// Where no PostgreSQL can be found, tests are skipped, but fail if the environment has CI=true.
package pgtest
