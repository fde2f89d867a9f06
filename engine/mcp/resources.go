package mcp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"nexus/schema"
)

// described are the resources that describe several tables at once.
var described = []struct {
	uri, title string
	tables     []string
}{
	{"nexus://schema/contacts", "Contacts", []string{"customers", "customer_journey_stages", "lead_sources", "labels", "customer_labels", "segments", "customer_touchpoints"}},
	{"nexus://schema/orders", "Orders", []string{"orders", "order_items", "order_events", "pick_lists", "packing_slips", "awbs"}},
	{"nexus://schema/inventory", "Inventory", []string{"items", "warehouses", "warehouse_bins", "stock_balances", "stock_movements", "low_stock_items", "purchase_orders", "po_items", "suppliers"}},
	{"nexus://schema/social", "Social posts", []string{"social_accounts", "social_posts", "social_post_media", "social_post_metrics_daily", "content_calendar"}},
	{"nexus://schema/conversation-intelligence", "Conversation intelligence", []string{"ai_tag_definitions", "ai_message_annotations", "cs_annotations", "org_ai_prompts", "org_ai_profile", "ai_insights"}},
}

const (
	organizationURI = "nexus://organization/info"
	tablePrefix     = "nexus://table/"
)

// addResources adds what can be read about the database: the organization, groups of tables, and each table.
func (h *Handler) addResources(s *sdk.Server, r *http.Request, snapshot *schema.Snapshot) {
	if snapshot.Table(h.ident("organizations")) != nil {
		s.AddResource(&sdk.Resource{URI: organizationURI, Name: "organization", Title: "Organization", MIMEType: jsonType, Description: "The organization of your token and its plan"},
			h.read(r, snapshot, func(ctx context.Context, c *call) (any, error) {
				if c.identity.Caller.OrganizationID == "" {
					return nil, &toolError{Code: "organization_required", Message: "The token is for no organization"}
				}
				return c.one(ctx, "organizations", url.Values{"id": {"eq." + c.identity.Caller.OrganizationID}, "select": {"*"}}, "organization")
			}))
	}
	for _, d := range described {
		if snapshot.Table(h.ident(d.tables[0])) == nil {
			continue
		}
		s.AddResource(&sdk.Resource{URI: d.uri, Name: strings.TrimPrefix(d.uri, "nexus://"), Title: d.title, MIMEType: jsonType, Description: "Columns and relations of the tables of " + strings.ToLower(d.title)},
			h.read(r, snapshot, func(_ context.Context, c *call) (any, error) {
				tables := []describeOut{}
				for _, name := range d.tables {
					if c.snapshot.Table(h.ident(name)) != nil {
						one, err := c.describe(name)
						if err != nil {
							return nil, err
						}
						tables = append(tables, one)
					}
				}
				return map[string]any{"tables": tables}, nil
			}))
	}
	var names []string
	for id := range snapshot.Tables {
		if id.Schema == h.Schemas[0] {
			names = append(names, id.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.AddResource(&sdk.Resource{
			URI: tablePrefix + url.PathEscape(name), Name: "table/" + name, Title: name, MIMEType: jsonType, Description: snapshot.Table(h.ident(name)).Description,
		}, h.read(r, snapshot, func(_ context.Context, c *call) (any, error) { return c.describe(name) }))
	}
}

const jsonType = "application/json"

// read makes the handler of a resource.
func (h *Handler) read(r *http.Request, snapshot *schema.Snapshot, get func(context.Context, *call) (any, error)) sdk.ResourceHandler {
	return func(ctx context.Context, request *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		value, err := get(ctx, &call{h: h, request: r, identity: identityOf(r.Context()), snapshot: snapshot})
		if err != nil {
			return nil, sdk.ResourceNotFoundError(request.Params.URI)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: request.Params.URI, MIMEType: jsonType, Text: string(text)}}}, nil
	}
}
