package messages

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

type chatRequest struct {
	ChatID uuid.UUID `json:"chat_id" jsonschema:"the chat"`
}

type replyStatus struct {
	ChatID          string     `json:"chat_id" jsonschema:"the chat"`
	AwaitsReply     bool       `json:"awaits_reply" jsonschema:"whether the contact wrote last"`
	WindowOpen      bool       `json:"window_open" jsonschema:"whether more than templates may be sent now"`
	WindowExpiresAt *time.Time `json:"window_expires_at" jsonschema:"until when, or null"`
	LastInboundAt   *time.Time `json:"last_inbound_at" jsonschema:"when the contact last wrote"`
	LastReply       *reply     `json:"last_reply" jsonschema:"the newest message to the contact"`
}

type reply struct {
	MessageID    string     `json:"message_id" jsonschema:"the message"`
	Status       string     `json:"status" jsonschema:"how far it came"`
	Timestamp    time.Time  `json:"timestamp" jsonschema:"when it was written"`
	DeliveredAt  *time.Time `json:"delivered_at" jsonschema:"when it arrived"`
	ReadAt       *time.Time `json:"read_at" jsonschema:"when it was read"`
	ErrorCode    *string    `json:"error_code" jsonschema:"why it failed, for programs"`
	ErrorMessage *string    `json:"error_message" jsonschema:"why it failed, for people"`
}

func (s *service) replyStatus() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "whatsapp-reply-status", Tag: "Messages", Summary: "Tell whether a chat was answered, and whether it can be",
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard, Example: `{"chat_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r chatRequest) (out replyStatus, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, `
				select id, coalesce(last_inbound_time > coalesce(last_outbound_time, '-infinity'), false),
					platform in ('email', 'internal') or coalesce(window_expires_at > now(), false), window_expires_at, last_inbound_time
				from public.chats where id = $1`, r.ChatID,
			).Scan(&out.ChatID, &out.AwaitsReply, &out.WindowOpen, &out.WindowExpiresAt, &out.LastInboundAt)
			if errors.Is(err, pgx.ErrNoRows) {
				return notFound("chat")
			}
			if err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `
				select id, status, timestamp, delivered_at, read_at, error_code, error_message from public.messages
				where organization_id = auth.organization_id() and chat_id = $1 and direction = 'outbound'
				order by timestamp desc, created_at desc limit 1`, r.ChatID)
			if err != nil {
				return err
			}
			last, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[reply])
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			out.LastReply = &last
			return err
		})
		return out, err
	})
}

type marked struct {
	ChatID string `json:"chat_id" jsonschema:"the chat"`
	Marked bool   `json:"marked" jsonschema:"whether the contact was told"`
}

func (s *service) markRead() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "chat-mark-read", Tag: "Messages", Summary: "Note that a chat was read",
		Description: "Its unread count becomes 0. On WhatsApp the contact is told.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Example: `{"chat_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r chatRequest) (out marked, err error) {
		var platform string
		var from *uuid.UUID
		var newest *string
		out.ChatID = r.ChatID.String()
		err = c.QueryRow(ctx, `
			update public.chats c set unread_count = 0 where c.id = $1
			returning c.platform, c.channel_account_id, (
				select m.platform_message_id from public.messages m
				where m.organization_id = c.organization_id and m.chat_id = c.id and m.direction = 'inbound'
				order by m.timestamp desc, m.created_at desc limit 1
			)`, []any{r.ChatID}, &platform, &from, &newest)
		if errors.Is(err, pgx.ErrNoRows) {
			return out, notFound("chat")
		}
		if err != nil || platform != whatsapp || newest == nil || from == nil {
			return out, err
		}
		a, err := s.account(ctx, c, whatsapp, from)
		if err != nil {
			return out, err
		}
		if err := s.Graph.MarkRead(ctx, a.Secrets.Credentials, a.ExternalID, *newest); err != nil {
			return out, fromGraph(err)
		}
		out.Marked = true
		return out, nil
	})
}
