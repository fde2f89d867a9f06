// Package shipping has the functions of consignments: handing orders to couriers, printing labels, and taking couriers' reports. What a
// consignment does to its order is said in the database (migrations/app/00007_shipping.sql).
package shipping

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/print"
	"nexus/engine/app/seal"
	"nexus/engine/app/shipping/courier"
	"nexus/engine/functions"
	"nexus/rls"
)

// Names of the couriers.
const (
	builtin = "nexus"
	bosta   = "bosta"
)

// Options are what the functions work with.
type Options struct {
	Box *seal.Box
	// BostaURL is where Bosta's API is; courier.BostaURL if it is empty.
	BostaURL string
	// BaseURL is where the server is reached, for couriers' reports.
	BaseURL string
	Client  *http.Client
	Logger  *slog.Logger
}

type service struct {
	Options
}

// Functions are those of shipping.
func Functions(o Options) []*functions.Function {
	s := &service{Options: o}
	return []*functions.Function{s.create(), s.createBosta(), s.label(), s.tracking(), s.configure()}
}

// account is what a courier wants to know of an organization, kept sealed.
type account struct {
	APIKey string `json:"api_key"`
	// WebhookToken is what the courier sends with its reports.
	WebhookToken string `json:"webhook_token"`
}

func place(organization, name string) string { return "courier " + organization + " " + name }

// courier opens the caller's account with a courier.
func (s *service) courier(ctx context.Context, c *functions.Call, name string) (courier.Courier, error) {
	if name == builtin {
		return courier.Builtin{}, nil
	}
	var sealed []byte
	err := c.AsServer(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select nexus_app.courier_credentials($1, $2)", c.OrganizationID(), name).Scan(&sealed)
	})
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		return nil, functions.NotConfigured(name, "api_key (courier-configure)")
	}
	text, err := s.Box.Open(sealed, place(c.OrganizationID(), name))
	if err != nil {
		return nil, err
	}
	var a account
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, err
	}
	return &courier.Bosta{BaseURL: s.BostaURL, APIKey: a.APIKey, Client: s.Client, WebhookAuthorization: a.WebhookToken}, nil
}

// AWB is a row of awbs.
type AWB struct {
	ID             string     `json:"id" jsonschema:"the consignment"`
	AWBNumber      string     `json:"awb_number" jsonschema:"the number on the label"`
	CourierName    string     `json:"courier_name" jsonschema:"the courier"`
	TrackingNumber *string    `json:"courier_tracking_number" jsonschema:"the courier's own number"`
	Status         string     `json:"status" jsonschema:"created, picked_up, in_transit, delivered, returned or failed"`
	OrderID        *string    `json:"order_id" jsonschema:"the order, which is shipped now"`
	PickupDate     *time.Time `json:"pickup_date" jsonschema:"when the courier fetches it"`
	ShippingCost   *float64   `json:"shipping_cost" jsonschema:"what the courier charges"`
	CODAmount      float64    `json:"cod_amount" jsonschema:"what the courier collects on delivery"`
	CreatedAt      time.Time  `json:"created_at" jsonschema:"when it was made"`
}

const awbColumns = `a.id, a.awb_number, a.courier_name, a.courier_tracking_number, a.status, a.order_id, a.pickup_date, a.shipping_cost::float8,
	a.cod_amount::float8, a.created_at`

type createRequest struct {
	OrderID    uuid.UUID `json:"order_id" jsonschema:"the order; it must be confirmed or being fulfilled, and becomes shipped"`
	Courier    string    `json:"courier,omitempty" jsonschema:"who carries it; nexus, the built-in courier, if it is not given" enum:"nexus,bosta"`
	PickupDate *string   `json:"pickup_date,omitempty" jsonschema:"when it can be fetched" format:"date"`
	CODAmount  *float64  `json:"cod_amount,omitempty" jsonschema:"what is collected on delivery; the unpaid part of an order with the payment method cod if it is not given" min:"0"`
}

