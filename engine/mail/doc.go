// Package mail makes the mails of the server and sends them: by SMTP, or into a directory where a newcomer can read them.
package mail
