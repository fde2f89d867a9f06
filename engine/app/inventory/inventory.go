// Package inventory has the functions of stock: adjusting, moving, counting and receiving it. How quantities change is said in the
// database (migrations/app/00005_inventory.sql): by movements and by nothing else.
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// Functions are those of stock.
func Functions() []*functions.Function {
	return []*functions.Function{adjust(), transfer(), lowStock(), receive(), startCount(), recordCount(), decideCount(), finalizeCount()}
}

type adjustRequest struct {
	ItemID      uuid.UUID `json:"item_id" jsonschema:"the item"`
	WarehouseID uuid.UUID `json:"warehouse_id" jsonschema:"the warehouse"`
	Quantity    int       `json:"quantity" jsonschema:"how many pieces more (above zero) or fewer (below zero) there are" min:"-1000000000" max:"1000000000"`
	Reason      string    `json:"reason" jsonschema:"why" enum:"damage,shrinkage,correction,receiving_error,opening,other"`
	Notes       *string   `json:"notes,omitempty" jsonschema:"what else is to say" max:"2000"`
}

type adjustResponse struct {
	MovementID        string `json:"movement_id" jsonschema:"the movement that was booked"`
	Quantity          int    `json:"quantity" jsonschema:"how many pieces there are now"`
	AvailableQuantity int    `json:"available_quantity" jsonschema:"how many of them can be sold"`
	Warning           string `json:"warning,omitempty" jsonschema:"what is odd about it, such as a quantity below zero"`
}

func adjust() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "stock-adjust", Tag: "Inventory", Summary: "Correct how many pieces there are",
		Description: "For owners, admins, members with the permission `inventory`, and agents with the scope `admin`.",
		Access:      functions.Bearer(rls.ScopeAdmin), Tier: functions.Standard,
		Example: `{"item_id": "00000000-0000-0000-0000-000000000000", "warehouse_id": "00000000-0000-0000-0000-000000000001", "quantity": -2, "reason": "damage"}`,
	}, func(ctx context.Context, c *functions.Call, r adjustRequest) (out adjustResponse, err error) {
		var text []byte
		err = c.QueryRow(ctx, "select public.adjust_stock($1, $2, $3, $4, $5)", []any{r.ItemID, r.WarehouseID, r.Quantity, r.Reason, r.Notes}, &text)
		if err != nil {
			return out, err
		}
		return out, json.Unmarshal(text, &out)
	})
}

type transferRequest struct {
	ItemID          uuid.UUID `json:"item_id" jsonschema:"the item"`
	FromWarehouseID uuid.UUID `json:"from_warehouse_id" jsonschema:"where the pieces are"`
	ToWarehouseID   uuid.UUID `json:"to_warehouse_id" jsonschema:"where they go"`
	Quantity        int       `json:"quantity" jsonschema:"how many pieces" min:"1" max:"1000000000"`
	Notes           *string   `json:"notes,omitempty" jsonschema:"what else is to say" max:"2000"`
}

type transferResponse struct {
	TransferID string `json:"transfer_id" jsonschema:"the reference_id of both movements"`
}

func transfer() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "stock-transfer", Tag: "Inventory", Summary: "Move stock to another warehouse",
		Description: "Both movements are booked or none. Pieces that orders have a claim to stay where they are (409 `insufficient_stock`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"item_id": "00000000-0000-0000-0000-000000000000", "from_warehouse_id": "00000000-0000-0000-0000-000000000001", "to_warehouse_id": "00000000-0000-0000-0000-000000000002", "quantity": 5}`,
	}, func(ctx context.Context, c *functions.Call, r transferRequest) (out transferResponse, err error) {
		err = c.QueryRow(ctx, "select public.transfer_stock($1, $2, $3, $4, $5)",
			[]any{r.ItemID, r.FromWarehouseID, r.ToWarehouseID, r.Quantity, r.Notes}, &out.TransferID)
		return out, err
	})
}

// LowItem is a row of low_stock_items.
type LowItem struct {
	ID                string  `json:"id" jsonschema:"the item"`
	Name              *string `json:"name" jsonschema:"its name"`
	SKU               *string `json:"sku" jsonschema:"its SKU"`
	Category          *string `json:"category" jsonschema:"the group that it belongs to"`
	MinStockLevel     int     `json:"min_stock_level" jsonschema:"how many there should be"`
	Quantity          int     `json:"quantity" jsonschema:"how many there are"`
	AvailableQuantity int     `json:"available_quantity" jsonschema:"how many can be sold"`
}

type lowRequest struct {
	functions.Paging
}

func lowStock() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "low-stock", Method: http.MethodGet, Tag: "Inventory", Summary: "List items that are low on stock",
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r lowRequest) (out functions.List[LowItem], err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			var total int
			if err := tx.QueryRow(ctx, "select count(*) from public.low_stock_items").Scan(&total); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `
				select id, name, sku, category, min_stock_level, quantity, available_quantity from public.low_stock_items
				order by available_quantity - min_stock_level, id limit $1 offset $2`, r.Limit(), r.Offset())
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LowItem])
			out = functions.NewList(r.Paging, found, total)
			return err
		})
		return out, err
	})
}

type receiveLine struct {
	POItemID uuid.UUID `json:"po_item_id" jsonschema:"the line of the purchase order"`
	Quantity int       `json:"quantity" jsonschema:"how many pieces arrived" min:"1"`
}

type receiveRequest struct {
	PurchaseOrderID uuid.UUID     `json:"purchase_order_id" jsonschema:"the purchase order"`
	Items           []receiveLine `json:"items,omitempty" jsonschema:"what arrived; all that is open if it is not given" max:"1000"`
	Notes           *string       `json:"notes,omitempty" jsonschema:"what else is to say" max:"2000"`
}

type receiveResponse struct {
	PurchaseOrderID string `json:"purchase_order_id" jsonschema:"the purchase order"`
	PONumber        string `json:"po_number" jsonschema:"its number"`
	Status          string `json:"status" jsonschema:"partially_received or received"`
}

func receive() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "purchase-order-receive", Tag: "Inventory", Summary: "Book what arrived of a purchase order",
		Description: "More than was ordered is refused (409 `over_receipt`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"purchase_order_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r receiveRequest) (out receiveResponse, err error) {
		var lines *string
		if r.Items != nil {
			text, err := json.Marshal(r.Items)
			if err != nil {
				return out, err
			}
			whole := string(text)
			lines = &whole
		}
		err = c.QueryRow(ctx, "select id, po_number, status from nexus_app.receive_purchase_order($1, $2::jsonb, $3)",
			[]any{r.PurchaseOrderID, lines, r.Notes}, &out.PurchaseOrderID, &out.PONumber, &out.Status)
		return out, err
	})
}

// none says that the caller's organization has no such thing.
func none(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return functions.Errorf(http.StatusNotFound, "not_found", "There is no "+what+" with this id")
	}
	return err
}