func (s *service) create() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "create-awb", Tag: "Shipping", Summary: "Hand an order to a courier",
		Description: "Makes the air waybill, and the order is shipped: its stock is taken out. An order has one consignment that is not returned or failed " +
			"(409 `already_shipped`).",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000", "courier": "nexus"}`,
	}, s.ship)
}

type createBostaRequest struct {
	OrderID    uuid.UUID `json:"order_id" jsonschema:"the order; it must be confirmed or being fulfilled, and becomes shipped"`
	PickupDate *string   `json:"pickup_date,omitempty" jsonschema:"when it can be fetched" format:"date"`
}

func (s *service) createBosta() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "create-awb-bosta", Tag: "Shipping", Summary: "Hand an order to Bosta",
		Description: "As `create-awb` with the courier bosta. Without an account with Bosta it is refused (409 `integration_not_configured`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000", "pickup_date": "2099-12-31"}`,
	}, func(ctx context.Context, c *functions.Call, r createBostaRequest) (AWB, error) {
		return s.ship(ctx, c, createRequest{OrderID: r.OrderID, Courier: bosta, PickupDate: r.PickupDate})
	})
}

// ship asks the courier between two transactions, so that none waits for a third party. The second one looks again; what the courier
// has taken over by then in vain is taken back.
func (s *service) ship(ctx context.Context, c *functions.Call, r createRequest) (out AWB, err error) {
	name := cmp.Or(r.Courier, builtin)
	carrier, err := s.courier(ctx, c, name)
	if err != nil {
		return out, err
	}
	shipment, err := s.shipment(ctx, c, &r)
	if err != nil {
		return out, err
	}
	made, err := carrier.Create(ctx, shipment)
	if err != nil {
		return out, s.refused(name, err)
	}
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		to, err := json.Marshal(shipment.To)
		if err != nil {
			return err
		}
		var id uuid.UUID
		err = tx.QueryRow(ctx, "select nexus_app.add_awb($1, nullif($2, ''), $3, nullif($4, ''), $5, $6, $7, $8::jsonb)",
			r.OrderID, made.AWBNumber, name, made.TrackingNumber, pickup(&shipment), made.Cost, shipment.COD, string(to)).Scan(&id)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "select "+awbColumns+" from public.awbs a where a.id = $1", id)
		if err != nil {
			return err
		}
		out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[AWB])
		return err
	})
	if err != nil && made.TrackingNumber != "" {
		if cancelled := carrier.Cancel(context.WithoutCancel(ctx), made); cancelled != nil {
			s.Logger.LogAttrs(ctx, slog.LevelError, "a consignment stays with the courier though it was not booked",
				slog.String("courier", name), slog.String("tracking_number", made.TrackingNumber), slog.String("error", cancelled.Error()))
		}
	}
	return out, err
}

// pickup is when a parcel can be fetched, nil for at once.
func pickup(s *courier.Shipment) *time.Time {
	if s.Pickup.IsZero() {
		return nil
	}
	return &s.Pickup
}

func (s *service) refused(name string, err error) error {
	var refusal *courier.Refusal
	if !errors.As(err, &refusal) {
		return &functions.Error{
			Status: http.StatusBadGateway, Code: "courier_unavailable", Message: "The courier " + name + " cannot be reached; nothing was shipped",
			RetryAfter: time.Minute, Cause: err,
		}
	}
	return &functions.Error{
		Status: http.StatusConflict, Code: "courier_refused", Message: "The courier " + name + " refused the parcel: " + refusal.Message,
		Details: map[string]any{"courier": name}, Cause: err,
	}
}

// shipment reads what a courier must know of an order, and refuses one that is not to be shipped.
func (s *service) shipment(ctx context.Context, c *functions.Call, r *createRequest) (out courier.Shipment, err error) {
	out.Reference, out.WebhookURL = r.OrderID.String(), s.BaseURL+"/functions/v1/tracking-webhook"
	if r.PickupDate != nil {
		if out.Pickup, err = time.Parse(time.DateOnly, *r.PickupDate); err != nil {
			return out, functions.Invalid("pickup_date", "is no date")
		}
	}
	var address []byte
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select o.order_number, coalesce(o.shipping_address, c.address, '{}') || jsonb_strip_nulls(jsonb_build_object(
					'name', coalesce(o.shipping_address ->> 'name', nullif(concat_ws(' ', c.first_name, c.last_name), '')),
					'phone', coalesce(o.shipping_address ->> 'phone', c.phone_number))),
				coalesce(c.email, ''), g.name, coalesce(o.notes, ''),
				(select coalesce(sum(l.qty), 0)::integer from public.order_items l where l.order_id = o.id),
				(select coalesce(string_agg(l.qty || ' x ' || coalesce(l.name, l.sku), ', ' order by l.created_at), '') from public.order_items l where l.order_id = o.id),
				case when o.payment_method in ('cod', 'partial') then greatest(o.total_amount - o.paid_amount, 0) else 0 end::float8
			from nexus_app.prepare_awb($1) o
			left join public.customers c on c.id = o.customer_id
			join public.organizations g on g.id = o.organization_id`, r.OrderID).Scan(
			&out.OrderNumber, &address, &out.Email, &out.From.Name, &out.Notes, &out.Pieces, &out.Description, &out.COD)
	})
	if err != nil {
		return out, err
	}
	if r.CODAmount != nil {
		out.COD = *r.CODAmount
	}
	out.To, err = print.ParseAddress(address)
	return out, err
}

