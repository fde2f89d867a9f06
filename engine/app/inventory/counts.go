package inventory

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// Count is a row of cycle_counts with its lines.
type Count struct {
	ID          string      `json:"id" jsonschema:"the count"`
	WarehouseID string      `json:"warehouse_id" jsonschema:"the warehouse"`
	Mode        string      `json:"mode" jsonschema:"blind or guided"`
	Status      string      `json:"status" jsonschema:"counting, finalized or cancelled"`
	Lines       []CountLine `json:"lines" jsonschema:"what is to be counted"`
}

// CountLine is a row of cycle_count_lines.
type CountLine struct {
	ID       string  `json:"id" jsonschema:"the line"`
	ItemID   string  `json:"item_id" jsonschema:"the item"`
	SKU      *string `json:"sku" jsonschema:"its SKU"`
	Name     *string `json:"name" jsonschema:"its name"`
	Expected *int    `json:"expected_quantity" jsonschema:"what the books say; null in a blind count until it is counted"`
	Counted  *int    `json:"counted_quantity" jsonschema:"what was found"`
	Variance *int    `json:"variance" jsonschema:"what was found less what was expected"`
	Decision string  `json:"decision" jsonschema:"pending, accepted or recount"`
}

const lineColumns = "l.id, l.item_id, i.sku, i.name, l.expected_quantity, l.counted_quantity, l.variance, l.decision"

func readCount(ctx context.Context, tx pgx.Tx, id uuid.UUID) (out Count, err error) {
	err = tx.QueryRow(ctx, "select id, warehouse_id, mode, status from public.cycle_counts where id = $1", id).
		Scan(&out.ID, &out.WarehouseID, &out.Mode, &out.Status)
	if err != nil {
		return out, none(err, "count")
	}
	rows, err := tx.Query(ctx, "select "+lineColumns+` from public.cycle_count_lines l join public.items i on i.id = l.item_id
		where l.cycle_count_id = $1 order by i.sku, l.id`, id)
	if err != nil {
		return out, err
	}
	out.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CountLine])
	return out, err
}

type startCountRequest struct {
	WarehouseID uuid.UUID `json:"warehouse_id" jsonschema:"the warehouse"`
	Name        *string   `json:"name,omitempty" jsonschema:"what people call the count" max:"200"`
	Mode        string    `json:"mode,omitempty" jsonschema:"blind (the default), if those who count are not told what to expect, or guided" enum:"blind,guided"`
	Scope       string    `json:"scope,omitempty" jsonschema:"what is counted; all if it is not given" enum:"all,category,zone,skus,sample"`
	Values      []string  `json:"values,omitempty" jsonschema:"the categories, zones or SKUs" max:"1000"`
	SampleSize  *int      `json:"sample_size,omitempty" jsonschema:"how many items a sample has; 20 if it is not given" min:"1" max:"10000"`
}

func startCount() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "cycle-count-start", Tag: "Inventory", Summary: "Begin to count a part of a warehouse",
		Description: "For those who may adjust stock (see `stock-adjust`).",
		Access:      functions.Bearer(rls.ScopeAdmin), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"warehouse_id": "00000000-0000-0000-0000-000000000000", "scope": "zone", "values": ["A"]}`,
	}, func(ctx context.Context, c *functions.Call, r startCountRequest) (out Count, err error) {
		if needs := r.Scope == "category" || r.Scope == "zone" || r.Scope == "skus"; needs && len(r.Values) == 0 {
			return out, functions.Invalid("values", "must be given for this scope")
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			var id uuid.UUID
			err := tx.QueryRow(ctx, "select nexus_app.start_cycle_count($1, $2, nullif($3, ''), nullif($4, ''), $5, $6)",
				r.WarehouseID, r.Name, r.Mode, r.Scope, r.Values, r.SampleSize).Scan(&id)
			if err != nil {
				return err
			}
			out, err = readCount(ctx, tx, id)
			return err
		})
		return out, err
	})
}

// line runs a statement on a line and returns the line as it is then.
func line(ctx context.Context, c *functions.Call, sql string, args ...any) (out CountLine, err error) {
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select "+lineColumns+" from "+sql+" l join public.items i on i.id = l.item_id", args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[CountLine])
		return none(err, "line")
	})
	return out, err
}

type recordRequest struct {
	LineID   uuid.UUID `json:"line_id" jsonschema:"the line"`
	Quantity int       `json:"quantity" jsonschema:"what was found" min:"0" max:"1000000000"`
}

func recordCount() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "cycle-count-record", Tag: "Inventory", Summary: "Note what was found",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"line_id": "00000000-0000-0000-0000-000000000000", "quantity": 12}`,
	}, func(ctx context.Context, c *functions.Call, r recordRequest) (CountLine, error) {
		return line(ctx, c, "nexus_app.record_count($1, $2)", r.LineID, r.Quantity)
	})
}

type decideRequest struct {
	LineID   uuid.UUID `json:"line_id" jsonschema:"the line"`
	Decision string    `json:"decision" jsonschema:"accept the difference, have it counted again, or leave it open" enum:"accepted,recount,pending"`
}

func decideCount() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "cycle-count-decide", Tag: "Inventory", Summary: "Decide about a difference",
		Description: "For those who may adjust stock (see `stock-adjust`).",
		Access:      functions.Bearer(rls.ScopeAdmin), Tier: functions.Standard,
		Example: `{"line_id": "00000000-0000-0000-0000-000000000000", "decision": "accepted"}`,
	}, func(ctx context.Context, c *functions.Call, r decideRequest) (CountLine, error) {
		return line(ctx, c, "nexus_app.decide_count($1, $2)", r.LineID, r.Decision)
	})
}

type finalizeRequest struct {
	CycleCountID uuid.UUID `json:"cycle_count_id" jsonschema:"the count"`
}

func finalizeCount() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "cycle-count-finalize", Tag: "Inventory", Summary: "Book the accepted differences and end the count",
		Description: "All lines must be counted and all differences accepted (409 `count_incomplete`).",
		Access:      functions.Bearer(rls.ScopeAdmin), Tier: functions.Standard,
		Example: `{"cycle_count_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r finalizeRequest) (out Count, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "select nexus_app.finalize_count($1)", r.CycleCountID); err != nil {
				return err
			}
			out, err = readCount(ctx, tx, r.CycleCountID)
			return err
		})
		return out, err
	})
}
