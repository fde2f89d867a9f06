// Package shopify connects shops at Shopify: their webhooks make contacts, orders and left carts, and functions ask their Admin API
// (https://shopify.dev/docs/api/admin-rest). What a delivery changes is said in the database (migrations/app/00011_integrations.sql).
package shopify

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/app/seal"
	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/rls"
)

// kind is that of the integration's row.
const kind = "shopify"

// Options are what the functions work with.
type Options struct {
	Sessions *db.Sessions
	Box      *seal.Box
	// URL is where the Admin API of all shops is; empty is https:// and each shop's domain.
	URL    string
	Client *http.Client
}

type service struct {
	Options
}

// Functions are those of Shopify.
func Functions(o Options) []*functions.Function {
	s := &service{Options: o}
	return []*functions.Function{
		s.configure(), s.webhook("shopify-webhook"), s.webhook("shopify-webhook-public"), s.orders(), s.abandoned(), s.update(), s.fulfill(),
		s.customer(), s.customerByID(),
	}
}

// account is what is kept sealed of a shop.
type account struct {
	Domain      string `json:"domain"`
	AccessToken string `json:"access_token"`
	// WebhookSecret signs the shop's deliveries: the app's client secret.
	WebhookSecret string `json:"webhook_secret"`
}

func purpose(organization string) string { return "integration " + organization + " " + kind }

// shop is a domain of Shopify's, and of nobody else's: the server sends tokens there.
var shop = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*\.myshopify\.com$`)

type configureRequest struct {
	ShopDomain    string `json:"shop_domain" jsonschema:"the shop, such as example.myshopify.com" pattern:"^[a-z0-9][a-z0-9-]*\\.myshopify\\.com$"`
	AccessToken   string `json:"access_token" jsonschema:"the token for the shop's Admin API; it is kept encrypted" min:"1" max:"1000"`
	WebhookSecret string `json:"webhook_secret" jsonschema:"what the shop signs its deliveries with; it is kept encrypted" min:"1" max:"1000"`
}

type configureResponse struct {
	ID         string `json:"id" jsonschema:"the row of integrations"`
	ShopDomain string `json:"shop_domain" jsonschema:"the shop"`
}

func (s *service) configure() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "shopify-connect", Tag: "Integrations", Summary: "Connect a shop at Shopify",
		Description: "A shop belongs to one organization (409 `conflict`). Have it deliver orders/create, orders/updated, orders/cancelled, customers/create, " +
			"customers/update, checkouts/create and checkouts/update to `shopify-webhook`.",
		Access: functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
		Example: `{"shop_domain": "example.myshopify.com", "access_token": "shpat_0", "webhook_secret": "shpss_0"}`,
	}, func(ctx context.Context, c *functions.Call, r configureRequest) (out configureResponse, err error) {
		out.ShopDomain = r.ShopDomain
		text, err := json.Marshal(account{Domain: r.ShopDomain, AccessToken: r.AccessToken, WebhookSecret: r.WebhookSecret}) //nolint:gosec // it is sealed before it goes anywhere
		if err != nil {
			return out, err
		}
		err = c.QueryRow(ctx, "select nexus_app.configure_integration($1, null, $2, null, $3)",
			[]any{kind, s.Box.Seal(text, purpose(c.OrganizationID())), r.ShopDomain}, &out.ID)
		return out, err
	})
}

// open reads the account of an organization, or that of a shop if the organization is not known yet; nil if there is none.
func (s *service) open(ctx context.Context, organization *string, domain string) (*account, string, error) {
	var tenant *string
	var sealed []byte
	err := s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select organization::text, sealed from nexus_app.integration($1, $2, $3)", kind, organization, domain).Scan(&tenant, &sealed)
	})
	if err != nil || tenant == nil || sealed == nil {
		return nil, "", err
	}
	text, err := s.Box.Open(sealed, purpose(*tenant))
	if err != nil {
		return nil, "", err
	}
	var a account
	return &a, *tenant, json.Unmarshal(text, &a)
}

// requestTimeout bounds what is asked of a shop.
const requestTimeout = 20 * time.Second
