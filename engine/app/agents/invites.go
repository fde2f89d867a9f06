package agents

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/engine/mail"
	"nexus/rls"
)

// inviteRow is an invite without its token.
type inviteRow struct {
	ID         string     `json:"id" jsonschema:"the invite"`
	Email      string     `json:"email" jsonschema:"who is invited"`
	Role       string     `json:"role" jsonschema:"the role that they will have"`
	Status     string     `json:"status" jsonschema:"pending, accepted, cancelled or expired"`
	InvitedBy  *string    `json:"invited_by" jsonschema:"the person or agent who invited"`
	SentAt     time.Time  `json:"sent_at" jsonschema:"when the mail was last sent"`
	SendCount  int        `json:"send_count" jsonschema:"how often it was sent"`
	ExpiresAt  time.Time  `json:"expires_at" jsonschema:"until when it can be accepted"`
	AcceptedAt *time.Time `json:"accepted_at" jsonschema:"when it was accepted"`
	CreatedAt  time.Time  `json:"created_at" jsonschema:"when it was made"`
}

// inviteColumns shows invites as what they are now: one that nobody accepted in time has expired, whether that was noted or not.
const inviteColumns = `i.id, i.email, i.role::text,
	case when i.status = 'pending' and i.expires_at <= now() then 'expired' else i.status::text end,
	i.invited_by, i.sent_at, i.send_count, i.expires_at, i.accepted_at, i.created_at`

type inviteRequest struct {
	functions.Paging
	Action   string     `json:"action,omitempty" jsonschema:"what to do; invite if it is not given" enum:"invite,cancel,resend,list"`
	Email    *string    `json:"email,omitempty" jsonschema:"whom to invite" format:"email" max:"254"`
	Role     *string    `json:"role,omitempty" jsonschema:"the role that they will have; member if it is not given" enum:"admin,member"`
	InviteID *uuid.UUID `json:"invite_id,omitempty" jsonschema:"the invite to cancel or to send again"`
	Status   *string    `json:"status,omitempty" jsonschema:"which invites to list" enum:"pending,accepted,cancelled,expired"`
}

type inviteResponse struct {
	Invite  *inviteRow                 `json:"invite,omitempty" jsonschema:"the invite that was made, sent or cancelled"`
	Invites *functions.List[inviteRow] `json:"invites,omitempty" jsonschema:"the invites of a list"`
}

const inviteText = "The actions are `invite` (needs `email`), `resend` and `cancel` (need `invite_id`) and `list`. An invite can be " +
	"accepted for seven days, by a user who has confirmed its address; sending it again makes the link before void."

func (s *service) invite() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "invite", Tag: "Auth", Summary: "Invite somebody to the organization",
		Description: inviteText, Access: functions.Members(rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
		Example: `{"action": "invite", "email": "ann@example.com", "role": "member"}`,
	}, s.doInvite)
}

func (s *service) agentInvite() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-invite", Tag: "Agents", Summary: "Invite somebody to the agent's organization",
		Description: inviteText + " Listing needs the scope `read`, the others `write`; inviting admins needs `admin`.",
		Access:      functions.Agents(rls.ScopeRead), Tier: functions.Standard,
		Example: `{"action": "list"}`,
	}, func(ctx context.Context, c *functions.Call, r inviteRequest) (inviteResponse, error) {
		if r.Action != "list" && !c.Identity.Caller.Allows(rls.ScopeWrite) {
			return inviteResponse{}, functions.InsufficientScope(rls.ScopeWrite)
		}
		return s.doInvite(ctx, c, r)
	})
}

func (s *service) doInvite(ctx context.Context, c *functions.Call, r inviteRequest) (inviteResponse, error) {
	switch {
	case r.Action == "list":
		return s.listInvites(ctx, c, r)
	case r.Action == "cancel" || r.Action == "resend":
		if r.InviteID == nil {
			return inviteResponse{}, functions.Invalid("invite_id", "is missing")
		}
	case r.Email == nil:
		return inviteResponse{}, functions.Invalid("email", "is missing")
	}
	if r.Action == "cancel" {
		return s.changeInvite(ctx, c, "", "nexus_app.cancel_invite($1)", *r.InviteID)
	}
	token, expires := randomText(keyRandom), s.Now().Add(inviteLife)
	if r.Action == "resend" {
		return s.changeInvite(ctx, c, token, "nexus_app.renew_invite($1, $2, $3)", *r.InviteID, hashToken(token), expires)
	}
	email, err := mail.ValidAddress(*r.Email)
	if err != nil {
		return inviteResponse{}, functions.Invalid("email", "is no valid address")
	}
	role := rls.RoleMember
	if r.Role != nil {
		role = *r.Role
	}
	return s.changeInvite(ctx, c, token, "nexus_app.create_invite($1, $2::text::public.org_role, $3, $4)", email, role, hashToken(token), expires)
}

