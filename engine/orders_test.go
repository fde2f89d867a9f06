package engine

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// shop is an organization with an item of which there are n pieces in a warehouse.
type shop struct {
	*tenant
	item, warehouse string
}

func (p *tenant) stocked(n int) *shop {
	p.r.t.Helper()
	s := &shop{tenant: p}
	s.item = p.add("items", map[string]any{"name": "Cup", "sku": "CUP", "barcode": "6221234567890", "selling_price": 12.5, "min_stock_level": 5})
	s.warehouse = p.add("warehouses", map[string]any{"name": "Main"})
	if n > 0 {
		p.function("stock-adjust", map[string]any{"item_id": s.item, "warehouse_id": s.warehouse, "quantity": n, "reason": "opening"}, 200)
	}
	return s
}

// order makes a pending order of n pieces.
func (s *shop) order(n int) string {
	s.r.t.Helper()
	return s.function("order-create", map[string]any{"items": []any{map[string]any{"sku": "CUP", "qty": n}}, "shipping_address": address}, 201)["id"].(string)
}

var address = map[string]any{"name": "Mona Adel", "phone": "+201001234567", "line1": "5 Nile St", "city": "Cairo", "country": "EG"}

func (s *shop) become(order, status string, want int) map[string]any {
	s.r.t.Helper()
	return s.rest("PATCH", "orders?id=eq."+order, map[string]any{"order_status": status}, want)
}

// stock is what there is of the item: in all, and reserved.
func (s *shop) stock() string {
	s.r.t.Helper()
	rows := s.rows("stock_balances?select=quantity,reserved_quantity,available_quantity&item_id=eq." + s.item + "&warehouse_id=eq." + s.warehouse)
	if len(rows) == 0 {
		return "none"
	}
	return fmt.Sprintf("%v of %v", rows[0]["available_quantity"], rows[0]["quantity"])
}

// balanced checks what must hold at every moment: balances are the sums of movements and of reservations.
func balanced(t testing.TB, url string) {
	t.Helper()
	if n := number(t, url, `
		select count(*) from public.stock_balances b
		where b.quantity <> (select coalesce(sum(m.quantity), 0) from public.stock_movements m where m.item_id = b.item_id and m.warehouse_id = b.warehouse_id)
			or b.reserved_quantity <> (select coalesce(sum(r.quantity), 0) from public.stock_reservations r where r.item_id = b.item_id and r.warehouse_id = b.warehouse_id)`); n != 0 {
		t.Errorf("%d balances are not the sums of their movements and reservations", n)
	}
}

