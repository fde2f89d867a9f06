package messages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/engine/mail"
)

// secretHeader has the secret that save-channel-credentials gave for an address.
const secretHeader = "X-Webhook-Secret" //nolint:gosec // the name of a header

// inboundMail is a mail that came in for an address, taken apart by a mail server.
type inboundMail struct {
	To          string           `json:"to" jsonschema:"the address that it came in for" format:"email" max:"254"`
	Raw         string           `json:"raw,omitempty" jsonschema:"the whole mail as it came (RFC 5322), instead of the fields below"`
	From        string           `json:"from,omitempty" jsonschema:"the address that it is from" max:"254"`
	Name        string           `json:"name,omitempty" jsonschema:"what the sender is called" max:"200"`
	Subject     string           `json:"subject,omitempty" jsonschema:"the subject" max:"998"`
	Text        string           `json:"text,omitempty" jsonschema:"the text" max:"65536"`
	HTML        string           `json:"html,omitempty" jsonschema:"the text as HTML"`
	MessageID   string           `json:"message_id,omitempty" jsonschema:"the header Message-ID" max:"500"`
	InReplyTo   string           `json:"in_reply_to,omitempty" jsonschema:"the header In-Reply-To" max:"500"`
	Date        *time.Time       `json:"date,omitempty" jsonschema:"when it was sent; now if it is not given"`
	Attachments []mailAttachment `json:"attachments,omitempty" jsonschema:"its files" max:"50"`
}

type mailAttachment struct {
	Name      string `json:"name,omitempty" jsonschema:"what the file is called" max:"500"`
	MediaType string `json:"media_type,omitempty" jsonschema:"its media type" max:"200"`
	Content   string `json:"content" jsonschema:"its content, in base64"`
}

type mailTaken struct {
	MessageID *string `json:"message_id" jsonschema:"the message; null if it was taken before"`
}

func (s *service) emailWebhook() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "email-webhook", Tag: "Messages", Summary: "Take a mail that came in for an address of an organization",
		Description: "The header `" + secretHeader + "` has the secret that `save-channel-credentials` gave for the address. A mail with the same " +
			"`message_id` is taken once.",
		Access: functions.Webhook(s.verifyMail), Tier: functions.WebhookTier, Lenient: true,
		Example: `{"to": "hello@shop.example", "from": "ann@example.com", "subject": "Your order", "text": "Where is it?", "message_id": "1@example.com"}`,
	}, func(ctx context.Context, c *functions.Call, m inboundMail) (out mailTaken, err error) {
		a, err := s.mailAccount(ctx, m.To, c.Request.Header.Get(secretHeader))
		if err != nil {
			return out, err
		}
		files, err := m.take()
		if err != nil {
			return out, err
		}
		r, err := s.readMail(ctx, &m, files)
		if err != nil {
			return out, err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return out, err
		}
		err = c.AsServer(ctx, func(tx pgx.Tx) error {
			out.MessageID = nil
			first, err := functions.FirstDelivery(ctx, tx, email, a.ID+" "+r.ID)
			if err != nil || !first {
				return err
			}
			return tx.QueryRow(ctx, "select nexus_app.receive_message($1, $2)::text", a.ID, text).Scan(&out.MessageID)
		})
		if err == nil && out.MessageID == nil {
			err = s.dropFiles(ctx, r)
		}
		return out, err
	})
}

// dropFiles removes the files of a mail that was taken before.
func (s *service) dropFiles(ctx context.Context, r *received) error {
	keys := make([]string, len(r.Files))
	for i := range r.Files {
		keys[i] = r.Files[i].ID
	}
	return s.Files.Delete(ctx, keys...)
}

// take brings both forms of a mail into one.
func (m *inboundMail) take() (files []mailFile, err error) {
	if m.Raw != "" {
		parsed, files, err := parseMail(m.Raw)
		if err != nil {
			return nil, functions.Invalid("raw", err.Error())
		}
		parsed.To = m.To
		*m = parsed
		return files, nil
	}
	for _, file := range m.Attachments {
		content, err := base64.StdEncoding.DecodeString(file.Content)
		if err != nil {
			return nil, functions.Invalid("attachments[].content", "must be in base64")
		}
		files = append(files, mailFile{Name: file.Name, MediaType: file.MediaType, Content: content})
	}
	return files, nil
}

// readMail brings a mail into the form of all messages, and keeps its files.
func (s *service) readMail(ctx context.Context, m *inboundMail, files []mailFile) (*received, error) {
	from, err := mail.ValidAddress(m.From)
	if err != nil {
		return nil, functions.Invalid("from", "is no valid address")
	}
	at := s.Now()
	if m.Date != nil {
		at = *m.Date
	}
	r := &received{
		ID: trimID(m.MessageID), Chat: from, Name: withoutZero(m.Name), Type: "text", Content: withoutZero(m.Text), ReplyTo: trimID(m.InReplyTo),
		Timestamp: at.UTC().Format(time.RFC3339Nano), Payload: map[string]any{"subject": withoutZero(m.Subject)},
	}
	if m.HTML != "" {
		r.Payload["html"] = withoutZero(m.HTML)
	}
	if r.ID == "" {
		r.ID = hashToken(m.From + "\n" + at.UTC().Format(time.RFC3339Nano) + "\n" + m.Subject + "\n" + m.Text)
	}
	if r.Content == "" {
		r.Content = withoutZero(m.Subject)
	}
	for _, file := range files {
		id := uuid.NewString()
		if _, err := s.Files.Put(ctx, id, bytes.NewReader(file.Content)); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(file.Content)
		r.Files = append(r.Files, receivedFile{
			ID: id, Name: withoutZero(file.Name), MediaType: withoutZero(file.MediaType), Size: int64(len(file.Content)), SHA256: hex.EncodeToString(sum[:]),
			Status: "stored", ServedAt: s.mediaURL(id),
		})
	}
	return r, nil
}

// trimID takes the angle brackets off an id of a mail.
func trimID(id string) string { return strings.Trim(strings.TrimSpace(withoutZero(id)), "<>") }

var errInboundSecret = errors.New("no secret of the address")

func (s *service) verifyMail(r *http.Request, body []byte) error {
	var m inboundMail
	if err := json.Unmarshal(body, &m); err != nil {
		return errInboundSecret
	}
	_, err := s.mailAccount(r.Context(), m.To, r.Header.Get(secretHeader))
	return err
}

// mailAccount is the one of an address that has the secret.
func (s *service) mailAccount(ctx context.Context, to, secret string) (hookAccount, error) {
	address, err := mail.ValidAddress(to)
	if err != nil || secret == "" {
		return hookAccount{}, errInboundSecret
	}
	accounts, err := s.accounts(ctx, email, []string{address})
	if err != nil {
		return hookAccount{}, unavailable(err)
	}
	for _, a := range accounts {
		with, err := s.unseal(a.ID, a.Credentials)
		if err == nil && with.Inbound != "" && subtle.ConstantTimeCompare([]byte(with.Inbound), []byte(secret)) == 1 {
			return a, nil
		}
	}
	return hookAccount{}, errInboundSecret
}