type configureRequest struct {
	Courier  string         `json:"courier" jsonschema:"the courier: nexus (the built-in one) or bosta" enum:"nexus,bosta"`
	APIKey   *string        `json:"api_key,omitempty" jsonschema:"the key for the courier's API; it is kept encrypted" min:"1" max:"1000"`
	Settings map[string]any `json:"settings,omitempty" jsonschema:"settings without secrets"`
}

type configureResponse struct {
	ID           string `json:"id" jsonschema:"the row of courier_accounts"`
	Courier      string `json:"courier" jsonschema:"the courier"`
	WebhookURL   string `json:"webhook_url" jsonschema:"where the courier's reports go"`
	WebhookToken string `json:"webhook_token" jsonschema:"what must come with them in the header Authorization; it is not shown again"`
}

func (s *service) configure() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "courier-configure", Tag: "Shipping", Summary: "Set up a courier",
		Description: "Sets the credentials, and makes a new token for the courier's reports (`tracking-webhook`); the one before is not accepted any more.",
		Access:      functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard, WithholdAnswer: true,
		Example: `{"courier": "nexus"}`,
	}, func(ctx context.Context, c *functions.Call, r configureRequest) (out configureResponse, err error) {
		if r.Courier != builtin && r.APIKey == nil {
			return out, functions.Invalid("api_key", "is missing")
		}
		out = configureResponse{Courier: r.Courier, WebhookURL: s.BaseURL + "/functions/v1/tracking-webhook", WebhookToken: newToken()}
		a := account{WebhookToken: out.WebhookToken}
		if r.APIKey != nil {
			a.APIKey = *r.APIKey
		}
		text, err := json.Marshal(a) //nolint:gosec // it is sealed before it goes anywhere
		if err != nil {
			return out, err
		}
		err = c.QueryRow(ctx, "select nexus_app.configure_courier($1, $2, $3, $4)",
			[]any{r.Courier, s.Box.Seal(text, place(c.OrganizationID(), r.Courier)), hash(out.WebhookToken), r.Settings}, &out.ID)
		return out, err
	})
}

// newToken makes a text of 43 capital letters and digits that cannot be guessed.
func newToken() string { return rand.Text() + rand.Text()[:17] }

// hash is what is kept of a token, which has too much entropy to be guessed.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// tokenOf reads the token of a report. Couriers let one set the header but not its form.
func tokenOf(r *http.Request) string {
	text := cmp.Or(r.Header.Get("Authorization"), r.Header.Get("X-Webhook-Token"))
	if kind, rest, ok := strings.Cut(text, " "); ok && strings.EqualFold(kind, "bearer") {
		return rest
	}
	return text
}
