package messages

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/functions"
)

// signatureHeader is with which Meta signs what it delivers (https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
const signatureHeader = "X-Hub-Signature-256"

// handshake is what Meta asks when a webhook is set up.
type handshake struct {
	Mode      string `json:"hub.mode" jsonschema:"subscribe"`
	Token     string `json:"hub.verify_token" jsonschema:"the token that the webhook was set up with"`
	Challenge string `json:"hub.challenge" jsonschema:"what to answer" max:"1000"`
}

// metaDelivery is what Meta delivers, for one of its products.
type metaDelivery struct {
	Object string      `json:"object" jsonschema:"whatsapp_business_account, page or instagram"`
	Entry  []metaEntry `json:"entry" jsonschema:"what happened, by account"`
}

type metaEntry struct {
	ID string `json:"id" jsonschema:"the account or page"`
	// Raw parts are understood one by one, so that one of an unknown form does not keep the others from being taken.
	Changes   []any `json:"changes,omitempty" jsonschema:"what happened on WhatsApp"`
	Messaging []any `json:"messaging,omitempty" jsonschema:"what happened on Messenger or Instagram"`
}

type taken struct {
	Received int `json:"received" jsonschema:"how many messages were new"`
	Reports  int `json:"reports" jsonschema:"how many reports about messages were new"`
}

// objects are the channels of what is delivered.
var objects = map[string]string{"whatsapp_business_account": whatsapp, "page": facebook, "instagram": instagram}

// metaWebhooks are the endpoints for Meta. They take whatever it delivers; the names are those that clients know.
func (s *service) metaWebhooks() []*functions.Function {
	var all []*functions.Function
	for _, hook := range []struct{ name, summary, description string }{
		{"whatsapp-webhook", "Take what WhatsApp delivers", "Messages and reports of all numbers; each goes to the organization that the number is connected to."},
		{"wa-webhook", "Take what WhatsApp delivers", "The same as `whatsapp-webhook`."},
		{"whatsapp-status-webhook", "Take reports of WhatsApp", "The same as `whatsapp-webhook`, for those who have reports delivered apart."},
		{"facebook-webhook", "Take what Messenger delivers", "Messages and reports of all pages; each goes to the organization that the page is connected to."},
		{"instagram-webhook", "Take what Instagram delivers", "Messages and reports of all accounts; each goes to the organization that the account is connected to."},
	} {
		all = append(all,
			functions.Define(functions.Spec{
				Name: hook.name, Method: http.MethodGet, Tag: "Messages", Summary: "Confirm the webhook to Meta", Lenient: true,
				Access: functions.Webhook(s.confirm), Tier: functions.WebhookTier,
			}, func(_ context.Context, _ *functions.Call, r handshake) (functions.Content, error) {
				return functions.Content{Type: "text/plain; charset=utf-8", Body: []byte(r.Challenge)}, nil
			}),
			functions.Define(functions.Spec{
				Name: hook.name, Tag: "Messages", Summary: hook.summary, Description: hook.description, Lenient: true,
				Access: functions.Webhook(s.verify), Tier: functions.WebhookTier, Example: `{"object": "page", "entry": []}`,
			}, s.take),
		)
	}
	return all
}

var errToken = functions.Errorf(http.StatusForbidden, "forbidden", "The verify token is another one")

// confirm checks the token of a handshake: the server's, or that of an organization's own app.
func (s *service) confirm(r *http.Request, _ []byte) error {
	query := r.URL.Query()
	token := query.Get("hub.verify_token")
	if token == "" || query.Get("hub.mode") != "subscribe" {
		return errToken
	}
	if s.VerifyToken != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.VerifyToken)) == 1 {
		return nil
	}
	var known bool
	err := s.Sessions.Do(r.Context(), func(tx pgx.Tx) error {
		return tx.QueryRow(r.Context(), "select nexus_app.knows_verify_token($1)", hashToken(token)).Scan(&known)
	})
	if err != nil {
		return unavailable(err)
	}
	if !known {
		return errToken
	}
	return nil
}

// unavailable has a third party try again, because we could not find out whether to trust it.
func unavailable(err error) error {
	return &functions.Error{
		Status: http.StatusServiceUnavailable, Code: "service_unavailable", Message: "The delivery cannot be checked at the moment",
		RetryAfter: minimalRetry, Cause: err,
	}
}

var errSignature = errors.New("no valid " + signatureHeader)

// signed reports whether the header has the signature of the body with the secret.
func signed(secret, header string, body []byte) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(header, "sha256="))
	if err != nil || secret == "" || !strings.HasPrefix(header, "sha256=") {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

// verify checks who signed a delivery: the server's own app, or the apps of all organizations whose accounts it names. One
// organization's secret proves nothing about the accounts of another.
func (s *service) verify(r *http.Request, body []byte) error {
	header := r.Header.Get(signatureHeader)
	if header == "" {
		return errSignature
	}
	if signed(s.AppSecret, header, body) {
		return nil
	}
	var d metaDelivery
	if err := json.Unmarshal(body, &d); err != nil {
		return errSignature
	}
	platform := objects[d.Object]
	accounts, err := s.accounts(r.Context(), platform, d.accounts(platform))
	if err != nil {
		return unavailable(err)
	}
	for _, a := range accounts {
		with, err := s.unseal(a.ID, a.Credentials)
		if err != nil || !signed(with.AppSecret, header, body) {
			return errSignature
		}
	}
	if len(accounts) == 0 {
		return errSignature
	}
	return nil
}

// accounts are the ids of those that a delivery is for: the numbers, or pages.
func (d *metaDelivery) accounts(platform string) []string {
	var ids []string
	for _, entry := range d.Entry {
		if platform != whatsapp {
			ids = append(ids, entry.ID)
			continue
		}
		for _, raw := range entry.Changes {
			if change, err := reread[whatsAppChange](raw); err == nil && change.Value.Metadata.PhoneNumberID != "" {
				ids = append(ids, change.Value.Metadata.PhoneNumberID)
			}
		}
	}
	return ids
}

// hookAccount is an account that a delivery is about.
type hookAccount struct {
	ID             string
	OrganizationID string
	ExternalID     string
	Credentials    []byte
}

func (s *service) accounts(ctx context.Context, platform string, ids []string) (all []hookAccount, err error) {
	err = s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select id, organization_id, external_id, credentials from nexus_app.webhook_accounts($1, $2) where is_active", platform, ids)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[hookAccount])
		return err
	})
	return all, err
}

