package orders

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/print"
	"nexus/engine/functions"
	"nexus/rls"
)

// PickList is a row of pick_lists with what there is to fetch.
type PickList struct {
	ID     string    `json:"pick_list_id" jsonschema:"the pick list"`
	Status string    `json:"status" jsonschema:"open, completed or cancelled"`
	Picker *string   `json:"picker_id" jsonschema:"who picks"`
	Bins   []PickBin `json:"bins" jsonschema:"the places to go to, in the order of a walk"`
}

// PickBin is a place with what to fetch there.
type PickBin struct {
	WarehouseID string     `json:"warehouse_id" jsonschema:"the warehouse"`
	Warehouse   string     `json:"warehouse" jsonschema:"its name"`
	Bin         *string    `json:"bin" jsonschema:"the place, null if none is known"`
	Zone        *string    `json:"zone" jsonschema:"the part of the warehouse"`
	Items       []PickItem `json:"items" jsonschema:"what to fetch"`
}

// PickItem is what to fetch at a place.
type PickItem struct {
	OrderID  string  `json:"order_id" jsonschema:"the order that it is for"`
	ItemID   string  `json:"item_id" jsonschema:"the item"`
	SKU      *string `json:"sku" jsonschema:"its SKU"`
	Name     *string `json:"name" jsonschema:"its name"`
	Barcode  *string `json:"barcode" jsonschema:"what scanners read"`
	Quantity int     `json:"quantity" jsonschema:"how many pieces"`
	Picked   int     `json:"picked_quantity" jsonschema:"how many were scanned"`
}

const pickListJSON = `
	select jsonb_build_object('pick_list_id', p.id, 'status', p.status, 'picker_id', p.picker_id, 'bins', coalesce((
		select jsonb_agg(g.bin order by g.warehouse, g.zone nulls last, g.name nulls last)
		from (
			select w.name as warehouse, b.zone, b.name, jsonb_build_object('warehouse_id', w.id, 'warehouse', w.name, 'bin', b.name, 'zone', b.zone,
				'items', jsonb_agg(jsonb_build_object('order_id', l.order_id, 'item_id', l.item_id, 'sku', i.sku, 'name', i.name, 'barcode', i.barcode,
					'quantity', l.quantity, 'picked_quantity', l.picked_quantity) order by i.sku, l.id)) as bin
			from public.pick_list_items l
			join public.items i on i.id = l.item_id
			join public.warehouses w on w.id = l.warehouse_id
			left join public.warehouse_bins b on b.id = l.bin_id
			where l.pick_list_id = p.id and not l.cancelled
			group by w.id, w.name, b.id, b.zone, b.name
		) g), '[]'))
	from public.pick_lists p where p.id = $1`

// work runs a statement on a pick list and returns the list as it is then.
func work(ctx context.Context, c *functions.Call, sql string, args ...any) (out PickList, err error) {
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		if err := tx.QueryRow(ctx, sql, args...).Scan(&id); err != nil {
			return err
		}
		out, err = readPickList(ctx, tx, id)
		return err
	})
	return out, err
}

func readPickList(ctx context.Context, tx pgx.Tx, id uuid.UUID) (out PickList, err error) {
	var text []byte
	if err := tx.QueryRow(ctx, pickListJSON, id).Scan(&text); err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

type startRequest struct {
	OrderID  *uuid.UUID  `json:"order_id,omitempty" jsonschema:"the order to pick"`
	OrderIDs []uuid.UUID `json:"order_ids,omitempty" jsonschema:"several orders to pick in one walk, instead of one" max:"100"`
	PickerID *uuid.UUID  `json:"picker_id,omitempty" jsonschema:"the member who picks; the caller if it is not given"`
}

func startPicking() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "start-picking", Tag: "Orders", Summary: "Make a pick list",
		Description: "Lists what is reserved for confirmed orders, by the bins it lies in.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"order_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r startRequest) (PickList, error) {
		if (r.OrderID == nil) == (len(r.OrderIDs) == 0) {
			return PickList{}, functions.Invalid("order_id", "or order_ids must be given, and not both")
		}
		if r.OrderID != nil {
			r.OrderIDs = []uuid.UUID{*r.OrderID}
		}
		return work(ctx, c, "select nexus_app.start_picking($1, $2)", r.OrderIDs, r.PickerID)
	})
}

type scanRequest struct {
	PickListID uuid.UUID `json:"pick_list_id" jsonschema:"the pick list"`
	Code       string    `json:"code" jsonschema:"the barcode, SKU or item number" min:"1" max:"100"`
	Quantity   int       `json:"quantity,omitempty" jsonschema:"how many pieces; 1 if it is not given" min:"1" max:"1000000"`
}

func scanItem() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "scan-item", Tag: "Orders", Summary: "Scan an item that was picked",
		Description: "Answers 409 `wrong_item` if it is not on the list, and 409 `over_pick` if there are enough of it.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"pick_list_id": "00000000-0000-0000-0000-000000000000", "code": "6221234567890"}`,
	}, func(ctx context.Context, c *functions.Call, r scanRequest) (PickList, error) {
		return work(ctx, c, "select $1::uuid from nexus_app.scan_item($1, $2, $3)", r.PickListID, r.Code, max(r.Quantity, 1))
	})
}

