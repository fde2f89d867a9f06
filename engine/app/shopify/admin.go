package shopify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// apiPath is the version of the Admin API that is spoken.
const apiPath = "/admin/api/2025-01/"

// answerLimit is how much of an answer is read, in bytes.
const answerLimit = 8 << 20

// ask sends a request to the shop of the caller's organization and reads the answer into out.
func (s *service) ask(ctx context.Context, c *functions.Call, method, path string, query url.Values, body, out any) error {
	organization := c.OrganizationID()
	a, _, err := s.open(ctx, &organization, "")
	if err != nil {
		return err
	}
	if a == nil || !shop.MatchString(a.Domain) {
		return functions.NotConfigured(kind, "shop_domain (shopify-connect)")
	}
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, cmp.Or(s.URL, "https://"+a.Domain)+apiPath+path+"?"+query.Encode(), content)
	if err != nil {
		return err
	}
	r.Header.Set("X-Shopify-Access-Token", a.AccessToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.Client.Do(r)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return unavailable(err)
	}
	return understand(answer, text, out)
}

func unavailable(cause error) error {
	return &functions.Error{Status: http.StatusBadGateway, Code: "shopify_unavailable", Message: "Shopify cannot be reached", RetryAfter: time.Minute, Cause: cause}
}

// understand reads an answer; what Shopify refuses is told without what it may say of the token.
func understand(answer *http.Response, text []byte, out any) error {
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return functions.Errorf(http.StatusConflict, "shopify_refused", "Shopify does not accept the access token; connect the shop again")
	case answer.StatusCode == http.StatusNotFound:
		return functions.Errorf(http.StatusNotFound, "not_found", "The shop has no such thing")
	case answer.StatusCode == http.StatusTooManyRequests:
		wait, _ := strconv.ParseFloat(answer.Header.Get("Retry-After"), 64)
		return &functions.Error{
			Status: http.StatusServiceUnavailable, Code: "shopify_busy", Message: "Shopify allows no more calls at the moment",
			RetryAfter: time.Duration(max(wait, 1) * float64(time.Second)),
		}
	case answer.StatusCode >= http.StatusInternalServerError:
		return unavailable(fmt.Errorf("shopify answers with status %d", answer.StatusCode))
	case answer.StatusCode >= http.StatusBadRequest:
		return functions.Errorf(http.StatusConflict, "shopify_refused", "Shopify refused the request")
	}
	if err := json.Unmarshal(text, out); err != nil {
		return unavailable(err)
	}
	return nil
}

// objects are Shopify's own words, passed on.
type objects struct {
	Data []map[string]any `json:"data" jsonschema:"what Shopify has, in its words"`
}

type listRequest struct {
	Limit  int     `json:"limit,omitempty" jsonschema:"how many at most; 50 if it is not given" min:"1" max:"250"`
	Status *string `json:"status,omitempty" jsonschema:"only those of a status; any if it is not given" enum:"open,closed,cancelled,any"`
}

func (r *listRequest) query() url.Values {
	q := url.Values{"limit": {"50"}, "status": {"any"}}
	if r.Limit > 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	if r.Status != nil {
		q.Set("status", *r.Status)
	}
	return q
}

const notConnected = "Without a shop that is connected it is refused (409 `integration_not_configured`)."

func (s *service) orders() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "shopify-orders", Method: http.MethodGet, Tag: "Integrations", Summary: "List the shop's orders", Description: notConnected,
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r listRequest) (out objects, err error) {
		var answer struct {
			Orders []map[string]any `json:"orders"`
		}
		err = s.ask(ctx, c, http.MethodGet, "orders.json", r.query(), nil, &answer)
		out.Data = answer.Orders
		return out, err
	})
}

func (s *service) abandoned() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "shopify-abandoned", Method: http.MethodGet, Tag: "Integrations", Summary: "List carts that were left", Description: notConnected,
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r listRequest) (out objects, err error) {
		var answer struct {
			Checkouts []map[string]any `json:"checkouts"`
		}
		err = s.ask(ctx, c, http.MethodGet, "checkouts.json", r.query(), nil, &answer)
		out.Data = answer.Checkouts
		return out, err
	})
}

type object struct {
	Data map[string]any `json:"data" jsonschema:"what Shopify has, in its words"`
}

type orderRequest struct {
	OrderID uuid.UUID `json:"order_id" jsonschema:"the order; it must have come from Shopify"`
	Note    *string   `json:"note,omitempty" jsonschema:"the note of the order" max:"5000"`
	Tags    *string   `json:"tags,omitempty" jsonschema:"the tags of the order, separated by commas" max:"5000"`
}

// shopifyID is what Shopify calls an order.
func shopifyID(ctx context.Context, c *functions.Call, order uuid.UUID) (string, error) {
	var id *string
	err := c.QueryRow(ctx, "select (select shopify_order_id from public.orders where id = $1)", []any{order}, &id)
	if err == nil && id == nil {
		err = functions.Errorf(http.StatusNotFound, "not_found", "There is no order of Shopify with this id")
	}
	if err != nil {
		return "", err
	}
	return url.PathEscape(*id), nil
}

