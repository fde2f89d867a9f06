package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestShopify(t *testing.T) {
	t.Parallel()
	var asked []string
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Shopify-Access-Token") != "token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+string(body))
		switch {
		case strings.HasSuffix(r.URL.Path, "/fulfillment_orders.json"):
			_, _ = io.WriteString(w, `{"fulfillment_orders":[{"id":7,"status":"open"},{"id":8,"status":"closed"}]}`)
		case strings.HasSuffix(r.URL.Path, "/fulfillments.json"):
			_, _ = io.WriteString(w, `{"fulfillment":{"id":9}}`)
		case strings.HasSuffix(r.URL.Path, "/customers/404.json"):
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(w, `{"orders":[{"id":1}],"order":{"id":1},"customers":[{"id":2}],"checkouts":[{"id":3}],"customer":{"id":2}}`)
		}
	}))
	defer admin.Close()
	r := withApp(t, func(cfg *Config) { cfg.ShopifyURL = admin.URL })
	s := r.signUp("ann@example.com").found("Corner Shop", "growth").stocked(10)
	other := r.signUp("bob@example.com").found("Other Shop", "growth")

	if e := r.json("GET", "/functions/v1/shopify-orders", s.access, nil, 409); e["error"] != "integration_not_configured" {
		t.Errorf("%v", e)
	}
	connect := map[string]any{"shop_domain": "corner.myshopify.com", "access_token": "token", "webhook_secret": "secret"}
	s.function("shopify-connect", connect, 200)
	if e := other.function("shopify-connect", connect, 409); e["error"] != "conflict" {
		t.Errorf("a shop of two organizations: %v", e)
	}
	s.function("shopify-connect", map[string]any{"shop_domain": "example.com/.myshopify.com", "access_token": "t", "webhook_secret": "s"}, 400)

	deliver := func(topic, id, secret, body string) response {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return r.call("POST", "/functions/v1/shopify-webhook", map[string]string{
			"Content-Type": "application/json", "X-Shopify-Shop-Domain": "corner.myshopify.com", "X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": id,
			"X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		}, strings.NewReader(body))
	}
	order := `{"id": 820982911946154508, "order_number": 1234, "currency": "EGP", "total_price": "35.00", "total_discounts": "0.00", "financial_status": "paid",
		"customer": {"id": 115310627314723954, "first_name": "Mona", "email": "Mona@Example.com", "phone": "+20 100 123 4567"},
		"shipping_address": {"name": "Mona Adel", "address1": "5 Nile St", "city": "Cairo", "country_code": "EG"}, "extra": {"a": [1]},
		"line_items": [{"variant_id": 1, "sku": "CUP", "name": "Cup", "quantity": 2, "price": "12.50"}, {"variant_id": 2, "sku": "", "name": "Wrap", "quantity": 1, "price": "10.00"}]}`
	if got := deliver("orders/create", "d1", "wrong", order); got.status != 401 {
		t.Errorf("a wrong signature: %d %s", got.status, got.body)
	}
	for range 2 { // delivered twice
		if got := deliver("orders/create", "d1", "secret", order); got.status != 200 {
			t.Fatalf("%d %s\n%s", got.status, got.body, r.log)
		}
	}
	if got := deliver("orders/updated", "d2", "secret", order); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	rows := s.rows("orders?select=id,order_number,shopify_order_id,total_amount,currency,payment_method,customers(email,phone_number),order_items(name,qty,item_id)&order_items.order=name")
	text, _ := json.Marshal(rows)
	if len(rows) != 1 || rows[0]["shopify_order_id"] != "820982911946154508" || rows[0]["total_amount"] != 35.0 || rows[0]["order_number"] != "SH-1234" ||
		!strings.Contains(string(text), `"customers":{"email":"mona@example.com","phone_number":"+201001234567"}`) ||
		!strings.Contains(string(text), fmt.Sprintf(`[{"item_id":"%s","name":"Cup","qty":2},{"item_id":null,"name":"Wrap","qty":1}]`, s.item)) {
		t.Errorf("%s", text)
	}
	id := rows[0]["id"].(string)
	if got := deliver("customers/update", "d3", "secret", `{"id": 115310627314723954, "last_name": "Adel"}`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rows := s.rows("customers?select=first_name,last_name"); fmt.Sprint(rows) != "[map[first_name:Mona last_name:Adel]]" {
		t.Errorf("%v", rows)
	}
	if got := deliver("checkouts/create", "d4", "secret", `{"id": 5, "email": "x@example.com", "total_price": "9.00", "currency": "EGP"}`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rows := s.rows("shopify_abandoned_checkouts?select=total_amount"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if e := s.function("abandoned-carts-scan-send", map[string]any{"template_name": "cart"}, 409); e["error"] != "integration_not_configured" {
		t.Errorf("%v", e)
	}
	if got := deliver("app/uninstalled", "d5", "secret", `{"id": 5}`); got.status != 200 || !strings.Contains(got.body, `"taken":false`) {
		t.Errorf("%d %s", got.status, got.body)
	}

	for _, path := range []string{"shopify-orders", "shopify-abandoned"} {
		if got := r.json("GET", "/functions/v1/"+path, s.access, nil, 200); len(got["data"].([]any)) != 1 {
			t.Errorf("%s: %v", path, got)
		}
	}
	s.function("fetch-shopify-customer", map[string]any{"email": "mona@example.com"}, 200)
	s.function("fetch-shopify-customer-by-id", map[string]any{"customer_id": "2"}, 200)
	if e := s.function("fetch-shopify-customer-by-id", map[string]any{"customer_id": "404"}, 404); e["error"] != "not_found" {
		t.Errorf("%v", e)
	}
	s.function("shopify-order-update", map[string]any{"order_id": id, "note": "Gift"}, 200)
	s.become(id, "confirmed", 200)
	awb := s.function("create-awb", map[string]any{"order_id": id}, 201)["awb_number"].(string)
	s.function("shopify-fulfill", map[string]any{"order_id": id}, 200)
	last := asked[len(asked)-1]
	if !strings.HasPrefix(last, "POST /admin/api/") || !strings.Contains(last, `"fulfillment_order_id":7`) || strings.Contains(last, `:8`) || !strings.Contains(last, awb) {
		t.Errorf("Shopify was asked %s", last)
	}
	if e := other.function("shopify-fulfill", map[string]any{"order_id": id}, 404); e["error"] != "not_found" {
		t.Errorf("%v", e)
	}
	connect["access_token"] = "old"
	s.function("shopify-connect", connect, 200)
	if e := r.json("GET", "/functions/v1/shopify-orders", s.access, nil, 409); e["error"] != "shopify_refused" {
		t.Errorf("%v", e)
	}
	if got := deliver("orders/cancelled", "d6", "secret", strings.Replace(order, `"currency"`, `"cancelled_at": "2026-01-01T00:00:00Z", "currency"`, 1)); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rows := s.rows("orders?select=order_status"); rows[0]["order_status"] != "shipped" {
		t.Errorf("an order that is on its way was cancelled: %v", rows)
	}
	balanced(t, r.cfg.DatabaseURL)
}

func TestCallsAndInsights(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	s := r.signUp("ann@example.com").found("Corner Shop", "scale").stocked(100)
	s.rest("PATCH", "organizations?id=eq."+s.organizationID, map[string]any{"country": "EG"}, 200)
	mona := s.add("customers", map[string]any{"first_name": "Mona", "phone_number": "+201001234567"})
	omar := s.add("customers", map[string]any{"first_name": "Omar"})

	call := map[string]any{"unique_id": "1.1", "caller_number": "01001234567", "called_number": "100", "direction": "inbound", "status": "missed"}
	s.rest("POST", "active_calls", map[string]any{"unique_id": "1.1", "caller_number": "+201001234567", "called_number": "100", "direction": "inbound"}, 201)
	if got := s.function("call-log", call, 200); got["customer_id"] != mona {
		t.Errorf("%v", got)
	}
	call["status"], call["duration_seconds"] = "answered", 30
	s.function("call-log", call, 200)
	if rows := s.rows("call_logs?select=status,duration_seconds,caller_number"); fmt.Sprint(rows) != "[map[caller_number:+201001234567 duration_seconds:30 status:answered]]" {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("active_calls"); len(rows) != 0 {
		t.Errorf("a call that has ended is active: %v", rows)
	}
	if e := s.function("call-initiate", map[string]any{"phone_number": "01001234567"}, 409); e["error"] != "extension_required" {
		t.Errorf("%v", e)
	}
	s.rest("POST", "user_extensions", map[string]any{"user_id": claimsOf(t, s.access)["sub"], "extension": "100"}, 201)
	if e := s.function("call-initiate", map[string]any{"phone_number": "01001234567"}, 409); e["error"] != "integration_not_configured" {
		t.Errorf("%v", e)
	}

	for customer, orders := range map[string]int{mona: 3, omar: 1} {
		for range orders {
			s.function("order-create", map[string]any{"customer_id": customer, "items": []any{map[string]any{"sku": "CUP", "qty": 2}}}, 201)
		}
	}
	s.function("crm-nightly-features", map[string]any{}, 200)
	rows := s.rows("customers?select=customer_score&order=first_name")
	if len(rows) != 2 || rows[0]["customer_score"].(float64) <= rows[1]["customer_score"].(float64) {
		t.Errorf("Mona and Omar have %v", rows)
	}
	got := s.function("ai-business-analysis", map[string]any{"period_days": 7}, 200)
	if text := fmt.Sprint(got["figures"]); !strings.Contains(text, "now:map[count:4 returned:0 revenue:100]") || !strings.Contains(text, "contacts:2") {
		t.Errorf("%s", text)
	}
	s.function("ai-business-analysis", map[string]any{"org_id": mona}, 403)

	s.rest("POST", "ai_tag_definitions", map[string]any{"tag": "refund", "keywords": []string{"Money back", "استرداد"}}, 201)
	chat := s.add("chats", map[string]any{"platform": "internal", "customer_id": mona})
	psql(t, r.cfg.DatabaseURL, fmt.Sprintf(`insert into public.messages (organization_id, chat_id, direction, status, sender_type, content, timestamp) values
		('%[1]s', '%[2]s', 'inbound', 'delivered', 'customer', 'I want my MONEY back', now() - interval '10 minutes'),
		('%[1]s', '%[2]s', 'inbound', 'delivered', 'customer', 'hello?', now() - interval '5 minutes')`, s.organizationID, chat))
	s.rest("POST", "messages", map[string]any{"chat_id": chat, "content": "We look into it"}, 201)
	if got := s.function("ai-cs-annotator", map[string]any{"chat_id": chat}, 200); fmt.Sprint(got["tags"]) != "[refund]" || got["messages_in"] != 2.0 || got["first_response_seconds"].(float64) < 590 {
		t.Errorf("%v", got)
	}
	if rows := s.rows("ai_message_annotations?select=tags&order=created_at"); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	board := s.rest("GET", "rpc/rpc_ai_get_conversation_dashboard", nil, 200)
	if board["conversations"] != 1.0 || fmt.Sprint(board["tags"]) != "map[refund:1]" {
		t.Errorf("%v", board)
	}
	known := s.rest("GET", "rpc/rpc_ai_get_customer_intelligence?customer_id="+mona, nil, 200)
	if fmt.Sprint(known["orders"].(map[string]any)["count"]) != "3" {
		t.Errorf("%v", known)
	}
	other := r.signUp("bob@example.com").found("Other Shop", "scale")
	other.function("ai-cs-annotator", map[string]any{"chat_id": chat}, 404)
	if got := r.call("GET", "/rest/v1/rpc/rpc_ai_get_customer_intelligence?customer_id="+mona, map[string]string{"Authorization": "Bearer " + other.access}, nil); got.body != "null" {
		t.Errorf("%s", got.body)
	}
	psql(t, r.cfg.DatabaseURL, "update public.chats set unread_count = 0, last_message_time = now() - interval '5 days'")
	if got := s.function("close-stale-sessions", map[string]any{"idle_hours": 72}, 200); got["closed"] != 1.0 {
		t.Errorf("%v", got)
	}
}

func TestAutomationAndChat(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	s := r.signUp("ann@example.com").found("Corner Shop", "growth").stocked(100)
	mona := s.add("customers", map[string]any{"first_name": "Mona"})
	s.rest("POST", "automation_rules", map[string]any{
		"name": "VIP", "event": "order.created", "conditions": map[string]any{"source": map[string]any{"eq": "manual"}, "customer_id": map[string]any{"neq": nil}},
		"actions": []any{map[string]any{"type": "add_tag", "tag": "buyer"}, map[string]any{"type": "add_label", "label": "VIP"}, map[string]any{"type": "unknown"}},
	}, 201)
	s.rest("POST", "automation_rules", map[string]any{
		"name": "go on", "event": "order.status_changed", "conditions": map[string]any{"order_status": map[string]any{"in": []string{"confirmed"}}},
		"actions": []any{map[string]any{"type": "update_order_status", "status": "fulfilling"}},
	}, 201)
	order := s.function("order-create", map[string]any{"customer_id": mona, "items": []any{map[string]any{"sku": "CUP", "qty": 2}}}, 201)["id"].(string)
	s.become(order, "confirmed", 200)
	if rows := s.rows("orders?select=order_status"); rows[0]["order_status"] != "fulfilling" {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("customers?select=tags,customer_labels(labels(name))"); fmt.Sprint(rows) != "[map[customer_labels:[map[labels:map[name:VIP]]] tags:[buyer]]]" {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("automation_runs?select=event,status&order=created_at"); fmt.Sprint(rows) != "[map[event:order.created status:failed] map[event:order.status_changed status:done]]" {
		t.Errorf("%v", rows)
	}

	bob := r.signUp("bob@example.com")
	psql(t, r.cfg.DatabaseURL, fmt.Sprintf("insert into public.organization_members (organization_id, user_id) select '%s', id from auth.users where email = 'bob@example.com'", s.organizationID))
	bob.renew()
	_, _, agent := s.agent("read", "write")
	dm := s.rest("POST", "rpc/open_internal_dm", map[string]any{"user_email": "BOB@example.com"}, 200)["id"].(string)
	if again := bob.rest("POST", "rpc/open_internal_dm", map[string]any{"user_id": claimsOf(t, s.access)["sub"]}, 200); again["id"] != dm {
		t.Errorf("a second conversation of two: %v", again)
	}
	s.rest("POST", "internal_messages", map[string]any{"conversation_id": dm, "content": "hello"}, 201)
	if rows := bob.rows("internal_messages?select=content,sender_id"); len(rows) != 1 || rows[0]["sender_id"] != claimsOf(t, s.access)["sub"] {
		t.Errorf("%v", rows)
	}
	robot := &tenant{r: r, access: agent}
	if rows := robot.rows("internal_messages"); len(rows) != 0 {
		t.Errorf("an agent reads %v", rows)
	}
	robot.rest("POST", "internal_messages", map[string]any{"conversation_id": dm, "content": "let me in"}, 403)
	own := robot.rest("POST", "rpc/open_internal_dm", map[string]any{"user_email": "bob@example.com"}, 200)["id"].(string)
	robot.rest("POST", "internal_messages", map[string]any{"conversation_id": own, "content": "I am a robot"}, 201)
	if rows := bob.rows("internal_messages?select=content,sender_id,agent_accounts(name)&conversation_id=eq." + own); fmt.Sprint(rows) != "[map[agent_accounts:map[name:Agent] content:I am a robot sender_id:<nil>]]" {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("internal_messages?conversation_id=eq." + own); len(rows) != 0 {
		t.Errorf("an owner reads what others write: %v", rows)
	}

	post := s.add("social_posts", map[string]any{"platform": "facebook", "content": "Sale!", "status": "scheduled", "scheduled_at": "2099-01-02T10:00:00Z"})
	if rows := s.rows("content_calendar?select=day,status"); fmt.Sprint(rows) != "[map[day:2099-01-02 status:scheduled]]" {
		t.Errorf("%v", rows)
	}
	if e := s.rest("PATCH", "social_posts?id=eq."+post, map[string]any{"status": "published"}, 409); e["details"] != "invalid_transition" {
		t.Errorf("%v", e)
	}
	if e := s.function("social-publish", map[string]any{"post_id": post}, 409); e["error"] != "integration_not_configured" {
		t.Errorf("%v", e)
	}
	s.rest("DELETE", "social_posts?id=eq."+post, nil, 200)
}

// The names that are documented publicly are there, and in the routing table.
func TestDocumentedFunctions(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, f := range describedFunctions() {
		listed[f.Name] = true
	}
	for _, name := range strings.Fields(`
		agent-register agent-api-key-create agent-auth agent-usage agent-invite invite
		whatsapp-send-message whatsapp-send-template whatsapp-send-reaction wa-send facebook-send-message instagram-send-message
		whatsapp-get-templates whatsapp-templates whatsapp-webhook wa-webhook whatsapp-status-webhook whatsapp-reply-status wa-es-callback
		save-whatsapp-credentials voice-transcription-worker start-picking scan-item complete-pick create-awb-bosta print-awb tracking-webhook
		call-initiate ai-cs-annotator ai-business-analysis abandoned-carts-scan-send close-stale-sessions crm-nightly-features
		shopify-webhook shopify-webhook-public shopify-orders shopify-order-update shopify-fulfill shopify-abandoned fetch-shopify-customer
		fetch-shopify-customer-by-id`) {
		if !listed[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