func TestOrderLife(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	s := r.signUp("ann@example.com").found("Corner Shop", "growth").stocked(10)
	order := s.function("order-create", map[string]any{"items": []any{
		map[string]any{"sku": "CUP", "qty": 3}, map[string]any{"name": "Gift wrap", "qty": 1, "unit_price": 2.25},
	}, "shipping_amount": 5, "discount_amount": 1.5}, 201)
	id := order["id"].(string)
	if order["order_number"] != "ORD-000001" || order["total_amount"] != 43.25 || order["currency"] != "USD" || order["order_status"] != "pending" {
		t.Fatalf("%v", order)
	}
	lines := order["items"].([]any)
	if l := lines[0].(map[string]any); l["name"] != "Cup" || l["unit_price"] != 12.5 || l["item_id"] != s.item {
		t.Errorf("%v", l)
	}
	// The total follows the lines, whatever anybody writes.
	s.rest("PATCH", "order_items?id=eq."+lines[1].(map[string]any)["id"].(string), map[string]any{"qty": 2}, 200)
	s.rest("PATCH", "orders?id=eq."+id, map[string]any{"total_amount": 1, "shipping_amount": 6}, 200)
	if rows := s.rows("orders?select=total_amount&id=eq." + id); rows[0]["total_amount"] != 46.5 {
		t.Errorf("the total is %v", rows)
	}
	for _, wrong := range []string{"fulfilling", "shipped", "delivered", "returned"} {
		if e := s.become(id, wrong, 409); e["details"] != "invalid_transition" {
			t.Errorf("%s: %v", wrong, e)
		}
	}
	s.become(id, "confirmed", 200)
	if got := s.stock(); got != "7 of 10" {
		t.Errorf("confirmed: %s", got)
	}
	if e := s.rest("POST", "order_items", map[string]any{"order_id": id, "qty": 1}, 409); e["details"] != "order_not_pending" {
		t.Errorf("%v", e)
	}
	if e := s.rest("DELETE", "orders?id=eq."+id, nil, 409); e["details"] != "order_not_pending" {
		t.Errorf("%v", e)
	}
	s.become(id, "cancelled", 200)
	if got := s.stock(); got != "10 of 10" {
		t.Errorf("cancelled: %s", got)
	}
	if e := s.become(id, "confirmed", 409); e["details"] != "invalid_transition" {
		t.Errorf("%v", e)
	}

	second := s.order(4)
	for _, next := range []string{"confirmed", "fulfilling", "shipped", "delivered"} {
		s.become(second, next, 200)
	}
	if got := s.stock(); got != "6 of 6" {
		t.Errorf("shipped: %s", got)
	}
	line := s.rows("order_items?select=id&order_id=eq." + second)[0]["id"].(string)
	back := func(n int, damaged bool, status int) map[string]any {
		return s.function("order-return", map[string]any{"order_id": second, "reason": "broken", "items": []any{map[string]any{"order_item_id": line, "quantity": n, "damaged": damaged}}}, status)
	}
	if got := back(1, true, 200); got["order_status"] != "delivered" || s.stock() != "6 of 6" {
		t.Errorf("a damaged piece: %v, stock %s", got, s.stock())
	}
	if e := back(4, false, 409); e["error"] != "over_return" {
		t.Errorf("%v", e)
	}
	if got := back(3, false, 200); got["order_status"] != "returned" || s.stock() != "9 of 9" {
		t.Errorf("all is back: %v, stock %s", got, s.stock())
	}
	third := s.order(2)
	for _, next := range []string{"confirmed", "fulfilling", "shipped", "returned"} {
		s.become(third, next, 200)
	}
	if got := s.stock(); got != "9 of 9" {
		t.Errorf("returned: %s", got)
	}
	if e := s.become(s.add("orders", map[string]any{}), "confirmed", 409); e["details"] != "order_empty" {
		t.Errorf("%v", e)
	}
	if e := s.become(s.order(10), "confirmed", 409); e["details"] != "insufficient_stock" || !strings.Contains(e["message"].(string), "CUP (1 missing)") {
		t.Errorf("%v", e)
	}
	if e := s.rest("POST", "orders", map[string]any{"order_status": "shipped"}, 409); e["details"] != "invalid_transition" {
		t.Errorf("%v", e)
	}
	if e := s.function("order-create", map[string]any{"items": []any{map[string]any{"sku": "CUP", "qty": 100}}, "confirm": true}, 409); e["error"] != "insufficient_stock" {
		t.Errorf("%v", e)
	}
	if e := s.function("order-create", map[string]any{"items": []any{map[string]any{"sku": "NONE", "qty": 1}}}, 409); e["error"] != "unknown_item" {
		t.Errorf("%v", e)
	}
	if n := len(s.rows("orders?select=id")); n != 5 {
		t.Errorf("%d orders: a refused one was made", n)
	}
	events := s.rows("order_events?select=event,to_status&order=created_at&order_id=eq." + third)
	if got := fmt.Sprint(events); got != "[map[event:created to_status:pending] map[event:status to_status:confirmed] map[event:status to_status:fulfilling] map[event:status to_status:shipped] map[event:status to_status:returned]]" {
		t.Errorf("%s", got)
	}
	balanced(t, r.cfg.DatabaseURL)
}

