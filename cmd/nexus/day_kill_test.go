package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// shift is a server that may be another one in the next moment, and somebody who works on it.
type shift struct {
	t     *testing.T
	url   atomic.Pointer[string]
	token string
}

// do calls until there is an answer that is not about the server's state. A key makes it the same call however often it is sent.
func (s *shift) do(ctx context.Context, method, path, key, token string, body any) (int, map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	for ctx.Err() == nil {
		status, answer := s.once(ctx, method, path, key, token, string(text))
		if status != 0 && status < 500 && answer["error"] != "idempotency_in_progress" {
			return status, answer
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.t.Errorf("%s %s: no answer in time", method, path)
	return 0, nil
}

func (s *shift) once(ctx context.Context, method, path, key, token, body string) (int, map[string]any) {
	r, err := http.NewRequestWithContext(ctx, method, *s.url.Load()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	var answer map[string]any
	_ = json.Unmarshal(text, &answer)
	return resp.StatusCode, answer
}

// function calls one of functions/v1 until it has had its effect.
func (s *shift) function(ctx context.Context, name, key string, body any, field string) string {
	status, answer := s.do(ctx, http.MethodPost, "/functions/v1/"+name, key, "Bearer "+s.token, body)
	value, _ := answer[field].(string)
	if status >= 300 || value == "" {
		s.t.Errorf("%s %s: %d %v", name, key, status, answer)
	}
	return value
}

// move sets an order's status. Sent again after a break it may find the order there already.
func (s *shift) move(ctx context.Context, order, status string) {
	code, answer := s.do(ctx, http.MethodPatch, "/rest/v1/orders?order_status=neq."+status+"&id=eq."+order, "", "Bearer "+s.token, map[string]any{"order_status": status})
	if code >= 300 {
		s.t.Errorf("%s: %d %v", status, code, answer)
	}
}

// ship takes an order from its making to its delivery.
func (s *shift) ship(ctx context.Context, n int, courier string) {
	key := func(step string) string { return fmt.Sprintf("%s %d", step, n) }
	order := s.function(ctx, "order-create", key("order"), map[string]any{"items": []any{map[string]any{"sku": "CUP", "qty": 2}}}, "id")
	s.move(ctx, order, "confirmed")
	list := s.function(ctx, "start-picking", key("pick"), map[string]any{"order_id": order}, "pick_list_id")
	s.function(ctx, "complete-pick", key("picked"), map[string]any{"pick_list_id": list}, "status")
	s.move(ctx, order, "fulfilling")
	awb := s.function(ctx, "create-awb", key("awb"), map[string]any{"order_id": order}, "awb_number")
	for _, status := range []string{"picked_up", "delivered"} {
		if code, answer := s.do(ctx, http.MethodPost, "/functions/v1/tracking-webhook", "", courier, map[string]any{"awb_number": awb, "status": status}); code != 200 {
			s.t.Errorf("tracking: %d %v", code, answer)
		}
	}
}

// PostgreSQL and the server are killed in the middle of the day, both of them twice. Whoever sends again what broke finds
// everything done once: nothing is lost, doubled or half-done.
func TestDayWithKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--mailer-autoconfirm")
	s := &shift{t: t}
	url := p.keys().URL
	s.url.Store(&url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	session := map[string]any{"email": "ann@example.com", "password": "correct horse battery"}
	_, made := s.do(ctx, "POST", "/auth/v1/signup", "", "", session)
	s.token, _ = made["access_token"].(string)
	s.function(ctx, "organization-create", "org", map[string]any{"name": "Shop"}, "id")
	_, made = s.do(ctx, "POST", "/auth/v1/token?grant_type=password", "", "", session)
	s.token, _ = made["access_token"].(string)
	p.psql(`
		update public.organizations set plan = 'growth';
		insert into public.warehouses (organization_id, name) select id, 'Main' from public.organizations;
		insert into public.items (organization_id, name, sku) select id, 'Cup', 'CUP' from public.organizations;
		insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity)
			select i.organization_id, i.id, w.id, 'inbound', 200 from public.items i, public.warehouses w`)
	courier := s.function(ctx, "courier-configure", "", map[string]any{"courier": "nexus"}, "webhook_token")

	const orders, workers = 80, 4
	var done atomic.Int64
	progress := make(chan int64, orders)
	var all sync.WaitGroup
	numbers := make(chan int, orders)
	for n := range orders {
		numbers <- n
	}
	close(numbers)
	for range workers {
		all.Go(func() {
			for n := range numbers {
				s.ship(ctx, n, courier)
				progress <- done.Add(1)
			}
		})
	}
	for n := range progress {
		switch n {
		case orders / 5, 3 * orders / 5:
			if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		case 2 * orders / 5, 4 * orders / 5:
			p.kill()
			p = start(t, dir, "--mailer-autoconfirm")
			url := p.keys().URL
			s.url.Store(&url)
		case orders:
			close(progress)
		}
	}
	all.Wait()

	conn, err := pgx.Connect(ctx, p.keys().DBURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for what, c := range map[string]struct {
		sql  string
		want int
	}{
		"orders delivered":           {"select count(*) from public.orders where order_status = 'delivered'", orders},
		"orders":                     {"select count(*) from public.orders", orders},
		"numbers":                    {"select count(distinct order_number) from public.orders", orders},
		"lines":                      {"select count(*) from public.order_items", orders},
		"pick lists completed":       {"select count(*) from public.pick_lists where status = 'completed'", orders},
		"pick lists":                 {"select count(*) from public.pick_lists", orders},
		"packing slips":              {"select count(*) from public.packing_slips", orders},
		"consignments delivered":     {"select count(*) from public.awbs where status = 'delivered'", orders},
		"consignments":               {"select count(*) from public.awbs", orders},
		"reports":                    {"select count(*) from public.awb_status_logs", 3 * orders},
		"changes of status":          {"select count(*) from public.order_events where event = 'status'", 4 * orders},
		"reservations left":          {"select count(*) from public.stock_reservations", 0},
		"pieces left":                {"select quantity from public.stock_balances", 200 - 2*orders},
		"pieces left, by movements":  {"select sum(quantity)::integer from public.stock_movements", 200 - 2*orders},
		"orders counted in the plan": {"select used::integer from public.usage_counters where metric = 'orders'", orders},
	} {
		var got int
		if err := conn.QueryRow(ctx, c.sql).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: %d, want %d %v", what, got, c.want, err)
		}
	}
}
