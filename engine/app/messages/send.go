package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/functions"
	"nexus/engine/mail"
	"nexus/rls"
)

// longest are the most characters of a text that channels take.
var longest = map[string]int{whatsapp: 4096, facebook: 2000, instagram: 1000, email: 65536, internal: 65536}

// outgoing is a message to be sent: a row of messages.
type outgoing struct {
	ChatID           uuid.UUID
	Content          *string
	Kind             string
	MediaURL         *string
	MediaType        *string
	ReplyTo          *uuid.UUID
	Template         *string
	TemplateLanguage *string
	Payload          map[string]any
}

type queued struct {
	MessageID string    `json:"message_id" jsonschema:"the message, a row of messages"`
	ChatID    string    `json:"chat_id" jsonschema:"its chat"`
	Status    string    `json:"status" jsonschema:"queued: it is sent now; delivered on the internal channel; the row tells how it goes on"`
	Timestamp time.Time `json:"timestamp" jsonschema:"when it was written"`
}

const queuedText = "The message is sent in the background, with retries; the column `status` of its row tells how far it came. "

// insert adds the message as the caller, which sends it.
func insert(ctx context.Context, tx pgx.Tx, m *outgoing) (out queued, err error) {
	payload, err := json.Marshal(m.Payload)
	if err != nil {
		return out, err
	}
	if m.Payload == nil {
		payload = []byte("{}")
	}
	err = tx.QueryRow(ctx, `
		insert into public.messages
			(organization_id, chat_id, direction, content, message_type, media_url, media_type, reply_to_message_id, template_name, template_language, payload)
		values (auth.organization_id(), $1, 'outbound', $2, $3::text::public.message_type, $4, $5, $6, $7, $8, $9)
		returning id, chat_id, status, timestamp`,
		m.ChatID, m.Content, m.Kind, m.MediaURL, m.MediaType, m.ReplyTo, m.Template, m.TemplateLanguage, payload,
	).Scan(&out.MessageID, &out.ChatID, &out.Status, &out.Timestamp)
	return out, err
}

// platformOf is the channel of one of the caller's chats.
func platformOf(ctx context.Context, tx pgx.Tx, chat uuid.UUID) (platform string, err error) {
	err = tx.QueryRow(ctx, "select platform from public.chats where id = $1", chat).Scan(&platform)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", notFound("chat")
	}
	return platform, err
}

// explain names the setting that the database cannot know of.
func explain(err error, platform string) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Detail == "integration_not_configured" {
		return functions.NotConfigured(platform, settingOf(platform))
	}
	return err
}

// file is the part of a request that sends one.
type file struct {
	MediaURL  *string    `json:"mediaUrl,omitempty" jsonschema:"where a file is that is sent, with the message as its caption" format:"uri" max:"4096"`
	MediaType string     `json:"mediaType,omitempty" jsonschema:"what the file is; document if it is not given" enum:"image,video,document,audio,sticker"`
	FileName  *string    `json:"fileName,omitempty" jsonschema:"what the file is called" max:"200"`
	ReplyTo   *uuid.UUID `json:"replyTo,omitempty" jsonschema:"the message of the chat that this one answers"`
}

// message makes what is sent of a text and a file.
func (f *file) message(chat uuid.UUID, platform, content string) (*outgoing, error) {
	m := &outgoing{ChatID: chat, Kind: "text", ReplyTo: f.ReplyTo}
	if content != "" {
		m.Content = &content
	}
	if f.MediaURL != nil {
		m.MediaURL, m.Kind = f.MediaURL, f.MediaType
		if m.Kind == "" {
			m.Kind = "document"
		}
		if f.FileName != nil {
			m.Payload = map[string]any{"file_name": *f.FileName}
		}
	}
	if m.Content == nil && m.MediaURL == nil {
		return nil, functions.Invalid("message", "is missing")
	}
	if m.Content != nil && m.MediaURL != nil && (platform == facebook || platform == instagram) {
		return nil, functions.Invalid("message", "must be empty with a file: files have no text on "+platform)
	}
	if most := longest[platform]; len([]rune(content)) > most {
		return nil, functions.Invalid("message", fmt.Sprintf("must have at most %d characters on %s", most, platform))
	}
	return m, nil
}