// Of a hundred who want the last piece exactly one gets it, and of those who want one of thirty thirty do.
func TestLastPiece(t *testing.T) {
	t.Parallel()
	r := withApp(t, func(cfg *Config) { cfg.RateLimits = RateLimitsPublic })
	for _, pieces := range []int{1, 30} {
		s := r.signUp(fmt.Sprintf("shop%d@example.com", pieces)).found("Shop", "growth").stocked(pieces)
		orders := make([]string, 100)
		for i := range orders {
			orders[i] = s.order(1)
		}
		var all sync.WaitGroup
		var won, lost atomic.Int64
		for _, id := range orders {
			all.Go(func() {
				got := r.call("PATCH", "/rest/v1/orders?id=eq."+id, map[string]string{"Authorization": "Bearer " + s.access, "Content-Type": "application/json"},
					strings.NewReader(`{"order_status": "confirmed"}`))
				switch {
				case got.status == 204:
					won.Add(1)
				case got.status == 409 && strings.Contains(got.body, "insufficient_stock"):
					lost.Add(1)
				default:
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		all.Wait()
		if won.Load() != int64(pieces) || lost.Load() != int64(100-pieces) || s.stock() != fmt.Sprintf("0 of %d", pieces) {
			t.Errorf("%d pieces: %d won, %d lost, stock %s", pieces, won.Load(), lost.Load(), s.stock())
		}
	}
	balanced(t, r.cfg.DatabaseURL)
}

func TestStock(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	s := r.signUp("ann@example.com").found("Corner Shop", "growth").stocked(10)
	second := s.add("warehouses", map[string]any{"name": "Second"})
	move := func(from, to string, n, status int) map[string]any {
		return s.function("stock-transfer", map[string]any{"item_id": s.item, "from_warehouse_id": from, "to_warehouse_id": to, "quantity": n}, status)
	}
	move(s.warehouse, second, 4, 200)
	if e := move(s.warehouse, second, 7, 409); e["error"] != "insufficient_stock" || s.stock() != "6 of 6" {
		t.Errorf("%v, %s", e, s.stock())
	}
	// An order that no warehouse has alone is served from both.
	order := s.order(8)
	s.become(order, "confirmed", 200)
	if rows := s.rows("stock_reservations?select=quantity&order=quantity&order_id=eq." + order); fmt.Sprint(rows) != "[map[quantity:2] map[quantity:6]]" {
		t.Errorf("%v", rows)
	}
	if e := move(second, s.warehouse, 3, 409); e["error"] != "insufficient_stock" {
		t.Errorf("reserved pieces moved: %v", e)
	}
	if got := s.function("stock-adjust", map[string]any{"item_id": s.item, "warehouse_id": second, "quantity": -6, "reason": "shrinkage"}, 200); got["quantity"] != -2.0 || got["warning"] == nil {
		t.Errorf("%v", got)
	}
	low := r.json("GET", "/functions/v1/low-stock", s.access, nil, 200)
	if rows := low["data"].([]any); len(rows) != 1 || rows[0].(map[string]any)["available_quantity"] != -4.0 {
		t.Errorf("%v", low)
	}
	for method, body := range map[string]map[string]any{"PATCH": {"quantity": 100}, "DELETE": nil} {
		got := r.call(method, "/rest/v1/stock_movements?quantity=gt.0", map[string]string{"Authorization": "Bearer " + r.token("service_role"), "Content-Type": "application/json"},
			strings.NewReader(map[bool]string{true: "", false: `{"quantity": 100}`}[body == nil]))
		if got.status != 409 || !strings.Contains(got.body, "movement_is_final") {
			t.Errorf("%s a movement: %d %s", method, got.status, got.body)
		}
	}
	if e := s.rest("PATCH", "stock_balances?item_id=eq."+s.item, map[string]any{"quantity": 5}, 403); e["code"] != "42501" {
		t.Errorf("%v", e)
	}
	if e := s.rest("POST", "stock_movements", map[string]any{"item_id": s.item, "warehouse_id": second, "movement_type": "inbound", "quantity": 5}, 403); e["code"] != "42501" {
		t.Errorf("%v", e)
	}

	t.Run("purchase", func(t *testing.T) {
		supplier := s.add("suppliers", map[string]any{"name": "Potter"})
		po := s.add("purchase_orders", map[string]any{"supplier_id": supplier, "warehouse_id": s.warehouse})
		line := s.add("po_items", map[string]any{"po_id": po, "item_id": s.item, "qty": 20, "unit_cost": 3.5})
		receive := func(n, status int) map[string]any {
			return s.function("purchase-order-receive", map[string]any{"purchase_order_id": po, "items": []any{map[string]any{"po_item_id": line, "quantity": n}}}, status)
		}
		if e := receive(5, 409); e["error"] != "invalid_transition" {
			t.Errorf("%v", e)
		}
		s.rest("PATCH", "purchase_orders?id=eq."+po, map[string]any{"status": "ordered"}, 200)
		if e := s.rest("PATCH", "purchase_orders?id=eq."+po, map[string]any{"status": "received"}, 409); e["details"] != "invalid_transition" {
			t.Errorf("received without goods: %v", e)
		}
		if e := s.rest("PATCH", "po_items?id=eq."+line, map[string]any{"qty": 1}, 409); e["details"] != "invalid_transition" {
			t.Errorf("%v", e)
		}
		before := s.stock()
		if got := receive(5, 200); got["status"] != "partially_received" || got["po_number"] != "PO-000001" {
			t.Errorf("%v", got)
		}
		if e := receive(16, 409); e["error"] != "over_receipt" {
			t.Errorf("%v", e)
		}
		if got := s.function("purchase-order-receive", map[string]any{"purchase_order_id": po}, 200); got["status"] != "received" {
			t.Errorf("%v", got)
		}
		if rows := s.rows("purchase_orders?select=total_amount,po_items(received_qty)&id=eq." + po); fmt.Sprint(rows) != "[map[po_items:[map[received_qty:20]] total_amount:70]]" {
			t.Errorf("%v", rows)
		}
		if before != "0 of 6" || s.stock() != "20 of 26" {
			t.Errorf("stock %s, then %s", before, s.stock())
		}
	})

	t.Run("count", func(t *testing.T) {
		count := s.function("cycle-count-start", map[string]any{"warehouse_id": s.warehouse}, 201)
		line := count["lines"].([]any)[0].(map[string]any)
		if count["mode"] != "blind" || line["expected_quantity"] != nil {
			t.Errorf("a blind count tells %v", line)
		}
		finish := func(status int) map[string]any {
			return s.function("cycle-count-finalize", map[string]any{"cycle_count_id": count["id"]}, status)
		}
		record := func(n int) map[string]any {
			return s.function("cycle-count-record", map[string]any{"line_id": line["id"], "quantity": n}, 200)
		}
		if e := finish(409); e["error"] != "count_incomplete" {
			t.Errorf("%v", e)
		}
		if got := record(24); got["expected_quantity"] != 26.0 || got["variance"] != -2.0 {
			t.Errorf("%v", got)
		}
		if e := finish(409); e["error"] != "count_incomplete" {
			t.Errorf("%v", e)
		}
		if got := s.function("cycle-count-decide", map[string]any{"line_id": line["id"], "decision": "recount"}, 200); got["counted_quantity"] != nil || got["expected_quantity"] != nil {
			t.Errorf("%v", got)
		}
		record(25)
		// What moves in the meantime is not taken for a difference.
		s.function("stock-adjust", map[string]any{"item_id": s.item, "warehouse_id": s.warehouse, "quantity": 10, "reason": "correction"}, 200)
		s.function("cycle-count-decide", map[string]any{"line_id": line["id"], "decision": "accepted"}, 200)
		if got := finish(200); got["status"] != "finalized" || s.stock() != "29 of 35" {
			t.Errorf("%v, stock %s", got, s.stock())
		}
		finish(409)
		guided := s.function("cycle-count-start", map[string]any{"warehouse_id": s.warehouse, "mode": "guided", "scope": "skus", "values": []string{"CUP"}}, 201)
		if got := guided["lines"].([]any)[0].(map[string]any)["expected_quantity"]; got != 35.0 {
			t.Errorf("a guided count expects %v", got)
		}
		if e := s.function("cycle-count-start", map[string]any{"warehouse_id": s.warehouse, "scope": "zone", "values": []string{"Z"}}, 409); e["error"] != "nothing_to_count" {
			t.Errorf("%v", e)
		}
	})

	t.Run("who", func(t *testing.T) {
		member := r.signUp("mo@example.com")
		psql(t, r.cfg.DatabaseURL, fmt.Sprintf("insert into public.organization_members (organization_id, user_id) select '%s', id from auth.users where email = 'mo@example.com'", s.organizationID))
		member.renew()
		adjust := map[string]any{"item_id": s.item, "warehouse_id": s.warehouse, "quantity": 1, "reason": "correction"}
		if e := member.function("stock-adjust", adjust, 403); e["error"] != "forbidden" {
			t.Errorf("%v", e)
		}
		row := map[string]any{"item_id": s.item, "warehouse_id": s.warehouse, "quantity": 1, "reason": "correction", "movement_type": "adjustment"}
		member.rest("POST", "stock_movements", row, 403)
		psql(t, r.cfg.DatabaseURL, "update public.organization_members set permissions = '{inventory}' where role = 'member'")
		member.function("stock-adjust", adjust, 200)
		member.rest("POST", "stock_movements", row, 201)
	})
	balanced(t, r.cfg.DatabaseURL)
}

func TestFulfillment(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	bosta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); r.Header.Get("Authorization") != "bosta key" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = fmt.Fprintf(w, `{"success":true,"data":{"trackingNumber":%d}}`, 1000+asked.Load())
	}))
	defer bosta.Close()
	r := withApp(t, func(cfg *Config) { cfg.BostaURL = bosta.URL })
	s := r.signUp("ann@example.com").found("Corner Shop", "growth").stocked(20)
	other := r.signUp("bob@example.com").found("Other Shop", "growth").stocked(20)
	for _, name := range []string{"B-01", "A-01"} {
		bin := s.add("warehouse_bins", map[string]any{"warehouse_id": s.warehouse, "name": name, "zone": name[:1]})
		s.rest("POST", "item_bins", map[string]any{"item_id": s.item, "warehouse_id": s.warehouse, "bin_id": bin, "is_primary": name == "A-01"}, 201)
	}
	order := s.order(3)
	if e := s.function("start-picking", map[string]any{"order_id": order}, 409); e["error"] != "invalid_transition" {
		t.Errorf("%v", e)
	}
	s.become(order, "confirmed", 200)
	if e := other.function("start-picking", map[string]any{"order_id": order}, 404); e["error"] != "not_found" {
		t.Errorf("%v", e)
	}
	list := s.function("start-picking", map[string]any{"order_id": order}, 201)
	bin := list["bins"].([]any)[0].(map[string]any)
	if bin["bin"] != "A-01" || bin["items"].([]any)[0].(map[string]any)["quantity"] != 3.0 {
		t.Errorf("%v", list)
	}
	if e := s.function("start-picking", map[string]any{"order_id": order}, 409); e["error"] != "already_picking" {
		t.Errorf("%v", e)
	}
	scan := func(code string, n, status int) map[string]any {
		return s.function("scan-item", map[string]any{"pick_list_id": list["pick_list_id"], "code": code, "quantity": n}, status)
	}
	scan("6221234567890", 2, 200)
	if e := scan("123", 1, 409); e["error"] != "wrong_item" {
		t.Errorf("%v", e)
	}
	if e := scan("CUP", 2, 409); e["error"] != "over_pick" {
		t.Errorf("%v", e)
	}
	if e := s.function("complete-pick", map[string]any{"pick_list_id": list["pick_list_id"]}, 409); e["error"] != "pick_incomplete" {
		t.Errorf("%v", e)
	}
	scan("CUP", 1, 200)
	slips := s.function("complete-pick", map[string]any{"pick_list_id": list["pick_list_id"]}, 200)["packing_slip_ids"].([]any)
	pdf := r.call("GET", "/functions/v1/packing-slip?packing_slip_id="+slips[0].(string), map[string]string{"Authorization": "Bearer " + s.access}, nil)
	if pdf.status != 200 || pdf.header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(pdf.body, "%PDF-") {
		t.Errorf("%d %v", pdf.status, pdf.header)
	}
	if got := s.function("order-pack", map[string]any{"packing_slip_id": slips[0], "weight_grams": 500}, 200); got["status"] != "packed" || got["slip_number"] != "PS-000001" {
		t.Errorf("%v", got)
	}
	s.become(order, "fulfilling", 200)

	if e := s.function("create-awb-bosta", map[string]any{"order_id": order}, 409); e["error"] != "integration_not_configured" || !strings.Contains(e["message"].(string), "api_key") {
		t.Errorf("%v", e)
	}
	token := s.function("courier-configure", map[string]any{"courier": "nexus"}, 200)["webhook_token"].(string)
	awb := s.function("create-awb", map[string]any{"order_id": order, "cod_amount": 37.5}, 201)
	awbNumber := awb["awb_number"].(string)
	if !luhn(strings.TrimPrefix(awbNumber, "NX")) || s.stock() != "17 of 17" {
		t.Errorf("%v, stock %s", awb, s.stock())
	}
	if e := s.function("create-awb", map[string]any{"order_id": order}, 409); e["error"] != "already_shipped" {
		t.Errorf("%v", e)
	}
	for _, query := range []string{"awb_id=" + awb["id"].(string), "awb_number=" + awbNumber, "order_id=" + order} {
		if got := r.call("GET", "/functions/v1/print-awb?"+query, map[string]string{"Authorization": "Bearer " + s.access}, nil); got.status != 200 || !strings.HasPrefix(got.body, "%PDF-") {
			t.Errorf("%s: %d", query, got.status)
		}
		if got := r.call("GET", "/functions/v1/print-awb?"+query, map[string]string{"Authorization": "Bearer " + other.access}, nil); got.status != 404 {
			t.Errorf("another tenant prints %s: %d", query, got.status)
		}
	}
	report := func(token, body string) response {
		return r.call("POST", "/functions/v1/tracking-webhook", map[string]string{"Content-Type": "application/json", "Authorization": token}, strings.NewReader(body))
	}
	otherToken := other.function("courier-configure", map[string]any{"courier": "nexus"}, 200)["webhook_token"].(string)
	for name, c := range map[string]struct {
		token, body string
		status      int
	}{
		"no token":         {"", `{"awb_number":"` + awbNumber + `","status":"delivered"}`, 401},
		"a wrong token":    {"x" + token, `{"awb_number":"` + awbNumber + `","status":"delivered"}`, 401},
		"another tenant's": {otherToken, `{"awb_number":"` + awbNumber + `","status":"delivered"}`, 404},
		"an unknown AWB":   {token, `{"awb_number":"NX0","status":"delivered"}`, 404},
		"no status":        {token, `{"awb_number":"` + awbNumber + `"}`, 400},
	} {
		if got := report(c.token, c.body); got.status != c.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, step := range []struct{ status, want string }{
		{"picked_up", "picked_up"}, {"in_transit", "in_transit"}, {"out_for_delivery", "in_transit"}, {"picked_up", "in_transit"}, {"delivered", "delivered"}, {"delivered", "delivered"},
	} {
		got := report("Bearer "+token, fmt.Sprintf(`{"awb_number":%q,"status":%q,"extra":{"a":[1]}}`, awbNumber, step.status))
		if got.status != 200 || !strings.Contains(got.body, `"status":"`+step.want+`"`) {
			t.Errorf("%s: %d %s", step.status, got.status, got.body)
		}
	}
	if rows := s.rows("awb_status_logs?select=status&order=created_at&awb_id=eq." + awb["id"].(string)); len(rows) != 5 {
		t.Errorf("a report was taken twice: %v", rows)
	}
	if rows := s.rows("orders?select=order_status,awb_number&id=eq." + order); rows[0]["order_status"] != "delivered" || rows[0]["awb_number"] != awbNumber {
		t.Errorf("%v", rows)
	}

	t.Run("bosta", func(t *testing.T) {
		configured := s.function("courier-configure", map[string]any{"courier": "bosta", "api_key": "bosta key"}, 200)
		if n := number(t, r.cfg.DatabaseURL, "select count(*) from public.courier_accounts where position('bosta key'::bytea in credentials) > 0"); n != 0 {
			t.Error("the key is in the clear")
		}
		if e := s.rest("GET", "courier_accounts?select=credentials", nil, 403); e["code"] != "42501" {
			t.Errorf("%v", e)
		}
		second := s.order(2)
		s.become(second, "confirmed", 200)
		awb := s.function("create-awb-bosta", map[string]any{"order_id": second, "pickup_date": "2099-01-02"}, 201)
		if awb["courier_name"] != "bosta" || awb["courier_tracking_number"] != fmt.Sprint(1000+asked.Load()) {
			t.Errorf("%v", awb)
		}
		body := fmt.Sprintf(`{"_id":"x","trackingNumber":%s,"state":46,"timeStamp":1700000000000}`, awb["courier_tracking_number"])
		if got := report(configured["webhook_token"].(string), body); got.status != 200 || !strings.Contains(got.body, "returned") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if rows := s.rows("orders?select=order_status&id=eq." + second); rows[0]["order_status"] != "returned" || s.stock() != "17 of 17" {
			t.Errorf("%v, stock %s", rows, s.stock())
		}
		s.function("courier-configure", map[string]any{"courier": "bosta", "api_key": "wrong"}, 200)
		third := s.order(1)
		s.become(third, "confirmed", 200)
		if e := s.function("create-awb-bosta", map[string]any{"order_id": third}, 409); e["error"] != "courier_refused" {
			t.Errorf("%v", e)
		}
		bosta.Close()
		if e := s.function("create-awb-bosta", map[string]any{"order_id": third}, 502); e["error"] != "courier_unavailable" || s.stock() != "16 of 17" {
			t.Errorf("%v, stock %s", e, s.stock())
		}
	})
	balanced(t, r.cfg.DatabaseURL)
}

// luhn checks a number's last digit (ISO/IEC 7812-1).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(digits) == 13 && sum%10 == 0
}