func (s *service) update() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "shopify-order-update", Tag: "Integrations", Summary: "Change an order at Shopify", Description: notConnected,
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000", "note": "Gift"}`,
	}, func(ctx context.Context, c *functions.Call, r orderRequest) (out object, err error) {
		id, err := shopifyID(ctx, c, r.OrderID)
		if err != nil {
			return out, err
		}
		change := map[string]any{"id": id}
		if r.Note != nil {
			change["note"] = *r.Note
		}
		if r.Tags != nil {
			change["tags"] = *r.Tags
		}
		var answer struct {
			Order map[string]any `json:"order"`
		}
		err = s.ask(ctx, c, http.MethodPut, "orders/"+id+".json", nil, map[string]any{"order": change}, &answer)
		out.Data = answer.Order
		return out, err
	})
}

type fulfillRequest struct {
	OrderID uuid.UUID `json:"order_id" jsonschema:"the order; it must have come from Shopify"`
	Notify  bool      `json:"notify_customer,omitempty" jsonschema:"whether Shopify tells the customer"`
}

func (s *service) fulfill() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "shopify-fulfill", Tag: "Integrations", Summary: "Tell Shopify that an order is on its way",
		Description: "With the number of the order's consignment, if it has one. " + notConnected,
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r fulfillRequest) (out object, err error) {
		id, err := shopifyID(ctx, c, r.OrderID)
		if err != nil {
			return out, err
		}
		var parts struct {
			FulfillmentOrders []struct {
				ID     json.Number `json:"id"`
				Status string      `json:"status"`
			} `json:"fulfillment_orders"`
		}
		if err := s.ask(ctx, c, http.MethodGet, "orders/"+id+"/fulfillment_orders.json", nil, nil, &parts); err != nil {
			return out, err
		}
		var open []map[string]any
		for _, part := range parts.FulfillmentOrders {
			if part.Status == "open" || part.Status == "in_progress" {
				open = append(open, map[string]any{"fulfillment_order_id": part.ID})
			}
		}
		if len(open) == 0 {
			return out, functions.Errorf(http.StatusConflict, "nothing_to_fulfill", "Shopify has nothing left to fulfill of this order")
		}
		fulfillment := map[string]any{"line_items_by_fulfillment_order": open, "notify_customer": r.Notify}
		if tracking, err := consignment(ctx, c, r.OrderID); err != nil {
			return out, err
		} else if tracking != nil {
			fulfillment["tracking_info"] = tracking
		}
		var answer struct {
			Fulfillment map[string]any `json:"fulfillment"`
		}
		err = s.ask(ctx, c, http.MethodPost, "fulfillments.json", nil, map[string]any{"fulfillment": fulfillment}, &answer)
		out.Data = answer.Fulfillment
		return out, err
	})
}

// consignment is what Shopify is told of an order's parcel, nil if there is none.
func consignment(ctx context.Context, c *functions.Call, order uuid.UUID) (map[string]any, error) {
	var tracking map[string]any
	err := c.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select coalesce(courier_tracking_number, awb_number), courier_name from public.awbs
			where order_id = $1 and status not in ('returned', 'failed') limit 1`, order)
		if err != nil {
			return err
		}
		var number, company string
		_, err = pgx.ForEachRow(rows, []any{&number, &company}, func() error {
			tracking = map[string]any{"number": number, "company": company}
			return nil
		})
		return err
	})
	return tracking, err
}

type customerRequest struct {
	Email *string `json:"email,omitempty" jsonschema:"the address" max:"254"`
	Phone *string `json:"phone,omitempty" jsonschema:"the number, in E.164" max:"50"`
}

func (s *service) customer() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "fetch-shopify-customer", Tag: "Integrations", Summary: "Find customers at Shopify by address or number", Description: notConnected,
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
		Example: `{"email": "mona@example.com"}`,
	}, func(ctx context.Context, c *functions.Call, r customerRequest) (out objects, err error) {
		var query string
		switch {
		case r.Email != nil:
			query = "email:" + strconv.Quote(*r.Email)
		case r.Phone != nil:
			query = "phone:" + strconv.Quote(*r.Phone)
		default:
			return out, functions.Invalid("email", "or phone must be given")
		}
		var answer struct {
			Customers []map[string]any `json:"customers"`
		}
		err = s.ask(ctx, c, http.MethodGet, "customers/search.json", url.Values{"query": {query}}, nil, &answer)
		out.Data = answer.Customers
		return out, err
	})
}

type customerByIDRequest struct {
	CustomerID string `json:"customer_id" jsonschema:"Shopify's id of the customer" pattern:"^[0-9]{1,30}$"`
}

func (s *service) customerByID() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "fetch-shopify-customer-by-id", Tag: "Integrations", Summary: "Read a customer at Shopify", Description: notConnected,
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
		Example: `{"customer_id": "1"}`,
	}, func(ctx context.Context, c *functions.Call, r customerByIDRequest) (out object, err error) {
		var answer struct {
			Customer map[string]any `json:"customer"`
		}
		err = s.ask(ctx, c, http.MethodGet, "customers/"+r.CustomerID+".json", nil, nil, &answer)
		out.Data = answer.Customer
		return out, err
	})
}
