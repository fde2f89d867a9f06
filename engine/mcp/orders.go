package mcp

import (
	"context"
	"net/url"

	"nexus/rls"
)

// orderTools work with orders.
func orderTools() []*tool {
	return []*tool{listOrders(), getOrder(), createOrder(), updateOrderStatus()}
}

// between adds a range of dates to a query.
func between(query url.Values, column, from, to string) {
	if from != "" {
		query.Add(column, "gte."+from)
	}
	if to != "" {
		query.Add(column, "lte."+to)
	}
}

type listOrdersIn struct {
	Status     string `json:"status,omitempty" jsonschema:"only orders that are so far" enum:"pending,confirmed,fulfilling,shipped,delivered,cancelled,returned"`
	CustomerID string `json:"customer_id,omitempty" jsonschema:"only orders of this contact" pattern:"^[0-9a-fA-F-]{36}$"`
	DateFrom   string `json:"date_from,omitempty" jsonschema:"only orders made at this time or later (RFC 3339)" max:"40"`
	DateTo     string `json:"date_to,omitempty" jsonschema:"only orders made at this time or before (RFC 3339)" max:"40"`
	page
}

func listOrders() *tool {
	return define(tool{
		name: "nexus_list_orders", title: "List orders", group: "orders", scope: rls.ScopeRead, needs: []string{"orders"},
		description: "Lists orders, the newest first.",
	}, func(ctx context.Context, c *call, in listOrdersIn) (rowsOut, error) {
		query := url.Values{"select": {"*,customers(first_name,last_name)"}, "order": {"created_at.desc,id"}}
		if in.Status != "" {
			query.Set("order_status", "eq."+in.Status)
		}
		if in.CustomerID != "" {
			query.Set("customer_id", "eq."+in.CustomerID)
		}
		between(query, "created_at", in.DateFrom, in.DateTo)
		return c.list(ctx, "orders", query, &in.page)
	})
}

type orderIn struct {
	OrderID string `json:"order_id" jsonschema:"the order" pattern:"^[0-9a-fA-F-]{36}$"`
}

type orderOut struct {
	Order    map[string]any   `json:"order" jsonschema:"the order, with contact, lines and consignments"`
	Timeline []map[string]any `json:"timeline" jsonschema:"what happened to it, from the first to the last"`
}

func getOrder() *tool {
	return define(tool{
		name: "nexus_get_order", title: "Get an order", group: "orders", scope: rls.ScopeRead, needs: []string{"orders", "order_events"},
		description: "Reads an order with its lines, its contact, its consignments and its timeline.",
	}, func(ctx context.Context, c *call, in orderIn) (out orderOut, err error) {
		out.Order, err = c.one(ctx, "orders", url.Values{
			"id": {"eq." + in.OrderID}, "select": {"*,customers(id,first_name,last_name,email,phone_number),order_items(*),awbs(awb_number,courier_name,status)"}, "order_items.order": {"created_at"},
		}, "order")
		if err != nil {
			return out, err
		}
		events, err := c.list(ctx, "order_events", url.Values{
			"order_id": {"eq." + in.OrderID}, "order": {"created_at"}, "select": {"event,from_status,to_status,details,created_at"},
		}, &page{Limit: maxRows})
		out.Timeline = events.Rows
		return out, err
	})
}

type orderLine struct {
	ItemID    *string  `json:"item_id,omitempty" jsonschema:"the item" pattern:"^[0-9a-fA-F-]{36}$"`
	SKU       *string  `json:"sku,omitempty" jsonschema:"the item's SKU, instead of its id" max:"100"`
	Name      *string  `json:"name,omitempty" jsonschema:"what is sold; the item's name if it is not given" max:"500"`
	Qty       int      `json:"qty" jsonschema:"how many pieces" min:"1" max:"1000000"`
	UnitPrice *float64 `json:"unit_price,omitempty" jsonschema:"what a piece costs; the item's price if it is not given" min:"0"`
}

type createOrderIn struct {
	CustomerID      *string        `json:"customer_id,omitempty" jsonschema:"who orders" pattern:"^[0-9a-fA-F-]{36}$"`
	Items           []orderLine    `json:"items" jsonschema:"the lines" min:"1" max:"500"`
	ShippingAddress map[string]any `json:"shipping_address,omitempty" jsonschema:"where it goes: name, phone, line1, line2, city, country"`
	Currency        *string        `json:"currency,omitempty" jsonschema:"the currency (ISO 4217)" pattern:"^[A-Z]{3}$"`
	Notes           *string        `json:"notes,omitempty" jsonschema:"notes" max:"20000"`
}

func createOrder() *tool {
	return define(tool{
		name: "nexus_create_order", title: "Create an order", group: "orders", scope: rls.ScopeWrite, needs: []string{"orders"},
		description: "Creates a pending order with its lines, or nothing. The database makes the total.",
	}, func(ctx context.Context, c *call, in createOrderIn) (out rowOut, err error) {
		c.rows++
		return out, c.function(ctx, "order-create", in, &out.Row)
	})
}

type orderStatusIn struct {
	OrderID string `json:"order_id" jsonschema:"the order" pattern:"^[0-9a-fA-F-]{36}$"`
	Status  string `json:"status" jsonschema:"what it becomes: pending → confirmed → fulfilling → shipped → delivered, cancelled until it is shipped, returned afterwards" enum:"confirmed,fulfilling,shipped,delivered,cancelled,returned"`
}

func updateOrderStatus() *tool {
	return define(tool{
		name: "nexus_update_order_status", title: "Move an order on", group: "orders", scope: rls.ScopeWrite, destructive: true, needs: []string{"orders"},
		description: "Confirming reserves stock, cancelling releases it, shipping takes it out, a return brings it back. Other moves are refused.",
	}, func(ctx context.Context, c *call, in orderStatusIn) (out rowOut, err error) {
		out.Row, err = c.updateOne(ctx, "orders", in.OrderID, map[string]any{"order_status": in.Status}, "order")
		return out, err
	})
}
