package shopify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
)

// delivery is the body of a webhook, whatever its topic.
type delivery struct {
	ID any `json:"id" jsonschema:"Shopify's id of the order, customer or cart"`

	whole json.RawMessage
}

// UnmarshalJSON keeps the whole body, which the database reads.
func (d *delivery) UnmarshalJSON(text []byte) error {
	d.whole = append(json.RawMessage(nil), text...)
	return nil
}

type deliveryResponse struct {
	Taken bool `json:"taken" jsonschema:"whether it was new and of a topic that is known"`
}

// topics are what deliveries are about, and what takes them.
var topics = map[string]string{
	"orders/create": "take_shopify_order", "orders/updated": "take_shopify_order", "orders/cancelled": "take_shopify_order",
	"orders/paid": "take_shopify_order", "orders/fulfilled": "take_shopify_order",
	"customers/create": "take_shopify_customer", "customers/update": "take_shopify_customer",
	"checkouts/create": "take_shopify_checkout", "checkouts/update": "take_shopify_checkout",
}

func (s *service) webhook(name string) *functions.Function {
	return functions.Define(functions.Spec{
		Name: name, Tag: "Integrations", Summary: "Take a delivery of Shopify",
		Description: "Signed with X-Shopify-Hmac-Sha256, of the topic in X-Shopify-Topic, from the shop in X-Shopify-Shop-Domain " +
			"(https://shopify.dev/docs/apps/build/webhooks). Each is taken once, by its X-Shopify-Webhook-Id.",
		Access: functions.Webhook(s.verify), Tier: functions.WebhookTier, Lenient: true,
		Example: `{"id": 1}`,
	}, s.take)
}

var errSignature = errors.New("the signature is another one")

// verify checks who sent a delivery. A shop that is not connected is told the same as one that signs wrongly.
func (s *service) verify(r *http.Request, body []byte) error {
	a, _, err := s.open(r.Context(), nil, r.Header.Get("X-Shopify-Shop-Domain"))
	if err != nil {
		return &functions.Error{Status: http.StatusServiceUnavailable, Code: "service_unavailable", Message: "The delivery cannot be checked at the moment", Cause: err}
	}
	if a == nil {
		return errSignature
	}
	mac := hmac.New(sha256.New, []byte(a.WebhookSecret))
	mac.Write(body)
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Shopify-Hmac-Sha256"))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return errSignature
	}
	return nil
}

func (s *service) take(ctx context.Context, c *functions.Call, d delivery) (out deliveryResponse, err error) {
	header := c.Request.Header
	domain := header.Get("X-Shopify-Shop-Domain")
	taker, known := topics[header.Get("X-Shopify-Topic")]
	if !known {
		return out, nil // shops may be set up to deliver more than we know
	}
	_, organization, err := s.open(ctx, nil, domain)
	if err != nil || organization == "" {
		return out, err
	}
	err = c.AsServer(ctx, func(tx pgx.Tx) error {
		if id := header.Get("X-Shopify-Webhook-Id"); id != "" {
			if out.Taken, err = functions.FirstDelivery(ctx, tx, "shopify "+domain, id); err != nil || !out.Taken {
				return err
			}
		}
		out.Taken = true
		_, err := tx.Exec(ctx, "select nexus_app."+taker+"($1, $2::jsonb)", organization, string(d.whole))
		return err
	})
	return out, err
}
