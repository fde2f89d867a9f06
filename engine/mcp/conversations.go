package mcp

import (
	"context"
	"net/http"
	"net/url"

	"nexus/rls"
)

// conversationTools work with chats and messages.
func conversationTools() []*tool { return []*tool{listConversations(), sendMessage()} }

type listConversationsIn struct {
	Channel string `json:"channel,omitempty" jsonschema:"only conversations on this channel" enum:"whatsapp,facebook,instagram,email,internal"`
	page
}

func listConversations() *tool {
	return define(tool{
		name: "nexus_list_conversations", title: "List conversations", group: "messages", scope: rls.ScopeRead, needs: []string{"chats"},
		description: "Lists open conversations with contacts, the one with the newest message first.",
	}, func(ctx context.Context, c *call, in listConversationsIn) (rowsOut, error) {
		query := url.Values{"is_archived": {"is.false"}, "order": {"last_message_time.desc.nullslast,id"}, "select": {"*,customers(id,first_name,last_name)"}}
		if in.Channel != "" {
			query.Set("platform", "eq."+in.Channel)
		}
		return c.list(ctx, "chats", query, &in.page)
	})
}

type sendMessageIn struct {
	ConversationID string `json:"conversation_id,omitempty" jsonschema:"the conversation" pattern:"^[0-9a-fA-F-]{36}$"`
	ChatID         string `json:"chat_id,omitempty" jsonschema:"the same, under its other name" pattern:"^[0-9a-fA-F-]{36}$"`
	Message        string `json:"message" jsonschema:"the text" min:"1" max:"65536"`
}

func sendMessage() *tool {
	return define(tool{
		name: "nexus_send_message", title: "Send a message", group: "messages", scope: rls.ScopeWrite, open: true, needs: []string{"messages", "chats"},
		description: "Sends a text in a conversation that exists. A person gets it, so ask first. On WhatsApp, Messenger and Instagram only within 24 hours after the contact wrote.",
	}, func(ctx context.Context, c *call, in sendMessageIn) (out rowOut, err error) {
		id := in.ConversationID
		if id == "" {
			id = in.ChatID
		}
		if id == "" {
			return out, &toolError{Code: "validation_failed", Message: "conversation_id must be given", Hint: "Find it with nexus_list_conversations."}
		}
		rows, err := c.change(ctx, http.MethodPost, "messages", nil, "", map[string]any{"chat_id": id, "content": in.Message})
		if err == nil && len(rows) > 0 {
			out.Row = rows[0]
		}
		return out, err
	})
}
