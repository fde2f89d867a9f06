// Package mail makes the mails of auth/v1 and sends them: by SMTP, or into a directory where a newcomer can read them.
package mail