type completeRequest struct {
	PickListID uuid.UUID `json:"pick_list_id" jsonschema:"the pick list"`
	Unscanned  bool      `json:"unscanned,omitempty" jsonschema:"take what was not scanned as picked; a list of which nothing was scanned needs no saying"`
}

type completeResponse struct {
	PickListID   string   `json:"pick_list_id" jsonschema:"the pick list"`
	Status       string   `json:"status" jsonschema:"completed"`
	PackingSlips []string `json:"packing_slip_ids" jsonschema:"a packing slip for each order, in the order of the orders' ids"`
}

func completePick() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "complete-pick", Tag: "Orders", Summary: "Close a pick list",
		Description: "The orders go to packing: each gets a packing slip. A list that was scanned in part is refused (409 `pick_incomplete`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"pick_list_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r completeRequest) (completeResponse, error) {
		out := completeResponse{PickListID: r.PickListID.String(), Status: "completed"}
		err := c.QueryRow(ctx, `
			select nexus_app.complete_pick($1, $2 or not exists (
				select from public.pick_list_items l where l.pick_list_id = $1 and l.picked_quantity > 0))::text[]`,
			[]any{r.PickListID, r.Unscanned}, &out.PackingSlips)
		return out, err
	})
}

type packRequest struct {
	PackingSlipID uuid.UUID `json:"packing_slip_id" jsonschema:"the packing slip"`
	Packages      *int      `json:"packages,omitempty" jsonschema:"how many parcels; 1 if it is not given" min:"1" max:"1000"`
	WeightGrams   *int      `json:"weight_grams,omitempty" jsonschema:"what they weigh together" min:"1"`
}

type packResponse struct {
	PackingSlipID string `json:"packing_slip_id" jsonschema:"the packing slip"`
	SlipNumber    string `json:"slip_number" jsonschema:"its number"`
	OrderID       string `json:"order_id" jsonschema:"the order"`
	Status        string `json:"status" jsonschema:"packed"`
	Packages      int    `json:"packages" jsonschema:"how many parcels"`
}

func pack() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "order-pack", Tag: "Orders", Summary: "Note that an order is packed",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"packing_slip_id": "00000000-0000-0000-0000-000000000000", "packages": 1, "weight_grams": 800}`,
	}, func(ctx context.Context, c *functions.Call, r packRequest) (out packResponse, err error) {
		err = c.QueryRow(ctx, "select id, slip_number, order_id, status, packages from nexus_app.pack_order($1, $2, $3)",
			[]any{r.PackingSlipID, r.Packages, r.WeightGrams}, &out.PackingSlipID, &out.SlipNumber, &out.OrderID, &out.Status, &out.Packages)
		return out, err
	})
}

type slipRequest struct {
	PackingSlipID uuid.UUID `json:"packing_slip_id" jsonschema:"the packing slip"`
}

func slip() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "packing-slip", Method: http.MethodGet, Tag: "Orders", Summary: "Print a packing slip",
		Description: "The answer is a PDF on A4.", Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r slipRequest) (functions.Content, error) {
		var paper print.Slip
		err := c.Tx(ctx, func(tx pgx.Tx) error { return readSlip(ctx, tx, r.PackingSlipID, &paper) })
		if errors.Is(err, pgx.ErrNoRows) {
			err = functions.Errorf(http.StatusNotFound, "not_found", "There is no packing slip with this id")
		}
		if err != nil {
			return functions.Content{}, err
		}
		pdf, err := paper.PDF()
		return functions.Content{
			Type: "application/pdf", Body: pdf, Header: map[string]string{"Content-Disposition": `inline; filename="` + paper.Number + `.pdf"`},
		}, err
	})
}

func readSlip(ctx context.Context, tx pgx.Tx, id uuid.UUID, paper *print.Slip) error {
	var to []byte
	var order, list *uuid.UUID
	var date time.Time
	err := tx.QueryRow(ctx, `
		select s.slip_number, o.order_number, g.name, coalesce(o.shipping_address, '{}'), s.created_at, s.order_id, s.pick_list_id
		from public.packing_slips s
		join public.orders o on o.id = s.order_id
		join public.organizations g on g.id = s.organization_id
		where s.id = $1`, id).Scan(&paper.Number, &paper.OrderNumber, &paper.Organization, &to, &date, &order, &list)
	if err != nil {
		return err
	}
	paper.Date, paper.Lines = date, nil
	if paper.To, err = print.ParseAddress(to); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		select coalesce(i.sku, i.item_no, ''), coalesce(i.name, ''), sum(l.picked_quantity)::integer
		from public.pick_list_items l join public.items i on i.id = l.item_id
		where l.pick_list_id = $1 and l.order_id = $2 and not l.cancelled
		group by 1, 2 order by 1, 2`, list, order)
	if err != nil {
		return err
	}
	paper.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[print.SlipLine])
	return err
}
