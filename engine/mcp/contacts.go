package mcp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"nexus/rls"
)

// contactTools work with contacts, and find things of all kinds.
func contactTools() []*tool {
	return []*tool{listContacts(), getContact(), createContact(), updateContact(), search()}
}

// stageID finds a journey stage by its name.
func (c *call) stageID(ctx context.Context, name string) (any, error) {
	got, err := c.list(ctx, "customer_journey_stages", url.Values{"select": {"id"}, "name": {"eq." + name}}, &page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(got.Rows) == 0 {
		return nil, &toolError{Code: "validation_failed", Message: "There is no journey stage " + strconv.Quote(name), Hint: "Query customer_journey_stages for those that there are."}
	}
	return got.Rows[0]["id"], nil
}

type listContactsIn struct {
	Phone        string `json:"phone,omitempty" jsonschema:"the phone number in E.164" max:"50"`
	Email        string `json:"email,omitempty" jsonschema:"the e-mail address" max:"254"`
	JourneyStage string `json:"journey_stage,omitempty" jsonschema:"the name of a journey stage" max:"100"`
	Search       string `json:"search,omitempty" jsonschema:"parts of a name, address, number, company, tag or note; the best 200 are searched" max:"200"`
	page
}

func listContacts() *tool {
	return define(tool{
		name: "nexus_list_contacts", title: "List contacts", group: "contacts", scope: rls.ScopeRead, needs: []string{"customers"},
		description: "Lists contacts, the newest first, or those that a search finds.",
	}, func(ctx context.Context, c *call, in listContactsIn) (out rowsOut, err error) {
		query := url.Values{"select": {"*,customer_journey_stages(name)"}}
		if in.Phone != "" {
			query.Set("phone_number", "eq."+in.Phone)
		}
		if in.Email != "" {
			query.Set("email", "eq."+in.Email)
		}
		if in.JourneyStage != "" {
			id, err := c.stageID(ctx, in.JourneyStage)
			if err != nil {
				return out, err
			}
			query.Set("journey_stage_id", fmt.Sprintf("eq.%v", id))
		}
		if in.Search != "" {
			query.Set("query", in.Search)
			query.Set("most", "200")
			return c.list(ctx, "rpc/search_customers", query, &in.page)
		}
		query.Set("order", "created_at.desc,id")
		return c.list(ctx, "customers", query, &in.page)
	})
}

type contactIn struct {
	ContactID string `json:"contact_id" jsonschema:"the contact" pattern:"^[0-9a-fA-F-]{36}$"`
}

type contactOut struct {
	Contact      map[string]any   `json:"contact" jsonschema:"the contact"`
	RecentOrders []map[string]any `json:"recent_orders" jsonschema:"the contact's last ten orders"`
}

func getContact() *tool {
	return define(tool{
		name: "nexus_get_contact", title: "Get a contact", group: "contacts", scope: rls.ScopeRead, needs: []string{"customers", "orders"},
		description: "Reads a contact with stage, source, labels and the last ten orders.",
	}, func(ctx context.Context, c *call, in contactIn) (out contactOut, err error) {
		out.Contact, err = c.one(ctx, "customers", url.Values{"id": {"eq." + in.ContactID}, "select": {"*,customer_journey_stages(name),lead_sources(name),customer_labels(labels(name))"}}, "contact")
		if err != nil {
			return out, err
		}
		orders, err := c.list(ctx, "orders", url.Values{
			"customer_id": {"eq." + in.ContactID}, "order": {"created_at.desc,id"}, "select": {"id,order_number,order_status,total_amount,currency,created_at"},
		}, &page{Limit: 10})
		out.RecentOrders = orders.Rows
		return out, err
	})
}

type createContactIn struct {
	FirstName *string  `json:"first_name,omitempty" jsonschema:"the given name" max:"200"`
	LastName  *string  `json:"last_name,omitempty" jsonschema:"the family name" max:"200"`
	Email     *string  `json:"email,omitempty" jsonschema:"the e-mail address" max:"254"`
	Phone     *string  `json:"phone,omitempty" jsonschema:"the phone number" max:"50"`
	Company   *string  `json:"company,omitempty" jsonschema:"the company" max:"200"`
	Tags      []string `json:"tags,omitempty" jsonschema:"words by which contacts are grouped" max:"100"`
	Notes     *string  `json:"notes,omitempty" jsonschema:"notes" max:"20000"`
}

type createContactOut struct {
	Contact map[string]any `json:"contact" jsonschema:"the contact"`
	Created bool           `json:"created" jsonschema:"whether it is new; if not, it was there with this address or number"`
}

func createContact() *tool {
	return define(tool{
		name: "nexus_create_contact", title: "Create a contact", group: "contacts", scope: rls.ScopeWrite, idempotent: true, needs: []string{"customers"},
		description: "Creates a contact, or returns the one that has the address or number already.",
	}, func(ctx context.Context, c *call, in createContactIn) (out createContactOut, err error) {
		c.rows++
		return out, c.function(ctx, "contact-create", in, &out)
	})
}

type updateContactIn struct {
	ContactID    string    `json:"contact_id" jsonschema:"the contact" pattern:"^[0-9a-fA-F-]{36}$"`
	FirstName    *string   `json:"first_name,omitempty" jsonschema:"the given name" max:"200"`
	LastName     *string   `json:"last_name,omitempty" jsonschema:"the family name" max:"200"`
	Email        *string   `json:"email,omitempty" jsonschema:"the e-mail address" max:"254"`
	Phone        *string   `json:"phone,omitempty" jsonschema:"the phone number, in E.164" max:"50"`
	Company      *string   `json:"company,omitempty" jsonschema:"the company" max:"200"`
	Tags         *[]string `json:"tags,omitempty" jsonschema:"all tags that the contact has then"`
	Notes        *string   `json:"notes,omitempty" jsonschema:"notes" max:"20000"`
	JourneyStage *string   `json:"journey_stage,omitempty" jsonschema:"the name of a journey stage" max:"100"`
	NextFollowUp *string   `json:"next_follow_up,omitempty" jsonschema:"when somebody should get in touch (RFC 3339)"`
}

func updateContact() *tool {
	return define(tool{
		name: "nexus_update_contact", title: "Update a contact", group: "contacts", scope: rls.ScopeWrite, destructive: true, idempotent: true, needs: []string{"customers"},
		description: "Changes fields of a contact, its journey stage included. What is left out stays.",
	}, func(ctx context.Context, c *call, in updateContactIn) (out rowOut, err error) {
		values := given(map[string]*string{
			"first_name": in.FirstName, "last_name": in.LastName, "email": in.Email, "phone_number": in.Phone, "company": in.Company, "notes": in.Notes,
			"next_follow_up": in.NextFollowUp,
		})
		if in.Tags != nil {
			values["tags"] = *in.Tags
		}
		if in.JourneyStage != nil {
			if values["journey_stage_id"], err = c.stageID(ctx, *in.JourneyStage); err != nil {
				return out, err
			}
		}
		out.Row, err = c.updateOne(ctx, "customers", in.ContactID, values, "contact")
		return out, err
	})
}

// given are the fields that were given.
func given(fields map[string]*string) map[string]any {
	out := map[string]any{}
	for name, value := range fields {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

// updateOne changes the row of an id.
func (c *call) updateOne(ctx context.Context, table, id string, values map[string]any, what string) (map[string]any, error) {
	if len(values) == 0 {
		return nil, &toolError{Code: "validation_failed", Message: "There is nothing to change", Hint: "Name at least one field."}
	}
	rows, err := c.change(ctx, http.MethodPatch, table, url.Values{"id": {"eq." + id}}, "", values)
	if err == nil && len(rows) == 0 {
		err = &toolError{Code: "not_found", Message: "There is no " + what + " with this id that you may change", Hint: "Look for the right id first."}
	}
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

type searchIn struct {
	Query string `json:"query" jsonschema:"what to look for" min:"2" max:"200"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many of each kind at most; 10 if it is not given" min:"1" max:"50"`
}

type searchOut struct {
	Contacts  []map[string]any `json:"contacts" jsonschema:"contacts that were found"`
	Orders    []map[string]any `json:"orders" jsonschema:"orders whose number begins so"`
	Inventory []map[string]any `json:"inventory" jsonschema:"items that were found by name, SKU or barcode"`
}

func search() *tool {
	return define(tool{
		name: "nexus_search", title: "Search", group: "contacts", scope: rls.ScopeRead, needs: []string{"customers", "orders", "items"},
		description: "Looks for contacts, orders and items at once.",
	}, func(ctx context.Context, c *call, in searchIn) (out searchOut, err error) {
		if in.Limit == 0 {
			in.Limit = 10
		}
		p := &page{Limit: in.Limit}
		contacts, err := c.list(ctx, "rpc/search_customers", url.Values{"query": {in.Query}, "select": {"id,first_name,last_name,email,phone_number,company"}}, p)
		if err != nil {
			return out, err
		}
		orders, err := c.list(ctx, "orders", url.Values{
			"order_number": {"ilike." + in.Query + "*"}, "select": {"id,order_number,order_status,total_amount,currency,customer_id"}, "order": {"order_number"},
		}, p)
		if err != nil {
			return out, err
		}
		pattern, err := literal("in", []any{"*" + in.Query + "*"})
		if err != nil {
			return out, err
		}
		quoted := pattern[1 : len(pattern)-1]
		items, err := c.list(ctx, "items", url.Values{
			"or": {"(name.ilike." + quoted + ",sku.ilike." + quoted + ",item_no.ilike." + quoted + ",barcode.ilike." + quoted + ")"}, "select": {"id,name,sku,barcode,selling_price"}, "order": {"name,id"},
		}, p)
		out.Contacts, out.Orders, out.Inventory = contacts.Rows, orders.Rows, items.Rows
		return out, err
	})
}
