package messages

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

type sendTemplateRequest struct {
	PhoneNumber  string     `json:"phone_number" jsonschema:"the contact's number, with its country" min:"7" max:"40"`
	TemplateName string     `json:"template_name" jsonschema:"the template's name" min:"1" max:"512"`
	Language     string     `json:"language,omitempty" jsonschema:"the template's language; en_US if it is not given" pattern:"^[a-z]{2,3}(_[A-Za-z]{2,4})?$"`
	Components   []any      `json:"components,omitempty" jsonschema:"what is filled in, in the form of WhatsApp's API" max:"20"`
	Name         *string    `json:"name,omitempty" jsonschema:"the contact's name, for a new chat" max:"200"`
	AccountID    *uuid.UUID `json:"account_id,omitempty" jsonschema:"the number to send from; the oldest if it is not given"`
}

func (s *service) sendTemplate() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "whatsapp-send-template", Tag: "Messages", Summary: "Send a template on WhatsApp",
		Description: queuedText + "Templates reach contacts at any time, also such as never wrote; a chat is made for them.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusAccepted,
		Example: `{"phone_number": "+201001234567", "template_name": "order_shipped", "language": "en_US",
			"components": [{"type": "body", "parameters": [{"type": "text", "text": "1001"}]}]}`,
	}, func(ctx context.Context, c *functions.Call, r sendTemplateRequest) (out queued, err error) {
		number := international(r.PhoneNumber)
		if number == nil {
			return out, refusePhone("phone_number")
		}
		if r.Language == "" {
			r.Language = "en_US"
		}
		m := &outgoing{Kind: "template", Template: &r.TemplateName, TemplateLanguage: &r.Language}
		if len(r.Components) > 0 {
			m.Payload = map[string]any{"components": r.Components}
		}
		return s.insertTo(ctx, c, whatsapp, (*number)[1:], r.Name, r.AccountID, m)
	})
}

type template struct {
	ID         string          `json:"id" jsonschema:"Meta's id of the template"`
	Name       string          `json:"name" jsonschema:"its name"`
	Language   string          `json:"language" jsonschema:"its language"`
	Status     string          `json:"status" jsonschema:"whether it may be used: APPROVED, PENDING, REJECTED …"`
	Category   *string         `json:"category" jsonschema:"MARKETING, UTILITY or AUTHENTICATION"`
	Components json.RawMessage `json:"components" jsonschema:"its parts"`
	SyncedAt   time.Time       `json:"synced_at" jsonschema:"when it was fetched from Meta"`
}

type templatesRequest struct {
	functions.Paging
	AccountID *uuid.UUID `json:"account_id,omitempty" jsonschema:"the number; the oldest if it is not given"`
}

// fetchTemplates brings what is kept of templates up to date.
func (s *service) fetchTemplates() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "whatsapp-get-templates", Tag: "Messages", Summary: "Fetch the templates of a WhatsApp number from Meta",
		Description: "They are kept in `whatsapp_templates`, from which `whatsapp-templates` lists them without asking Meta.",
		Access:      functions.Bearer(rls.ScopeRead), Tier: functions.Bulk,
	}, func(ctx context.Context, c *functions.Call, r templatesRequest) (out functions.List[template], err error) {
		a, err := s.account(ctx, c, whatsapp, r.AccountID)
		if err != nil {
			return out, err
		}
		if a.BusinessID == "" {
			return out, functions.NotConfigured(whatsapp, "business_account_id (save-whatsapp-credentials)")
		}
		all, err := s.Graph.Templates(ctx, a.Secrets.Credentials, a.BusinessID)
		if err != nil {
			return out, fromGraph(err)
		}
		text, err := json.Marshal(all)
		if err != nil {
			return out, err
		}
		if all == nil {
			text = []byte("[]")
		}
		// Agents that may only read keep nothing themselves; the server does.
		err = c.AsServer(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "select nexus_app.save_templates($1, $2, $3)", c.OrganizationID(), a.ID, text)
			return err
		})
		if err != nil {
			return out, err
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = listTemplates(ctx, tx, r)
			return err
		})
		return out, err
	})
}

func (s *service) listTemplates() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "whatsapp-templates", Method: http.MethodGet, Tag: "Messages", Summary: "List the templates that are known",
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r templatesRequest) (out functions.List[template], err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = listTemplates(ctx, tx, r)
			return err
		})
		return out, err
	})
}

func listTemplates(ctx context.Context, tx pgx.Tx, r templatesRequest) (out functions.List[template], err error) {
	var total int
	const which = "from public.whatsapp_templates where $1::uuid is null or channel_account_id = $1"
	if err := tx.QueryRow(ctx, "select count(*) "+which, r.AccountID).Scan(&total); err != nil {
		return out, err
	}
	rows, err := tx.Query(ctx, "select external_id, name, language, status, category, components, synced_at "+which+
		" order by name, language, id limit $2 offset $3", r.AccountID, r.Limit(), r.Offset())
	if err != nil {
		return out, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[template])
	return functions.NewList(r.Paging, all, total), err
}
