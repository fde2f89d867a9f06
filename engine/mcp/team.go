package mcp

import (
	"context"
	"net/http"
	"net/url"

	"nexus/rls"
)

// teamTools work with invites and with what people and agents of the organization write each other.
func teamTools() []*tool {
	return []*tool{
		listInvites(), inviteMember(), inviteAction("nexus_cancel_organization_invite", "Cancel an invite", "cancel"),
		inviteAction("nexus_resend_organization_invite", "Send an invite again", "resend"),
		listInternal(), internalMessages(), openDM(), sendInternal(),
	}
}

// invite calls the function for people, or the one for agents.
func (c *call) invite(ctx context.Context, body map[string]any, out any) error {
	name := "invite"
	if c.identity.Caller.Class == rls.Agent {
		name = "agent-invite"
	}
	return c.function(ctx, name, body, out)
}

type listInvitesIn struct {
	Status string `json:"status,omitempty" jsonschema:"only invites of which this became" enum:"pending,accepted,cancelled,expired"`
	page
}

func listInvites() *tool {
	return define(tool{
		name: "nexus_list_organization_invites", title: "List invites", group: "team", scope: rls.ScopeRead, needs: []string{"organization_invites"},
		description: "Lists invitations to the organization, the newest first.",
	}, func(ctx context.Context, c *call, in listInvitesIn) (rowsOut, error) {
		query := url.Values{"select": {"id,email,role,status,invited_by,sent_at,expires_at,created_at"}, "order": {"created_at.desc,id"}}
		if in.Status != "" {
			query.Set("status", "eq."+in.Status)
		}
		return c.list(ctx, "organization_invites", query, &in.page)
	})
}

type inviteOut struct {
	Invite map[string]any `json:"invite" jsonschema:"the invite"`
}

type inviteMemberIn struct {
	Email string `json:"email" jsonschema:"who is invited" min:"3" max:"254"`
	Role  string `json:"role,omitempty" jsonschema:"what they may do then; member if it is not given" enum:"admin,member"`
}

func inviteMember() *tool {
	return define(tool{
		name: "nexus_invite_organization_member", title: "Invite a member", group: "team", scope: rls.ScopeWrite, open: true, needs: []string{"organization_invites"},
		description: "Sends somebody an invitation to the organization by mail. Ask a person first.",
	}, func(ctx context.Context, c *call, in inviteMemberIn) (out inviteOut, err error) {
		body := map[string]any{"action": "invite", "email": in.Email}
		if in.Role != "" {
			body["role"] = in.Role
		}
		return out, c.invite(ctx, body, &out)
	})
}

type inviteIn struct {
	InviteID string `json:"invite_id" jsonschema:"the invite" pattern:"^[0-9a-fA-F-]{36}$"`
}

func inviteAction(name, title, action string) *tool {
	return define(tool{
		name: name, title: title, group: "team", scope: rls.ScopeWrite, destructive: action == "cancel", open: action == "resend", needs: []string{"organization_invites"},
		description: title + ". It must be pending.",
	}, func(ctx context.Context, c *call, in inviteIn) (out inviteOut, err error) {
		return out, c.invite(ctx, map[string]any{"action": action, "invite_id": in.InviteID}, &out)
	})
}

// internal is what the tools of internal chat have in common.
func internal(t tool) tool {
	t.group, t.needs = "team", []string{"internal_conversations", "internal_messages"}
	return t
}

func listInternal() *tool {
	return define(internal(tool{
		name: "nexus_list_internal_conversations", title: "List internal conversations", scope: rls.ScopeRead,
		description: "Lists the conversations within the organization that you take part in.",
	}), func(ctx context.Context, c *call, in page) (rowsOut, error) {
		return c.list(ctx, "internal_conversations", url.Values{
			"select": {"*,internal_conversation_participants(user_id)"}, "order": {"last_message_at.desc.nullslast,id"},
		}, &in)
	})
}

type internalMessagesIn struct {
	ConversationID string `json:"conversation_id" jsonschema:"the conversation" pattern:"^[0-9a-fA-F-]{36}$"`
	page
}

func internalMessages() *tool {
	return define(internal(tool{
		name: "nexus_get_internal_messages", title: "Read an internal conversation", scope: rls.ScopeRead, description: "Reads the messages of a conversation, the newest first.",
	}), func(ctx context.Context, c *call, in internalMessagesIn) (rowsOut, error) {
		return c.list(ctx, "internal_messages", url.Values{"conversation_id": {"eq." + in.ConversationID}, "order": {"created_at.desc,id"}}, &in.page)
	})
}

type openDMIn struct {
	UserID    *string `json:"user_id,omitempty" jsonschema:"the member" pattern:"^[0-9a-fA-F-]{36}$"`
	UserEmail *string `json:"user_email,omitempty" jsonschema:"the member's address, instead of the id" max:"254"`
}

func openDM() *tool {
	return define(internal(tool{
		name: "nexus_open_internal_dm", title: "Open a direct conversation", scope: rls.ScopeWrite, idempotent: true,
		description: "Finds your conversation with a member of the organization, or begins one.",
	}), func(ctx context.Context, c *call, in openDMIn) (out rowOut, err error) {
		if in.UserID == nil && in.UserEmail == nil {
			return out, &toolError{Code: "validation_failed", Message: "user_id or user_email must be given"}
		}
		return out, c.rpc(ctx, "open_internal_dm", in, &out.Row)
	})
}

type sendInternalIn struct {
	ConversationID string `json:"conversation_id" jsonschema:"the conversation" pattern:"^[0-9a-fA-F-]{36}$"`
	Content        string `json:"content" jsonschema:"the text" min:"1" max:"20000"`
}

func sendInternal() *tool {
	return define(internal(tool{
		name: "nexus_send_internal_message", title: "Write to a colleague", scope: rls.ScopeWrite, description: "Writes in a conversation within the organization that you take part in.",
	}), func(ctx context.Context, c *call, in sendInternalIn) (out rowOut, err error) {
		rows, err := c.change(ctx, http.MethodPost, "internal_messages", nil, "", map[string]any{"conversation_id": in.ConversationID, "content": in.Content})
		if err == nil && len(rows) > 0 {
			out.Row = rows[0]
		}
		return out, err
	})
}