// changeInvite runs a function that returns an invite, and sends the mail if there is a token to send. The mail goes out before
// the transaction ends, so that an invite of which nobody was told does not stay.
func (s *service) changeInvite(ctx context.Context, c *functions.Call, token, call string, args ...any) (inviteResponse, error) {
	var row inviteRow
	err := c.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select "+inviteColumns+" from "+call+" as i", args...)
		if err != nil {
			return err
		}
		if row, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[inviteRow]); err != nil || token == "" {
			return err
		}
		var name string
		if err := tx.QueryRow(ctx, "select name from public.organizations where id = auth.organization_id()").Scan(&name); err != nil {
			return err
		}
		return s.sendInvite(ctx, row.Email, row.Role, name, token, row.ExpiresAt)
	})
	if err != nil {
		return inviteResponse{}, err
	}
	return inviteResponse{Invite: &row}, nil
}

func (s *service) sendInvite(ctx context.Context, email, role, organization, token string, expires time.Time) error {
	link := strings.TrimRight(s.SiteURL, "/") + "/accept-invite?" + url.Values{"token": {token}}.Encode()
	message, err := s.Templates.Render(mail.OrganizationInvite, email, &mail.Data{
		ConfirmationURL: link, Token: token, SiteURL: s.SiteURL, Email: email,
		Data: map[string]any{"organization": organization, "role": role, "expires": expires.UTC().Format(time.DateOnly)},
	})
	if err != nil {
		return err
	}
	if err := s.Mailer.Send(ctx, message); err != nil {
		return &functions.Error{
			Status: http.StatusServiceUnavailable, Code: "mail_not_sent", Message: "The mail could not be sent, so nobody was invited",
			RetryAfter: time.Minute, Cause: err,
		}
	}
	return nil
}

func (s *service) listInvites(ctx context.Context, c *functions.Call, r inviteRequest) (inviteResponse, error) {
	var list functions.List[inviteRow]
	err := c.Tx(ctx, func(tx pgx.Tx) error {
		const from = ` from public.organization_invites i
			where i.organization_id = auth.organization_id() and ($1::text is null
				or $1 = case when i.status = 'pending' and i.expires_at <= now() then 'expired' else i.status::text end)`
		var total int
		if err := tx.QueryRow(ctx, "select count(*)"+from, r.Status).Scan(&total); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "select "+inviteColumns+from+" order by i.created_at desc, i.id limit $2 offset $3", r.Status, r.Limit(), r.Offset())
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[inviteRow])
		list = functions.NewList(r.Paging, all, total)
		return err
	})
	return inviteResponse{Invites: &list}, err
}

type acceptRequest struct {
	Token string `json:"token" jsonschema:"the token from the mail" min:"16" max:"256"`
}

type acceptResponse struct {
	OrganizationID string `json:"organization_id" jsonschema:"the organization that the caller has joined"`
	Role           string `json:"role" jsonschema:"what the caller may do in it"`
	Message        string `json:"message" jsonschema:"says to refresh the session"`
}

func (s *service) acceptInvite() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "invite-accept", Tag: "Auth", Summary: "Accept an invite",
		Description: "The caller must have confirmed the address that was invited. The organization becomes their current one. " + refreshSession,
		Access:      functions.SignedIn(), Tier: functions.Standard,
		Example: `{"token": "000000000000000000000000000000000000000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r acceptRequest) (out acceptResponse, err error) {
		out.Message = refreshSession
		err = c.QueryRow(ctx, "select organization_id, role::text from nexus_app.accept_invite($1)", []any{hashToken(r.Token)},
			&out.OrganizationID, &out.Role)
		if err == nil {
			s.Logger.LogAttrs(ctx, slog.LevelInfo, "an invite was accepted", slog.String("organization", out.OrganizationID))
		}
		return out, err
	})
}
