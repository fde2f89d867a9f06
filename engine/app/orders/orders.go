package orders

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// Functions are those of orders and fulfillment.
func Functions() []*functions.Function {
	return []*functions.Function{create(), startPicking(), scanItem(), completePick(), pack(), slip(), takeBack()}
}

// Order is a row of orders with its lines.
type Order struct {
	ID              string          `json:"id" jsonschema:"the order"`
	OrderNumber     string          `json:"order_number" jsonschema:"the number"`
	OrderStatus     string          `json:"order_status" jsonschema:"how far the order is"`
	CustomerID      *string         `json:"customer_id" jsonschema:"who ordered"`
	TotalAmount     float64         `json:"total_amount" jsonschema:"what the customer pays"`
	Currency        string          `json:"currency" jsonschema:"the currency of all amounts"`
	ShippingAddress json.RawMessage `json:"shipping_address" jsonschema:"where it goes"`
	Notes           *string         `json:"notes" jsonschema:"notes of the staff"`
	CreatedAt       time.Time       `json:"created_at" jsonschema:"when it was made"`
	Items           []Line          `json:"items" jsonschema:"the lines"`
}

// Line is a row of order_items.
type Line struct {
	ID          string  `json:"id" jsonschema:"the line"`
	ItemID      *string `json:"item_id" jsonschema:"the item; a line without one has no stock"`
	SKU         *string `json:"sku" jsonschema:"the SKU"`
	Name        *string `json:"name" jsonschema:"what is sold"`
	Qty         int     `json:"qty" jsonschema:"how many pieces"`
	UnitPrice   float64 `json:"unit_price" jsonschema:"what a piece costs"`
	ReturnedQty int     `json:"returned_qty" jsonschema:"how many pieces came back"`
}

// asJSON reads an order as the database writes it.
const asJSON = `
	select jsonb_build_object('id', o.id, 'order_number', o.order_number, 'order_status', o.order_status, 'customer_id', o.customer_id,
		'total_amount', o.total_amount, 'currency', o.currency, 'shipping_address', o.shipping_address, 'notes', o.notes, 'created_at', o.created_at,
		'items', coalesce((
			select jsonb_agg(jsonb_build_object('id', l.id, 'item_id', l.item_id, 'sku', l.sku, 'name', l.name, 'qty', l.qty,
				'unit_price', l.unit_price, 'returned_qty', l.returned_qty) order by l.created_at, l.id)
			from public.order_items l where l.order_id = o.id), '[]'))
	from public.orders o where o.id = $1`

// read returns an order that the caller sees.
func read(ctx context.Context, tx pgx.Tx, id uuid.UUID) (out Order, err error) {
	var text []byte
	err = tx.QueryRow(ctx, asJSON, id).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, functions.Errorf(http.StatusNotFound, "not_found", "There is no order with this id")
	}
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

type createLine struct {
	ItemID    *uuid.UUID `json:"item_id,omitempty" jsonschema:"the item"`
	SKU       *string    `json:"sku,omitempty" jsonschema:"the item's SKU or item number, instead of its id" max:"100"`
	Name      *string    `json:"name,omitempty" jsonschema:"what is sold; the item's name if it is not given" max:"500"`
	Qty       int        `json:"qty" jsonschema:"how many pieces" min:"1" max:"1000000"`
	UnitPrice *float64   `json:"unit_price,omitempty" jsonschema:"what a piece costs; the item's selling price if it is not given" min:"0"`
}

type createRequest struct {
	CustomerID      *uuid.UUID     `json:"customer_id,omitempty" jsonschema:"who orders"`
	Items           []createLine   `json:"items" jsonschema:"the lines" min:"1" max:"500"`
	ShippingAddress map[string]any `json:"shipping_address,omitempty" jsonschema:"where it goes: name, phone, line1, line2, city, country; the customer's address if it is not given"`
	Currency        *string        `json:"currency,omitempty" jsonschema:"the currency (ISO 4217); the organization's if it is not given" pattern:"^[A-Z]{3}$"`
	OrderNumber     *string        `json:"order_number,omitempty" jsonschema:"the number; the next one if it is not given" min:"1" max:"100"`
	PaymentMethod   *string        `json:"payment_method,omitempty" jsonschema:"cod (on delivery), prepaid or partial" enum:"cod,prepaid,partial"`
	ShippingAmount  float64        `json:"shipping_amount,omitempty" jsonschema:"what shipping costs the customer" min:"0"`
	DiscountAmount  float64        `json:"discount_amount,omitempty" jsonschema:"what is taken off" min:"0"`
	Notes           *string        `json:"notes,omitempty" jsonschema:"notes of the staff" max:"20000"`
	Confirm         bool           `json:"confirm,omitempty" jsonschema:"confirm the order at once, which reserves stock; without enough of it no order is made"`
}

