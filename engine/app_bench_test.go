package engine

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// pace reports how fast calls were.
func pace(b *testing.B, took []time.Duration, all time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/all.Seconds(), "calls/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// serveBench serves the application as nexus serve does, with rate limits off.
func serveBench(b *testing.B) (*running, *tenant) {
	b.Helper()
	r := serve(b, func(cfg *Config) {
		cfg.App, cfg.RateLimits, cfg.Auth.Flows.Autoconfirm = AppNexus, RateLimitsPublic, true
	})
	return r, r.signUp("ann@example.com").found("Corner Shop", "scale")
}

// fill runs statements that take long.
func fill(b *testing.B, url, sql string) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer closeConn(b.Context(), conn)
	if _, err := conn.Exec(b.Context(), sql); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkConfirm has 50 clients confirm orders, each of two of 200 items.
func BenchmarkConfirm(b *testing.B) {
	r, ann := serveBench(b)
	fill(b, r.cfg.DatabaseURL, fmt.Sprintf(`
		insert into public.warehouses (organization_id, name) values ('%[1]s', 'Main');
		insert into public.items (organization_id, name, sku, selling_price) select '%[1]s', 'Item ' || n, 'S' || n, 10 from generate_series(1, 200) n;
		insert into public.stock_movements (organization_id, item_id, warehouse_id, movement_type, quantity)
			select '%[1]s', i.id, w.id, 'inbound', 1000000 from public.items i, public.warehouses w;
		insert into public.orders (organization_id) select '%[1]s' from generate_series(1, %[2]d);
		insert into public.order_items (order_id, item_id, qty)
			select o.id, i.id, 1 from (select id, row_number() over () as n from public.orders) o
			join (select id, row_number() over () - 1 as n from public.items) i on i.n in (o.n %% 200, (o.n * 7 + 3) %% 200);
		analyze`, ann.organizationID, b.N))
	ids := ann.ids(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
	var mu sync.Mutex
	var took []time.Duration
	next := 0
	var all sync.WaitGroup
	b.ResetTimer()
	begun := time.Now()
	for range 50 {
		all.Go(func() {
			for {
				mu.Lock()
				if next == len(ids) {
					mu.Unlock()
					return
				}
				id := ids[next]
				next++
				mu.Unlock()
				request, _ := http.NewRequestWithContext(b.Context(), http.MethodPatch, r.info.URL+"/rest/v1/orders?id=eq."+id, strings.NewReader(`{"order_status":"confirmed"}`))
				request.Header.Set("Authorization", "Bearer "+ann.access)
				request.Header.Set("Content-Type", "application/json")
				at := time.Now()
				answer, err := client.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusNoContent {
					b.Error(answer.Status)
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	pace(b, took, time.Since(begun))
	b.StopTimer()
	balanced(b, r.cfg.DatabaseURL)
}

// ids are those of all orders.
func (p *tenant) ids(b *testing.B) []string {
	b.Helper()
	var out []string
	for len(out) < b.N {
		rows := p.rows(fmt.Sprintf("orders?select=id&order=id&limit=1000&offset=%d", len(out)))
		for _, row := range rows {
			out = append(out, row["id"].(string))
		}
	}
	return out
}

// BenchmarkSearch finds contacts among a million of one organization, and as many of others.
func BenchmarkSearch(b *testing.B) {
	r, ann := serveBench(b)
	other := r.signUp("bob@example.com").found("Other Shop", "scale")
	for _, organization := range []string{ann.organizationID, other.organizationID} {
		fill(b, r.cfg.DatabaseURL, fmt.Sprintf(`
			insert into public.customers (organization_id, first_name, last_name, email, phone_number, company, tags)
			select '%s', (array['Ahmed','Mona','José','Anna','محمد','فاطمة','Omar','Sara','Ivan','Chen'])[1 + n %% 10], 'Family' || n %% 5003,
				'user' || n || '@example.com', '+2010' || lpad(n::text, 8, '0'), 'Company ' || n %% 997, array['t' || n %% 50]
			from generate_series(1, 1000000) n`, organization))
	}
	fill(b, r.cfg.DatabaseURL, "vacuum analyze public.customers")
	for name, query := range map[string]string{
		"rare": "user777777", "number": "+201000123456", "common": "ahmed", "two words": "mona family42", "Arabic": "محمد", "none": "nobodyhere", "short": "jo",
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			begun := time.Now()
			for range b.N {
				at := time.Now()
				ann.rows("rpc/search_customers?select=id,first_name&query=" + url.QueryEscape(query))
				took = append(took, time.Since(at))
			}
			pace(b, took, time.Since(begun))
		})
	}
}
