// Package cluster runs a real PostgreSQL server as a managed child process, for people who have none.
//
// Start finds PostgreSQL's programs (or downloads them), makes a database cluster on first use, starts the server, and keeps
// it running until Stop: a server that dies is started again. Everything lives in one directory:
//
//	DIR/lock                 held while a process manages the directory
//	DIR/pg/                  PostgreSQL's data directory
//	DIR/superuser.password   password of the superuser, mode 0600
//	DIR/port                 the TCP port on 127.0.0.1, kept across starts while it is free
//
// PostgreSQL refuses to run as root. A root process therefore starts it as an unprivileged user and hands it the data
// directory as an open file descriptor (/proc/self/fd/3), so that the directory may lie where that user could not walk to,
// below /root for instance, without anything being opened up to others.
//
// The server listens on the loopback address and on a private socket only, and always asks for a password (SCRAM).
package cluster
