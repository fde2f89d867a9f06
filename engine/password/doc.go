// Package password hashes and checks passwords.
//
// Hashes are made with bcrypt. Those that came with other databases are understood, too: argon2 and Firebase's scrypt. All work
// passes through a bounded number of slots, so that a storm of logins leaves processors for other requests.
package password