type sendRequest struct {
	ChatID         uuid.UUID  `json:"chatId" jsonschema:"the chat"`
	Message        string     `json:"message,omitempty" jsonschema:"the text" max:"65536"`
	OrganizationID *uuid.UUID `json:"organizationId,omitempty" jsonschema:"the organization of the token"`
	file
}

const windowText = "To a contact who did not write within the last 24 hours it is refused (409 `outside_window`)"

// sendOn sends to chats of one of Meta's channels.
func (s *service) sendOn(platform, name, summary string) *functions.Function {
	description := queuedText + windowText + "."
	if platform == whatsapp {
		description = queuedText + windowText + "; send them a template."
	}
	return functions.Define(functions.Spec{
		Name: name, Tag: "Messages", Summary: summary, Description: description,
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"chatId": "00000000-0000-0000-0000-000000000000", "message": "Your order is on its way"}`,
	}, func(ctx context.Context, c *functions.Call, r sendRequest) (out queued, err error) {
		if err := ownOrganization(c, r.OrganizationID); err != nil {
			return out, err
		}
		m, err := r.message(r.ChatID, platform, r.Message)
		if err != nil {
			return out, err
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			of, err := platformOf(ctx, tx, r.ChatID)
			if err != nil {
				return err
			}
			if of != platform {
				return functions.Errorf(http.StatusConflict, "wrong_channel", "The chat is on another channel: "+of)
			}
			out, err = insert(ctx, tx, m)
			return err
		})
		return out, explain(err, platform)
	})
}

type sendToRequest struct {
	PhoneNumber string     `json:"phone_number" jsonschema:"the contact's number, with its country" min:"7" max:"40"`
	Message     string     `json:"message,omitempty" jsonschema:"the text" max:"4096"`
	Name        *string    `json:"name,omitempty" jsonschema:"the contact's name, for a new chat" max:"200"`
	AccountID   *uuid.UUID `json:"account_id,omitempty" jsonschema:"the number to send from; the oldest if it is not given"`
	file
}

func (s *service) sendTo() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "wa-send", Tag: "Messages", Summary: "Send a message to a number on WhatsApp",
		Description: "As whatsapp-send-message, for a number instead of a chat. " + queuedText + windowText + "; send them a template.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"phone_number": "+201001234567", "message": "Your order is on its way"}`,
	}, func(ctx context.Context, c *functions.Call, r sendToRequest) (out queued, err error) {
		number := international(r.PhoneNumber)
		if number == nil {
			return out, refusePhone("phone_number")
		}
		m, err := r.message(uuid.Nil, whatsapp, r.Message)
		if err != nil {
			return out, err
		}
		return s.insertTo(ctx, c, whatsapp, (*number)[1:], r.Name, r.AccountID, m)
	})
}

// insertTo adds a message to the chat with an address, which may be new.
func (s *service) insertTo(
	ctx context.Context, c *functions.Call, platform, address string, name *string, from *uuid.UUID, m *outgoing,
) (out queued, err error) {
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select id from nexus_app.open_chat($1, $2, $3, $4)", platform, address, name, from).Scan(&m.ChatID); err != nil {
			return err
		}
		out, err = insert(ctx, tx, m)
		return err
	})
	return out, explain(err, platform)
}

type reactionRequest struct {
	ChatID    uuid.UUID `json:"chatId" jsonschema:"the chat"`
	MessageID uuid.UUID `json:"messageId" jsonschema:"the message to react to"`
	Emoji     string    `json:"emoji" jsonschema:"the emoji; empty to take the reaction back" max:"16"`
}

