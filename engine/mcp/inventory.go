package mcp

import (
	"context"
	"net/url"

	"nexus/rls"
)

// inventoryTools work with items and stock.
func inventoryTools() []*tool { return []*tool{listInventory(), checkStock()} }

type listInventoryIn struct {
	SKU      string `json:"sku,omitempty" jsonschema:"the stock keeping unit" max:"100"`
	Category string `json:"category,omitempty" jsonschema:"the group of items" max:"200"`
	LowStock bool   `json:"low_stock,omitempty" jsonschema:"only items with fewer available pieces than there should be"`
	page
}

func listInventory() *tool {
	return define(tool{
		name: "nexus_list_inventory", title: "List items", group: "inventory", scope: rls.ScopeRead, needs: []string{"items", "low_stock_items"},
		description: "Lists items with their stock in each warehouse, or those that are low on stock.",
	}, func(ctx context.Context, c *call, in listInventoryIn) (rowsOut, error) {
		table, query := "items", url.Values{"select": {"*,stock_balances(warehouse_id,quantity,reserved_quantity,available_quantity)"}, "order": {"name,id"}}
		if in.LowStock {
			table = "low_stock_items"
			query.Del("select")
		}
		if in.SKU != "" {
			query.Set("sku", "eq."+in.SKU)
		}
		if in.Category != "" {
			query.Set("category", "eq."+in.Category)
		}
		out, err := c.list(ctx, table, query, &in.page)
		for _, row := range out.Rows {
			for _, other := range []string{"item_no", "sku", "description"} {
				if row["name"] == nil && row[other] != nil {
					row["name"] = row[other]
				}
			}
		}
		return out, err
	})
}

type checkStockIn struct {
	ItemID      string `json:"item_id,omitempty" jsonschema:"the item" pattern:"^[0-9a-fA-F-]{36}$"`
	SKU         string `json:"sku,omitempty" jsonschema:"its SKU, instead of its id" max:"100"`
	WarehouseID string `json:"warehouse_id,omitempty" jsonschema:"only this warehouse" pattern:"^[0-9a-fA-F-]{36}$"`
}

func checkStock() *tool {
	return define(tool{
		name: "nexus_check_stock", title: "Check stock", group: "inventory", scope: rls.ScopeRead, needs: []string{"items", "stock_balances"},
		description: "Tells how many pieces of an item there are in each warehouse, and how many of them are available.",
	}, func(ctx context.Context, c *call, in checkStockIn) (out rowsOut, err error) {
		query := url.Values{"select": {"quantity,reserved_quantity,available_quantity,warehouses(id,name),items!inner(id,name,sku)"}, "order": {"warehouse_id"}}
		switch {
		case in.ItemID != "":
			query.Set("item_id", "eq."+in.ItemID)
		case in.SKU != "":
			query.Set("items.sku", "eq."+in.SKU)
		default:
			return out, &toolError{Code: "validation_failed", Message: "item_id or sku must be given", Hint: "Find the item with nexus_search."}
		}
		if in.WarehouseID != "" {
			query.Set("warehouse_id", "eq."+in.WarehouseID)
		}
		return c.list(ctx, "stock_balances", query, &page{Limit: maxRows})
	})
}