// reread gives a value that was read as any the type that it has. Zero characters, which PostgreSQL has none of, are left out.
func reread[T any](value any) (out T, err error) {
	text, err := json.Marshal(withoutZeros(value))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

func withoutZero(text string) string { return strings.ReplaceAll(text, "\x00", "") }

func withoutZeros(value any) any {
	switch v := value.(type) {
	case string:
		return withoutZero(v)
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	case map[string]any:
		for name, member := range v {
			v[name] = withoutZeros(member)
		}
	}
	return value
}

// inbound is what channels deliver, in one form.
type inbound struct {
	// Account is what the channel calls the number or page.
	Account string
	Message *received
	Report  *report
	Until   *until
}

// received is a message as nexus_app.receive_message wants it.
type received struct {
	ID        string         `json:"id"`
	Chat      string         `json:"chat"`
	Name      string         `json:"name,omitempty"`
	Type      string         `json:"type"`
	Content   string         `json:"content"`
	Payload   map[string]any `json:"payload,omitempty"`
	ReplyTo   string         `json:"reply_to,omitempty"`
	Timestamp string         `json:"timestamp"`
	Files     []receivedFile `json:"files,omitempty"`
}

type receivedFile struct {
	ID         string `json:"id,omitempty"`
	PlatformID string `json:"platform_id,omitempty"`
	URL        string `json:"url,omitempty"`
	Name       string `json:"name,omitempty"`
	MediaType  string `json:"media_type,omitempty"`
	Size       int64  `json:"size,omitempty"`
	SHA256     string `json:"sha256,omitempty"`
	Status     string `json:"status,omitempty"`
	ServedAt   string `json:"served_at,omitempty"`
}

// report tells what became of a message.
type report struct {
	MessageID string
	// Ours is what we called the message, where the channel tells.
	Ours      string
	Status    string
	Timestamp string
	Code      string
	Reason    string
}

// until tells that a contact got or read all messages up to a time.
type until struct {
	Chat      string
	Status    string
	Timestamp string
}

// take understands a delivery and hands it to the database, all of it or nothing.
func (s *service) take(ctx context.Context, c *functions.Call, d metaDelivery) (out taken, err error) {
	platform := objects[d.Object]
	var all []inbound
	for _, entry := range d.Entry {
		if platform == whatsapp {
			all = append(all, readWhatsApp(entry.Changes)...)
		} else {
			all = append(all, readPage(entry.ID, entry.Messaging)...)
		}
	}
	ids := make([]string, 0, len(all))
	for _, one := range all {
		ids = append(ids, one.Account)
	}
	accounts, err := s.accounts(ctx, platform, ids)
	if err != nil {
		return out, err
	}
	byID := map[string]hookAccount{}
	for _, a := range accounts {
		byID[a.ExternalID] = a
	}
	err = c.AsServer(ctx, func(tx pgx.Tx) error {
		out = taken{}
		for _, one := range all {
			a, ok := byID[one.Account]
			if !ok {
				continue // connected to no organization, or switched off
			}
			if err := s.takeOne(ctx, tx, platform, a.ID, one, &out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// takeOne takes a message or a report, once. What the database cannot take as it is would not be better when it is delivered again.
func (s *service) takeOne(ctx context.Context, tx pgx.Tx, platform, account string, one inbound, out *taken) error {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		switch {
		case one.Message != nil:
			first, err := functions.FirstDelivery(ctx, tx, platform, account+" "+one.Message.ID)
			if err != nil || !first {
				return err
			}
			text, err := json.Marshal(one.Message)
			if err != nil {
				return err
			}
			var isNew bool
			err = tx.QueryRow(ctx, "select nexus_app.receive_message($1, $2) is not null", account, text).Scan(&isNew)
			if isNew {
				out.Received++
			}
			return err
		case one.Report != nil:
			r := one.Report
			first, err := functions.FirstDelivery(ctx, tx, platform, account+" "+r.MessageID+" "+r.Status)
			if err != nil || !first {
				return err
			}
			out.Reports++
			_, err = tx.Exec(ctx, "select nexus_app.note_delivery($1, $2, nullif($3, '')::uuid, $4, $5::timestamptz, nullif($6, ''), nullif($7, ''))",
				account, r.MessageID, r.Ours, r.Status, r.Timestamp, r.Code, r.Reason)
			return err
		default:
			out.Reports++
			_, err := tx.Exec(ctx, "select nexus_app.note_delivered_until($1, $2, $3, $4::timestamptz)",
				account, one.Until.Chat, one.Until.Status, one.Until.Timestamp)
			return err
		}
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23")) {
		s.Logger.WarnContext(ctx, "a delivery was not understood", slog.String("channel", platform), slog.String("account", account), slog.String("error", pg.Message))
		return nil
	}
	return err
}