func (s *service) sendReaction() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "whatsapp-send-reaction", Tag: "Messages", Summary: "React to a message on WhatsApp",
		Description: queuedText + windowText + ".", Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"chatId": "00000000-0000-0000-0000-000000000000", "messageId": "00000000-0000-0000-0000-000000000000", "emoji": "👍"}`,
	}, func(ctx context.Context, c *functions.Call, r reactionRequest) (out queued, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			var known bool
			err := tx.QueryRow(ctx, `
				select m.platform_message_id is not null from public.messages m
				join public.chats c on c.id = m.chat_id and c.platform = 'whatsapp'
				where m.id = $1 and m.chat_id = $2`, r.MessageID, r.ChatID).Scan(&known)
			if errors.Is(err, pgx.ErrNoRows) {
				return notFound("message of a chat on WhatsApp")
			}
			if err != nil {
				return err
			}
			if !known {
				return functions.Errorf(http.StatusConflict, "not_sent", "WhatsApp does not know the message yet")
			}
			out, err = insert(ctx, tx, &outgoing{ChatID: r.ChatID, Kind: "reaction", Content: &r.Emoji, ReplyTo: &r.MessageID})
			return err
		})
		return out, explain(err, whatsapp)
	})
}

type anywhereRequest struct {
	ChatID  *uuid.UUID `json:"chat_id,omitempty" jsonschema:"the chat, on any channel"`
	Email   *string    `json:"email,omitempty" jsonschema:"the address to write to, instead of a chat" format:"email" max:"254"`
	Subject *string    `json:"subject,omitempty" jsonschema:"the subject of a mail" min:"1" max:"500"`
	Name    *string    `json:"name,omitempty" jsonschema:"the contact's name, for a new chat" max:"200"`
	Message string     `json:"message,omitempty" jsonschema:"the text" max:"65536"`
	file
}

func (s *service) sendAnywhere() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "message-send", Tag: "Messages", Summary: "Send a message on the channel of a chat, or a mail to an address",
		Description: queuedText + "On the internal channel it has arrived at once. " + windowText + " on Meta's channels.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"email": "ann@example.com", "subject": "Your order", "message": "It is on its way."}`,
	}, func(ctx context.Context, c *functions.Call, r anywhereRequest) (out queued, err error) {
		if (r.ChatID == nil) == (r.Email == nil) {
			return out, functions.Invalid("chat_id", "or email must be given, and not both")
		}
		if r.Email != nil {
			return s.sendMail(ctx, c, &r)
		}
		var platform string
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			if platform, err = platformOf(ctx, tx, *r.ChatID); err != nil {
				return err
			}
			m, err := r.message(*r.ChatID, platform, r.Message)
			if err != nil {
				return err
			}
			m.setSubject(r.Subject)
			out, err = insert(ctx, tx, m)
			return err
		})
		return out, explain(err, platform)
	})
}

func (s *service) sendMail(ctx context.Context, c *functions.Call, r *anywhereRequest) (out queued, err error) {
	address, err := mail.ValidAddress(*r.Email)
	if err != nil {
		return out, functions.Invalid("email", "is no valid address")
	}
	m, err := r.message(uuid.Nil, email, r.Message)
	if err != nil {
		return out, err
	}
	m.setSubject(r.Subject)
	return s.insertTo(ctx, c, email, address, r.Name, nil, m)
}

func (m *outgoing) setSubject(subject *string) {
	if subject == nil {
		return
	}
	if m.Payload == nil {
		m.Payload = map[string]any{}
	}
	m.Payload["subject"] = *subject
}

type retryRequest struct {
	MessageID uuid.UUID `json:"message_id" jsonschema:"a message that failed"`
}

func (s *service) retry() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "message-retry", Tag: "Messages", Summary: "Send a message that failed again",
		Description: "One that failed with `outcome_unknown` may reach the contact twice.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"message_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r retryRequest) (out queued, err error) {
		err = c.QueryRow(ctx, "select id, chat_id, status, timestamp from nexus_app.retry_message($1)", []any{r.MessageID},
			&out.MessageID, &out.ChatID, &out.Status, &out.Timestamp)
		return out, err
	})
}
