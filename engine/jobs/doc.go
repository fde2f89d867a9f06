// Package jobs does work in the background: what is too slow for a request, what must be tried again until a third party answers,
// and what is done every so often. Jobs are rows of the database, so they outlive the server; River works them
// (https://riverqueue.com/docs), by any of the servers of a database.
//
// An area registers what it does with each kind of job (Handle) or at which times (Every). Jobs are added within the transaction
// that they belong to: in Go by Add, in SQL by nexus_app.enqueue. A job may be done more than once, when a server dies in its
// middle, so what it does must bear that.
package jobs