func create() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "order-create", Tag: "Orders", Summary: "Create an order with its lines",
		Description: "The order and all of its lines are made, or nothing. Prices and names are the items' unless the lines say otherwise, and the " +
			"database makes the total.",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"items": [{"name": "Gift box", "qty": 1, "unit_price": 12.5}], "shipping_address": {"name": "Mona Adel", "city": "Cairo"}}`,
	}, func(ctx context.Context, c *functions.Call, r createRequest) (out Order, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = add(ctx, tx, &r)
			return err
		})
		return out, err
	})
}

func add(ctx context.Context, tx pgx.Tx, r *createRequest) (out Order, err error) {
	var id uuid.UUID
	err = tx.QueryRow(ctx, `
		insert into public.orders (organization_id, customer_id, order_number, currency, payment_method, shipping_amount, discount_amount,
			shipping_address, notes, source)
		values (auth.organization_id(), $1, $2, $3, $4, $5, $6,
			coalesce($7::jsonb, (select c.address || jsonb_strip_nulls(jsonb_build_object('name', concat_ws(' ', c.first_name, c.last_name), 'phone', c.phone_number))
				from public.customers c where c.id = $1)),
			$8, case when auth.org_role() = 'agent' then 'agent' else 'manual' end)
		returning id`,
		r.CustomerID, r.OrderNumber, r.Currency, r.PaymentMethod, r.ShippingAmount, r.DiscountAmount, r.ShippingAddress, r.Notes).Scan(&id)
	if err != nil {
		return out, err
	}
	lines, err := json.Marshal(r.Items)
	if err != nil {
		return out, err
	}
	tag, err := tx.Exec(ctx, `
		insert into public.order_items (order_id, item_id, sku, name, qty, unit_price)
		select $1, coalesce(r.item_id, i.id), r.sku, r.name, r.qty, r.unit_price
		from rows from (json_to_recordset($2::json) as (item_id uuid, sku text, name text, qty integer, unit_price numeric)) with ordinality
			as r (item_id, sku, name, qty, unit_price, n)
		left join lateral (
			select x.id from public.items x
			where r.item_id is null and x.organization_id = auth.organization_id() and (x.sku = r.sku or x.item_no = r.sku)
			order by x.sku = r.sku desc nulls last limit 1
		) i on true
		where r.sku is null or r.item_id is not null or i.id is not null
		order by r.n`, id, string(lines))
	if err != nil {
		return out, err
	}
	if int(tag.RowsAffected()) < len(r.Items) {
		return out, functions.Errorf(http.StatusConflict, "unknown_item", "There is no item with one of the SKUs")
	}
	if r.Confirm {
		if _, err := tx.Exec(ctx, "update public.orders set order_status = 'confirmed' where id = $1", id); err != nil {
			return out, err
		}
	}
	return read(ctx, tx, id)
}

type returnLine struct {
	OrderItemID uuid.UUID `json:"order_item_id" jsonschema:"the line of the order"`
	Quantity    int       `json:"quantity" jsonschema:"how many pieces came back" min:"1"`
	Damaged     bool      `json:"damaged,omitempty" jsonschema:"whether they are written off instead of sold again"`
}

type returnRequest struct {
	OrderID uuid.UUID    `json:"order_id" jsonschema:"the order"`
	Items   []returnLine `json:"items" jsonschema:"what came back" min:"1" max:"500"`
	Reason  *string      `json:"reason,omitempty" jsonschema:"why it came back" max:"2000"`
}

func takeBack() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "order-return", Tag: "Orders", Summary: "Take back lines of an order",
		Description: "What came back is in stock again, or written off if it is damaged. When all pieces are back the order is `returned`. To take back " +
			"all of an order at once set its order_status to `returned`.",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000", "items": [{"order_item_id": "00000000-0000-0000-0000-000000000001", "quantity": 1}]}`,
	}, func(ctx context.Context, c *functions.Call, r returnRequest) (out Order, err error) {
		lines, err := json.Marshal(r.Items)
		if err != nil {
			return out, err
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "select nexus_app.return_order($1, $2::jsonb, $3)", r.OrderID, string(lines), r.Reason); err != nil {
				return err
			}
			out, err = read(ctx, tx, r.OrderID)
			return err
		})
		return out, err
	})
}
