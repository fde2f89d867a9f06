package messages

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

type cartsRequest struct {
	TemplateName string `json:"template_name" jsonschema:"the template to send; its body gets the contact's name and where the cart is" min:"1" max:"512"`
	Language     string `json:"language,omitempty" jsonschema:"the template's language; en_US if it is not given" pattern:"^[a-z]{2,3}(_[A-Za-z]{2,4})?$"`
	IdleMinutes  int    `json:"idle_minutes,omitempty" jsonschema:"how long a cart must have been left; 60 if it is not given" min:"1" max:"43200"`
}

type cartsResponse struct {
	Sent   int `json:"sent" jsonschema:"how many contacts are reminded"`
	Failed int `json:"failed" jsonschema:"how many could not be; they are tried again the next time"`
}

// maxCarts is how many contacts a call reminds at most.
const maxCarts = 100

// remindCarts writes to contacts who left their cart, once each.
func (s *service) remindCarts() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "abandoned-carts-scan-send", Tag: "Automation", Summary: "Remind contacts of carts that they left",
		Description: "Sends a template on WhatsApp for carts in `shopify_abandoned_checkouts` that were left for a while, did not become an order, and were " +
			"not reminded of; at most 100 a call. Needs a number at WhatsApp (409 `integration_not_configured`).",
		Access: functions.Bearer(rls.ScopeWrite, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Bulk,
		Example: `{"template_name": "cart_reminder", "language": "en_US"}`,
	}, func(ctx context.Context, c *functions.Call, r cartsRequest) (out cartsResponse, err error) {
		if _, err := s.account(ctx, c, whatsapp, nil); err != nil {
			return out, err
		}
		if r.Language == "" {
			r.Language = "en_US"
		}
		if r.IdleMinutes == 0 {
			r.IdleMinutes = 60
		}
		carts, err := claimCarts(ctx, c, r.IdleMinutes)
		if err != nil {
			return out, err
		}
		for _, cart := range carts {
			if err := s.remind(ctx, c, &r, &cart); err != nil {
				s.Logger.LogAttrs(ctx, slog.LevelWarn, "a contact was not reminded of a cart", slog.String("cart", cart.ID.String()), slog.String("error", err.Error()))
				out.Failed++
				continue
			}
			out.Sent++
		}
		return out, nil
	})
}

type cart struct {
	ID     uuid.UUID
	Phone  string
	Name   string
	Return string
}

// claimCarts takes carts for this call, so that two calls at once do not write twice.
func claimCarts(ctx context.Context, c *functions.Call, minutes int) (carts []cart, err error) {
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update public.shopify_abandoned_checkouts a set notified_at = now()
			from (
				select x.id, coalesce(x.phone_number, p.phone_number) as phone, coalesce(p.first_name, '') as name
				from public.shopify_abandoned_checkouts x left join public.customers p on p.id = x.customer_id
				where x.organization_id = auth.organization_id() and x.notified_at is null and x.recovered_at is null
					and x.abandoned_at < now() - make_interval(mins => $1) and coalesce(x.phone_number, p.phone_number) is not null
				order by x.abandoned_at limit $2 for update of x skip locked
			) s
			where a.id = s.id
			returning a.id, s.phone, s.name, coalesce(a.recovery_url, '')`, minutes, maxCarts)
		if err != nil {
			return err
		}
		carts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[cart])
		return err
	})
	return carts, err
}

// remind writes to a contact. A cart whose reminder is refused is given back.
func (s *service) remind(ctx context.Context, c *functions.Call, r *cartsRequest, one *cart) error {
	number := international(one.Phone)
	err := refusePhone("phone_number")
	if number != nil {
		m := &outgoing{Kind: "template", Template: &r.TemplateName, TemplateLanguage: &r.Language, Payload: map[string]any{
			"components": []any{map[string]any{"type": "body", "parameters": []any{
				map[string]any{"type": "text", "text": one.Name}, map[string]any{"type": "text", "text": one.Return},
			}}},
		}}
		_, err = s.insertTo(ctx, c, whatsapp, (*number)[1:], nil, nil, m)
	}
	if err == nil {
		return nil
	}
	giveBack := c.Tx(context.WithoutCancel(ctx), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update public.shopify_abandoned_checkouts set notified_at = null where id = $1", one.ID)
		return err
	})
	if giveBack != nil {
		s.Logger.LogAttrs(ctx, slog.LevelError, "a cart was not given back", slog.String("cart", one.ID.String()), slog.String("error", giveBack.Error()))
	}
	return err
}
