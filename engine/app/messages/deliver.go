package messages

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/app/messages/graph"
	"nexus/engine/jobs"
	"nexus/engine/mail"
)

// sendJob has a message sent; nexus_app.message_added adds it.
type sendJob struct {
	OrganizationID string `json:"organization_id"`
	MessageID      string `json:"message_id"`
}

// Kind implements jobs.Args.
func (sendJob) Kind() string { return "message_send" }

const (
	// A message waits for those before it in its chat: first within its job, then by having the job wait.
	waitForEarlier = 50 * time.Millisecond
	waits          = 40
	waitLonger     = time.Second
	// noteTimeout is how long it may take to note what became of a message, also when the server stops.
	noteTimeout = 3 * time.Second
	noteRetries = 3
)

// delivery is a message with all that is needed to send it, as nexus_app.begin_sending returns it.
type delivery struct {
	Outcome           string
	Platform          string
	Recipient         string
	Kind              string
	Content           string
	MediaURL          string
	MediaType         string
	TemplateName      string
	TemplateLanguage  string
	Payload           json.RawMessage
	ReplyTo           string
	OrganizationID    string
	OrganizationName  string
	AccountID         string
	AccountExternalID string
	Credentials       []byte
	// ID is the message's.
	ID string
}

// result is what became of an attempt.
type result struct {
	outcome        string // as nexus_app.end_sending wants it
	sentAs         string
	code, reason   string
	badCredentials bool
}

// send is what the job does.
func (s *service) send(ctx context.Context, job jobs.Job[sendJob]) error {
	d := delivery{ID: job.Args.MessageID}
	if err := s.await(ctx, &d); err != nil {
		return err
	}
	switch d.Outcome {
	case "wait":
		return jobs.Later(waitLonger)
	case "send":
	default: // done before, or nobody knows
		return nil
	}
	sentAs, err := s.transmit(ctx, &d)
	r := s.judge(&d, sentAs, err, job.Last)
	if noted := s.note(ctx, d.ID, r); noted != nil {
		return errors.Join(noted, err)
	}
	switch r.outcome {
	case "sent":
		return nil
	case "retry":
		return err
	default:
		return jobs.Give(err)
	}
}

// await begins with the message once those before it are out.
func (s *service) await(ctx context.Context, d *delivery) error {
	ticker := time.NewTicker(waitForEarlier)
	defer ticker.Stop()
	for range waits {
		if err := s.begin(ctx, d); err != nil || d.Outcome != "wait" {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *service) begin(ctx context.Context, d *delivery) error {
	return s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select outcome, coalesce(platform, ''), coalesce(recipient, ''), coalesce(kind, ''), coalesce(content, ''), coalesce(media_url, ''),
				coalesce(media_type, ''), coalesce(template_name, ''), coalesce(template_language, ''), coalesce(payload, '{}'),
				coalesce(reply_to, ''), coalesce(organization::text, ''), coalesce(organization_name, ''), coalesce(account::text, ''),
				coalesce(account_external_id, ''), credentials
			from nexus_app.begin_sending($1)`, d.ID,
		).Scan(&d.Outcome, &d.Platform, &d.Recipient, &d.Kind, &d.Content, &d.MediaURL, &d.MediaType, &d.TemplateName, &d.TemplateLanguage,
			&d.Payload, &d.ReplyTo, &d.OrganizationID, &d.OrganizationName, &d.AccountID, &d.AccountExternalID, &d.Credentials)
	})
}

// Errors of messages that no attempt would send.
var (
	errNoAccount   = errors.New("the channel of the chat is not connected")
	errUnsupported = errors.New("the channel does not take messages of this kind")
)

// transmit gives the message to its channel.
func (s *service) transmit(ctx context.Context, d *delivery) (sentAs string, err error) {
	if d.Platform == email {
		return s.mail(ctx, d)
	}
	if d.AccountID == "" {
		return "", errNoAccount
	}
	with, err := s.unseal(d.AccountID, d.Credentials)
	if err != nil {
		return "", err
	}
	body, err := compose(d)
	if err != nil {
		return "", err
	}
	return s.Graph.Send(ctx, with.Credentials, d.AccountExternalID, body)
}

// mail sends by e-mail, and calls the mail by the message's id so that answers find it.
func (s *service) mail(ctx context.Context, d *delivery) (sentAs string, err error) {
	var more struct {
		Subject string `json:"subject"`
	}
	if err := json.Unmarshal(d.Payload, &more); err != nil {
		return "", err
	}
	body := d.Content
	if d.MediaURL != "" {
		body = strings.TrimSpace(body + "\n\n" + d.MediaURL)
	}
	m := &mail.Message{
		Kind: mail.Conversation, To: d.Recipient, SenderName: oneLine(d.OrganizationName), ReplyTo: d.AccountExternalID,
		Subject: oneLine(cmp.Or(more.Subject, "A message from "+d.OrganizationName)), Text: body,
		MessageID: d.ID + "@nexus", InReplyTo: oneLine(d.ReplyTo),
	}
	return m.MessageID, s.Mailer.Send(ctx, m)
}

// oneLine keeps a text from being more than one header.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// judge decides how it goes on with a message after an attempt.
func (s *service) judge(d *delivery, sentAs string, err error, last bool) result {
	if err == nil {
		return result{outcome: "sent", sentAs: sentAs}
	}
	r := result{outcome: "failed", code: "rejected", reason: err.Error()}
	var known *graph.Error
	switch {
	case errors.Is(err, errNoAccount):
		r.code = "integration_not_configured"
	case errors.Is(err, errUnsupported):
		r.code = "unsupported"
	case errors.As(err, &known):
		r.reason, r.badCredentials = known.Message, errors.Is(err, graph.ErrUnauthorized)
		switch {
		case r.badCredentials:
			r.code = "credentials_refused"
		case errors.Is(err, graph.ErrOutsideWindow):
			r.code = "outside_window"
		case known.Outcome == graph.Unknown:
			r.outcome, r.code = "unknown", "outcome_unknown"
		case known.Outcome == graph.Failed:
			r.outcome, r.code = "retry", "provider_unavailable"
		case known.Code != 0:
			r.code = fmt.Sprintf("provider_%d", known.Code)
		}
	case d.Platform == email:
		r.outcome, r.code = "retry", "mail_not_sent"
	default:
		r.code = "credentials_unreadable"
	}
	if r.outcome == "retry" && last {
		r.outcome = "failed"
	}
	return r
}

// note tells the database, also when the server is stopping. Where that fails, the next attempt finds that nobody knows.
func (s *service) note(ctx context.Context, message string, r result) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	for range noteRetries {
		err = s.Sessions.Do(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "select nexus_app.end_sending($1, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), $6)",
				message, r.outcome, r.sentAs, r.code, r.reason, r.badCredentials)
			return err
		})
		if err == nil {
			return nil
		}
	}
	s.Logger.ErrorContext(ctx, "what became of a message was not noted", slog.String("message", message), slog.String("outcome", r.outcome), slog.Any("error", err))
	return err
}
