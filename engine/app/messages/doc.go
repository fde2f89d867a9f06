// Package messages has the functions of conversations with contacts: on WhatsApp, Messenger and Instagram through Meta's Graph
// API, by e-mail, and on a channel of one's own. What may be sent is decided in the database (migrations/app/00004): to insert a
// message is to send it. Here messages are put into the form of their channel and sent, as background jobs, and what comes in by
// webhooks is understood and handed to the database.
//
// A message is sent at most once. When nobody can know whether a channel took it, because the connection or the server ended before
// the answer came, it fails with the code outcome_unknown; a report of the channel mends that.
package messages
