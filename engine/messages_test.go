package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nexus/engine/mail"
)

const (
	metaSecret = "the secret of the server's app"
	metaToken  = "the token of the server's webhooks"
	metaImage  = "not really a picture"
)

// fakeGraph stands in for Meta's Graph API.
type fakeGraph struct {
	*httptest.Server
	mu   sync.Mutex
	sent []map[string]any
	// next answer the next messages; without any they are taken.
	next []http.HandlerFunc
}

func newFakeGraph(t *testing.T) *fakeGraph {
	t.Helper()
	g := &fakeGraph{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v23.0/")
	answer := func(value any) { _ = json.NewEncoder(w).Encode(value) }
	if query := r.URL.Query(); path == "oauth/access_token" && query.Get("client_id") == "app" && query.Get("client_secret") == metaSecret && query.Get("code") == "AQB" {
		answer(map[string]any{"access_token": "good-signup"})
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer good-") {
		w.WriteHeader(http.StatusUnauthorized)
		answer(map[string]any{"error": map[string]any{"message": "Invalid OAuth access token", "code": 190}})
		return
	}
	switch {
	case strings.HasSuffix(path, "/messages"):
		g.message(w, r, path)
	case strings.HasSuffix(path, "/subscribed_apps"), strings.HasSuffix(path, "/register"):
		answer(map[string]any{"success": true})
	case strings.HasSuffix(path, "/message_templates"):
		answer(map[string]any{"data": []any{map[string]any{
			"id": "1", "name": "order_shipped", "language": "en_US", "status": "APPROVED", "category": "UTILITY", "components": []any{},
		}}})
	case strings.HasPrefix(path, "media"):
		sum := sha256.Sum256([]byte(metaImage))
		answer(map[string]any{"url": g.URL + "/v23.0/file", "mime_type": "image/jpeg", "sha256": hex.EncodeToString(sum[:]), "file_size": len(metaImage)})
	case path == "file":
		_, _ = io.WriteString(w, metaImage)
	default:
		answer(map[string]any{"id": path, "display_phone_number": "+20 100 000 0000", "verified_name": "The Shop", "name": "The Page"})
	}
}

func (g *fakeGraph) message(w http.ResponseWriter, r *http.Request, path string) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	body["path"] = path
	g.mu.Lock()
	g.sent = append(g.sent, body)
	n := len(g.sent)
	var handle http.HandlerFunc
	if len(g.next) > 0 {
		handle, g.next = g.next[0], g.next[1:]
	}
	g.mu.Unlock()
	if handle != nil {
		handle(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": []any{map[string]any{"id": fmt.Sprintf("wamid.out%d", n)}}})
}

// then answers the next messages.
func (g *fakeGraph) then(handlers ...http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = append(g.next, handlers...)
}

// last is the newest message, and how many there were.
func (g *fakeGraph) last() (body map[string]any, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sent) == 0 {
		return nil, 0
	}
	return g.sent[len(g.sent)-1], len(g.sent)
}

func refuse(status, code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": "refused", "code": code}})
	}
}

// withGraph serves the application against a fake of Meta.
func withGraph(t *testing.T) (*running, *fakeGraph) {
	t.Helper()
	g := newFakeGraph(t)
	return withApp(t, func(cfg *Config) {
		cfg.Meta = MetaConfig{GraphURL: g.URL + "/v23.0", AppID: "app", AppSecret: metaSecret, VerifyToken: metaToken}
	}), g
}

// connectWhatsApp connects a number, with a secret of the organization's own app if there is one.
func (p *tenant) connectWhatsApp(number, secret string) string {
	p.r.t.Helper()
	request := map[string]any{"phone_number_id": number, "business_account_id": "9" + number, "access_token": "good-" + number}
	if secret != "" {
		request["app_secret"] = secret
	}
	return p.function("save-whatsapp-credentials", request, 200)["account_id"].(string)
}

// deliver posts a delivery of Meta.
func (r *running) deliver(name, secret string, body any, status int) map[string]any {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(text)
	got := r.call("POST", "/functions/v1/"+name, map[string]string{
		"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	}, strings.NewReader(string(text)))
	if got.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s\n%s", name, got.status, status, got.body, r.log)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(got.body), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

type object = map[string]any

// change is a delivery about a number.
func change(number string, value object) object {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = object{"phone_number_id": number, "display_phone_number": "201000000000"}
	return object{"object": "whatsapp_business_account", "entry": []any{object{"id": "9" + number, "changes": []any{object{"field": "messages", "value": value}}}}}
}

// incoming is a message to a number.
func incoming(number, id, from string, message object) object {
	message["id"], message["from"], message["timestamp"] = id, from, fmt.Sprint(time.Now().Unix())
	return change(number, object{
		"contacts": []any{object{"wa_id": from, "profile": object{"name": "Ahmed"}}}, "messages": []any{message},
	})
}

func said(text string) object { return object{"type": "text", "text": object{"body": text}} }

func reported(number, id, status string, more object) object {
	st := object{"id": id, "status": status, "timestamp": fmt.Sprint(time.Now().Unix()), "recipient_id": "201001234567"}
	for name, value := range more {
		st[name] = value
	}
	return change(number, object{"statuses": []any{st}})
}

// row is the only one.
func (p *tenant) row(path string) object {
	p.r.t.Helper()
	rows := p.rows(path)
	if len(rows) != 1 {
		p.r.t.Fatalf("%s: %v", path, rows)
	}
	return rows[0]
}

// reaches waits for a message's status.
func (p *tenant) reaches(message, status string) object {
	p.r.t.Helper()
	var row object
	p.r.until("message "+message+" is "+status, func() bool {
		row = p.row("messages?id=eq." + message)
		return row["status"] == status
	})
	return row
}

func TestWhatsApp(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	if got := ann.function("wa-send", object{"phone_number": "+201001234567", "message": "x"}, 409); got["error"] != "integration_not_configured" ||
		!strings.Contains(fmt.Sprint(got["details"]), "save-whatsapp-credentials") {
		t.Errorf("%v", got)
	}
	if got := ann.function("save-whatsapp-credentials", object{"phone_number_id": "111", "access_token": "bad"}, 409); got["error"] != "credentials_refused" {
		t.Errorf("%v", got)
	}
	account := ann.connectWhatsApp("111", "")
	if row := ann.row("channel_accounts?select=id,phone_number,display_name"); row["id"] != account || row["phone_number"] != "+201000000000" || row["display_name"] != "The Shop" {
		t.Errorf("%v", row)
	}

	// What comes in.
	hello := incoming("111", "wamid.in1", "201001234567", said("مرحبا"))
	for _, name := range []string{"whatsapp-webhook", "wa-webhook", "whatsapp-status-webhook"} {
		if got := r.deliver(name, "another secret", hello, 401); got["error"] != "unauthorized" {
			t.Errorf("%v", got)
		}
	}
	for i, name := range []string{"whatsapp-webhook", "wa-webhook", "whatsapp-webhook"} {
		want := 0.0
		if i == 0 {
			want = 1
		}
		if got := r.deliver(name, metaSecret, hello, 200); got["received"] != want {
			t.Errorf("delivery %d: %v", i, got)
		}
	}
	chat := ann.row("chats?select=*,customers(first_name,phone_number,source,lead_sources(name))")
	if chat["unread_count"] != 1.0 || chat["last_message"] != "مرحبا" || chat["contact_name"] != "Ahmed" || chat["contact_phone"] != "+201001234567" ||
		chat["window_expires_at"] == nil || chat["channel_account_id"] != account ||
		fmt.Sprint(chat["customers"]) != "map[first_name:Ahmed lead_sources:map[name:whatsapp] phone_number:+201001234567 source:whatsapp]" {
		t.Errorf("%v", chat)
	}
	chatID := chat["id"].(string)
	first := ann.row("messages?direction=eq.inbound")
	if first["content"] != "مرحبا" || first["status"] != "delivered" || first["sender_type"] != "customer" {
		t.Errorf("%v", first)
	}

	// What goes out.
	sent := ann.function("whatsapp-send-message", object{
		"chatId": chatID, "message": "Hello", "organizationId": ann.organizationID, "replyTo": first["id"],
	}, 202)
	id := sent["message_id"].(string)
	row := ann.reaches(id, "sent")
	body, n := g.last()
	if n != 1 || body["path"] != "111/messages" || body["to"] != "201001234567" || body["biz_opaque_callback_data"] != id ||
		fmt.Sprint(body["text"]) != "map[body:Hello preview_url:true]" || fmt.Sprint(body["context"]) != "map[message_id:wamid.in1]" ||
		row["platform_message_id"] != "wamid.out1" || row["sent_at"] == nil {
		t.Errorf("%v\n%v", body, row)
	}
	ann.function("whatsapp-send-message", object{"chatId": chatID, "message": "x", "organizationId": "00000000-0000-0000-0000-000000000000"}, 403)
	ann.function("whatsapp-send-message", object{"chatId": chatID}, 400)
	if got := ann.function("facebook-send-message", object{"chatId": chatID, "message": "x"}, 409); got["error"] != "wrong_channel" {
		t.Errorf("%v", got)
	}

	// Reports come twice and in any order; a status never goes back.
	for _, step := range []struct{ status, want string }{{"read", "read"}, {"delivered", "read"}, {"read", "read"}, {"failed", "read"}} {
		r.deliver("whatsapp-status-webhook", metaSecret, reported("111", "wamid.out1", step.status, nil), 200)
		if row := ann.row("messages?id=eq." + id); row["status"] != step.want || row["read_at"] == nil {
			t.Errorf("after %s: %v", step.status, row)
		}
	}
	if rows := ann.rows("message_status_events?select=status"); len(rows) != 3 {
		t.Errorf("%v", rows)
	}
	status := ann.function("whatsapp-reply-status", object{"chat_id": chatID}, 200)
	if status["awaits_reply"] != false || status["window_open"] != true || status["last_reply"].(object)["status"] != "read" {
		t.Errorf("%v", status)
	}
	if got := ann.function("chat-mark-read", object{"chat_id": chatID}, 200); got["marked"] != true {
		t.Errorf("%v", got)
	}
	if body, _ := g.last(); body["status"] != "read" || body["message_id"] != "wamid.in1" {
		t.Errorf("%v", body)
	}
	if chat := ann.row("chats"); chat["unread_count"] != 0.0 || chat["last_message"] != "Hello" {
		t.Errorf("%v", chat)
	}

	// A reaction, a row that is inserted, and a file.
	reaction := ann.function("whatsapp-send-reaction", object{"chatId": chatID, "messageId": first["id"], "emoji": "👍"}, 202)
	ann.reaches(reaction["message_id"].(string), "sent")
	if body, _ := g.last(); fmt.Sprint(body["reaction"]) != "map[emoji:👍 message_id:wamid.in1]" {
		t.Errorf("%v", body)
	}
	inserted := r.json("POST", "/rest/v1/messages", ann.access, object{
		"organization_id": ann.organizationID, "chat_id": chatID, "content": "by rest", "direction": "outbound", "status": "read", "platform_message_id": "mine",
	}, 201)["rows"].([]any)[0].(object)
	if inserted["status"] != "queued" || inserted["platform_message_id"] != nil {
		t.Errorf("%v", inserted)
	}
	ann.reaches(inserted["id"].(string), "sent")
	file := ann.function("whatsapp-send-message", object{
		"chatId": chatID, "message": "Your invoice", "mediaUrl": "https://files.example/invoice.pdf?x=1", "mediaType": "document",
	}, 202)
	ann.reaches(file["message_id"].(string), "sent")
	if body, _ := g.last(); fmt.Sprint(body["document"]) != "map[caption:Your invoice filename:invoice.pdf link:https://files.example/invoice.pdf?x=1]" {
		t.Errorf("%v", body)
	}
	r.json("POST", "/rest/v1/messages", ann.access, object{
		"organization_id": ann.organizationID, "chat_id": chatID, "content": "made up", "direction": "inbound",
	}, 403)

	// Without a message of the contact for 24 hours only templates go out, whichever way.
	psql(t, r.cfg.DatabaseURL, "update public.chats set window_expires_at = now()")
	if got := ann.function("whatsapp-send-message", object{"chatId": chatID, "message": "late"}, 409); got["error"] != "outside_window" {
		t.Errorf("%v", got)
	}
	if got := r.json("POST", "/rest/v1/messages", ann.access, object{"organization_id": ann.organizationID, "chat_id": chatID, "content": "late"}, 409); got["details"] != "outside_window" {
		t.Errorf("%v", got)
	}
	template := ann.function("whatsapp-send-template", object{
		"phone_number": "0020 100 123 4567", "template_name": "order_shipped", "language": "ar",
		"components": []any{object{"type": "body", "parameters": []any{object{"type": "text", "text": "1001"}}}},
	}, 202)
	if template["chat_id"] != chatID {
		t.Errorf("another chat: %v", template)
	}
	ann.reaches(template["message_id"].(string), "sent")
	if body, _ := g.last(); fmt.Sprint(body["template"]) !=
		"map[components:[map[parameters:[map[text:1001 type:text]] type:body]] language:map[code:ar] name:order_shipped]" {
		t.Errorf("%v", body)
	}
	r.deliver("whatsapp-webhook", metaSecret, incoming("111", "wamid.in2", "201001234567", said("again")), 200)
	again := ann.function("wa-send", object{"phone_number": "+201001234567", "message": "Hello again"}, 202)
	ann.reaches(again["message_id"].(string), "sent")

	// Templates.
	if got := ann.function("whatsapp-get-templates", object{}, 200); got["data"].([]any)[0].(object)["name"] != "order_shipped" {
		t.Errorf("%v", got)
	}
	if got := r.json("GET", "/functions/v1/whatsapp-templates", ann.access, nil, 200); got["pagination"].(object)["total"] != 1.0 {
		t.Errorf("%v", got)
	}

	// Secrets stay secret.
	r.json("GET", "/rest/v1/channel_accounts?select=credentials", ann.access, nil, 403)
	if strings.Contains(r.log.String(), "good-111") {
		t.Error("a token is in the log")
	}
}

// What becomes of messages that Meta does not take.
func TestMessagesThatFail(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	ann.connectWhatsApp("111", "")
	r.deliver("whatsapp-webhook", metaSecret, incoming("111", "wamid.in1", "201001234567", said("hi")), 200)
	chatID := ann.row("chats")["id"].(string)
	send := func() string {
		t.Helper()
		return ann.function("whatsapp-send-message", object{"chatId": chatID, "message": "Hello"}, 202)["message_id"].(string)
	}
	used := func() any {
		t.Helper()
		return r.json("GET", "/functions/v1/agent-usage", ann.access, nil, 200)["usage"].(object)["messages"].(object)["used"]
	}
	calls := func() int { _, n := g.last(); return n }

	g.then(refuse(400, 131026))
	id := send()
	if row := ann.reaches(id, "failed"); row["error_code"] != "provider_131026" || row["error_message"] != "refused" || used() != 0.0 {
		t.Errorf("refused: %v, %v", row, used())
	}
	var dead []any
	r.until("the job is dead", func() bool {
		dead = r.json("POST", "/rest/v1/rpc/dead_jobs", ann.access, object{}, 200)["rows"].([]any)
		return len(dead) == 1
	})
	if job := dead[0].(object); job["kind"] != "message_send" || job["args"].(object)["message_id"] != id {
		t.Errorf("%v", job)
	}
	ann.function("message-retry", object{"message_id": id}, 202)
	ann.reaches(id, "sent")
	if got := ann.function("message-retry", object{"message_id": id}, 409); got["error"] != "not_failed" {
		t.Errorf("%v", got)
	}

	// Three attempts of the client, then one of the job.
	before := calls()
	g.then(refuse(503, 2), refuse(503, 2), refuse(503, 2))
	if row := ann.reaches(send(), "sent"); row["attempts"] != 2.0 || calls() != before+4 {
		t.Errorf("%v after %d calls", row, calls()-before)
	}

	// Nobody knows: it is not sent again, until a report tells.
	before = calls()
	g.then(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	id = send()
	if row := ann.reaches(id, "failed"); row["error_code"] != "outcome_unknown" || calls() != before+1 {
		t.Errorf("%v after %d calls", row, calls()-before)
	}
	r.deliver("whatsapp-webhook", metaSecret, reported("111", "wamid.late", "delivered", object{"biz_opaque_callback_data": id}), 200)
	if row := ann.row("messages?id=eq." + id); row["status"] != "delivered" || row["platform_message_id"] != "wamid.late" || row["error_code"] != nil {
		t.Errorf("%v", row)
	}

	// The report is here before the answer.
	g.then(func(w http.ResponseWriter, _ *http.Request) {
		r.deliver("whatsapp-webhook", metaSecret, reported("111", "wamid.quick", "delivered", nil), 200)
		_, _ = io.WriteString(w, `{"messages": [{"id": "wamid.quick"}]}`)
	})
	ann.reaches(send(), "delivered")

	g.then(refuse(401, 190))
	if row := ann.reaches(send(), "failed"); row["error_code"] != "credentials_refused" {
		t.Errorf("%v", row)
	}
	if row := ann.row("channel_accounts?select=last_error"); row["last_error"] != "refused" {
		t.Errorf("%v", row)
	}
	r.deliver("whatsapp-webhook", metaSecret, reported("111", "wamid.quick", "failed", object{"errors": []any{object{"code": 131049, "title": "no"}}}), 200)

	psql(t, r.cfg.DatabaseURL, "update public.organizations set plan = 'free'")
	if got := ann.function("whatsapp-send-message", object{"chatId": chatID, "message": "x"}, 403); got["error"] != "quota_exceeded" {
		t.Errorf("%v", got)
	}
}

func TestOthersSeeNoMessages(t *testing.T) {
	t.Parallel()
	r, _ := withGraph(t)
	ann, bob := r.signUp("ann@example.com").found("Ann's", "growth"), r.signUp("bob@example.com").found("Bob's", "growth")
	account := ann.connectWhatsApp("111", "the secret of Ann's app")
	bob.connectWhatsApp("222", "the secret of Bob's app")
	if got := bob.function("save-whatsapp-credentials", object{"phone_number_id": "111", "access_token": "good-111"}, 409); got["error"] != "account_connected_elsewhere" {
		t.Errorf("%v", got)
	}
	picture := incoming("111", "wamid.in1", "201001234567", object{"type": "image", "image": object{"id": "media1", "mime_type": "image/jpeg", "caption": "look"}})
	// Bob's app cannot speak for Ann's number, not even beside his own.
	r.deliver("whatsapp-webhook", "the secret of Bob's app", picture, 401)
	both := incoming("222", "wamid.in9", "201009999999", said("x"))
	both["entry"] = append(both["entry"].([]any), picture["entry"].([]any)...)
	r.deliver("whatsapp-webhook", "the secret of Bob's app", both, 401)
	r.deliver("whatsapp-webhook", "the secret of Ann's app", picture, 200)
	if rows := bob.rows("messages"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}

	message := ann.row("messages")
	chatID := message["chat_id"].(string)
	r.until("the file is here", func() bool { return ann.row("message_attachments")["status"] == "stored" })
	file := ann.row("message_attachments")
	address, err := url.Parse(ann.row("messages")["media_url"].(string))
	if err != nil || !strings.HasPrefix(address.String(), r.info.URL) {
		t.Fatal(err, address)
	}
	got := r.call("GET", address.RequestURI(), map[string]string{"Authorization": "Bearer " + ann.access}, nil)
	if got.status != 200 || got.body != metaImage || got.header.Get("Content-Type") != "image/jpeg" || message["content"] != "look" || file["media_type"] != "image/jpeg" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	for who, header := range map[string]map[string]string{"Bob": {"Authorization": "Bearer " + bob.access}, "nobody": {}} {
		if got := r.call("GET", address.RequestURI(), header, nil); got.status != 404 && got.status != 401 {
			t.Errorf("%s gets the file: %d", who, got.status)
		}
	}
	path := filepath.Join(r.cfg.DataDir, "media", "blobs", file["id"].(string)[34:], file["id"].(string))
	if kept, err := os.ReadFile(path); err != nil || string(kept) != metaImage {
		t.Errorf("%q %v", kept, err)
	}
	defer func() { // a file goes with its message
		if rows := ann.rest("DELETE", "messages?id=eq."+message["id"].(string), nil, 200)["rows"].([]any); len(rows) != 1 {
			t.Errorf("%v", rows)
		}
		r.until("the file is removed", func() bool { _, err := os.Stat(path); return errors.Is(err, fs.ErrNotExist) })
	}()
	for _, table := range []string{"chats", "messages", "message_attachments", "message_status_events", "whatsapp_templates"} {
		if rows := bob.rows(table); len(rows) != 0 {
			t.Errorf("Bob sees %v", rows)
		}
	}
	if rows := bob.rows("channel_accounts?select=id&id=eq." + account); len(rows) != 0 {
		t.Errorf("Bob sees %v", rows)
	}
	bob.function("whatsapp-send-message", object{"chatId": chatID, "message": "x"}, 404)
	bob.function("whatsapp-reply-status", object{"chat_id": chatID}, 404)
	bob.function("chat-mark-read", object{"chat_id": chatID}, 404)
	bob.function("message-retry", object{"message_id": message["id"]}, 404)
	bob.function("whatsapp-send-template", object{"phone_number": "+201001234567", "template_name": "x", "account_id": account}, 409)
	r.json("POST", "/rest/v1/messages", bob.access, object{"organization_id": bob.organizationID, "chat_id": chatID, "content": "x"}, 409)
	r.json("POST", "/rest/v1/messages", bob.access, object{"organization_id": ann.organizationID, "chat_id": chatID, "content": "x"}, 403)
	_, _, reader := ann.agent("read")
	r.json("POST", "/functions/v1/whatsapp-send-message", reader, object{"chatId": chatID, "message": "x"}, 403)
	if rows := r.json("GET", "/rest/v1/messages?select=id", reader, nil, 200)["rows"].([]any); len(rows) != 1 {
		t.Errorf("an agent sees %v", rows)
	}
}

func TestWebhookHandshake(t *testing.T) {
	t.Parallel()
	r, _ := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	ann.function("save-whatsapp-credentials", object{"phone_number_id": "111", "access_token": "good-1", "verify_token": "Ann's own token"}, 200)
	for token, status := range map[string]int{metaToken: 200, "Ann's own token": 200, "guessed": 403, "": 403} {
		for _, name := range []string{"whatsapp-webhook", "wa-webhook", "facebook-webhook", "instagram-webhook"} {
			query := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {token}}
			got := r.call("GET", "/functions/v1/"+name+"?"+query.Encode(), nil, nil)
			if got.status != status || (status == 200) != (got.body == "1158201444") {
				t.Errorf("%s with %q: %d %s", name, token, got.status, got.body)
			}
		}
	}
	r.deliver("whatsapp-webhook", "", object{"object": "page", "entry": []any{}}, 401)
	r.deliver("whatsapp-webhook", metaSecret, object{"object": "something new", "entry": []any{object{"id": "1", "time": 1}}}, 200)
	r.deliver("whatsapp-webhook", metaSecret, change("404", object{"messages": []any{object{"id": "x", "from": "1", "type": "text"}}}), 200)
}

func TestEmbeddedSignup(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	request := object{"code": "guessed", "phone_number_id": "111", "business_account_id": "222", "pin": "123456"}
	if got := ann.function("wa-es-callback", request, 409); got["error"] != "credentials_refused" {
		t.Errorf("%v", got)
	}
	request["code"] = "AQB"
	ann.function("wa-es-callback", request, 200)
	sent := ann.function("whatsapp-send-template", object{"phone_number": "+201001234567", "template_name": "hello"}, 202)
	ann.reaches(sent["message_id"].(string), "sent")
	if body, _ := g.last(); body["path"] != "111/messages" {
		t.Errorf("%v", body)
	}
	without := withApp(t, nil)
	bob := without.signUp("bob@example.com").found("Bob's", "growth")
	if got := bob.function("wa-es-callback", request, 409); got["error"] != "integration_not_configured" || got["details"].(object)["setting"] != "meta-app-id" {
		t.Errorf("%v", got)
	}
}

func TestMessengerAndInstagram(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	for platform, id := range map[string]string{"facebook": "555", "instagram": "666"} {
		ann.function("save-channel-credentials", object{"platform": platform, "external_id": id, "access_token": "good-" + id}, 200)
		kind := map[string]string{"facebook": "page", "instagram": "instagram"}[platform]
		event := func(more object) object {
			more["sender"], more["recipient"], more["timestamp"] = object{"id": "psid" + id}, object{"id": id}, time.Now().UnixMilli()
			return object{"object": kind, "entry": []any{object{"id": id, "time": 1, "messaging": []any{more}}}}
		}
		hook := platform + "-webhook"
		r.deliver(hook, metaSecret, event(object{"message": object{"mid": "m_in" + id, "text": "hello"}}), 200)
		r.deliver(hook, metaSecret, event(object{"message": object{"mid": "m_echo" + id, "text": "echo", "is_echo": true}}), 200)
		chat := ann.row("chats?platform=eq." + platform)
		if chat["platform_chat_id"] != "psid"+id || chat["last_message"] != "hello" || chat["unread_count"] != 1.0 {
			t.Errorf("%v", chat)
		}
		g.then(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"recipient_id": "x", "message_id": "m_out%s"}`, id)
		})
		sent := ann.function(platform+"-send-message", object{"chatId": chat["id"], "message": "Hi"}, 202)["message_id"].(string)
		ann.reaches(sent, "sent")
		if body, _ := g.last(); body["path"] != id+"/messages" || fmt.Sprint(body["recipient"], body["message"]) != "map[id:psid"+id+"] map[text:Hi]" {
			t.Errorf("%v", body)
		}
		r.deliver(hook, metaSecret, event(object{"delivery": object{"mids": []any{"m_out" + id}, "watermark": time.Now().UnixMilli()}}), 200)
		ann.reaches(sent, "delivered")
		r.deliver(hook, metaSecret, event(object{"read": object{"watermark": time.Now().Add(time.Second).UnixMilli()}}), 200)
		ann.reaches(sent, "read")
		ann.function(platform+"-send-message", object{"chatId": chat["id"], "message": "x", "mediaUrl": "https://files.example/x.png"}, 400)
	}
}

func TestMailAndInternalChats(t *testing.T) {
	t.Parallel()
	r, _ := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	saved := ann.function("save-channel-credentials", object{"platform": "email", "external_id": "Hello@Shop.example"}, 200)
	sent := ann.function("message-send", object{"email": "bob@example.com", "subject": "Your order\r\nBcc: x@example.com", "message": "It is on its way."}, 202)
	ann.reaches(sent["message_id"].(string), "sent")
	m, err := mail.NewOutbox(OutboxDir(r.cfg.DataDir)).Get(mail.Latest)
	if err != nil || m.To != "bob@example.com" || m.Subject != "Your order Bcc: x@example.com" || m.Text != "It is on its way." ||
		m.SenderName != "Ann's" || m.ReplyTo != "hello@shop.example" {
		t.Errorf("%+v %v", m, err)
	}
	answer := object{
		"to": "hello@shop.example", "from": "Bob@example.com", "name": "Bob", "subject": "Re: Your order", "text": "Thanks", "message_id": "<7@example.com>",
		"in_reply_to": "<" + m.MessageID + ">", "attachments": []any{object{"name": "x.html", "media_type": "text/html", "content": "PGI+"}},
	}
	hand := func(secret string) response {
		text, _ := json.Marshal(answer)
		return r.call("POST", "/functions/v1/email-webhook", map[string]string{"Content-Type": "application/json", "X-Webhook-Secret": secret}, strings.NewReader(string(text)))
	}
	for _, secret := range []string{"", "guessed"} {
		if got := hand(secret); got.status != 401 {
			t.Errorf("%q: %d %s", secret, got.status, got.body)
		}
	}
	for i := range 2 {
		if got := hand(saved["inbound_secret"].(string)); got.status != 200 || (i == 1) != strings.Contains(got.body, "null") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	reply := ann.row("messages?direction=eq.inbound&select=*,message_attachments(file_name,status)")
	if reply["content"] != "Thanks" || reply["chat_id"] != sent["chat_id"] || reply["reply_to_message_id"] != sent["message_id"] ||
		fmt.Sprint(reply["message_attachments"]) != "[map[file_name:x.html status:stored]]" {
		t.Errorf("%v", reply)
	}
	answer = object{"to": "hello@shop.example", "raw": "From: Bob <bob@example.com>\r\nSubject: Re\r\nMessage-ID: <8@example.com>\r\n\r\nAnd one more thing"}
	if got := hand(saved["inbound_secret"].(string)); got.status != 200 || ann.row("messages?platform_message_id=eq.8@example.com")["content"] != "And one more thing" {
		t.Errorf("%d %s", got.status, got.body)
	}
	answer["raw"] = "hello"
	if got := hand(saved["inbound_secret"].(string)); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	address, err := url.Parse(reply["media_url"].(string))
	if err != nil {
		t.Fatal(err)
	}
	got := r.call("GET", address.RequestURI(), map[string]string{"Authorization": "Bearer " + ann.access}, nil)
	if got.body != "<b>" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%s %v", got.body, got.header)
	}

	// Somebody who is added later had this chat before.
	eve := ann.function("message-send", object{"email": "eve@example.com", "message": "Hello"}, 202)["chat_id"]
	if row := ann.row(fmt.Sprint("chats?id=eq.", eve)); row["customer_id"] != nil {
		t.Errorf("%v", row)
	}
	added := ann.add("customers", object{"organization_id": ann.organizationID, "email": "eve@example.com"})
	if row := ann.row(fmt.Sprint("chats?id=eq.", eve)); row["customer_id"] != added {
		t.Errorf("%v", row)
	}
	chat := r.json("POST", "/rest/v1/chats", ann.access, object{"organization_id": ann.organizationID, "platform": "internal", "contact_name": "Desk"}, 201)["rows"].([]any)[0].(object)
	if got := ann.function("message-send", object{"chat_id": chat["id"], "message": "note"}, 202); got["status"] != "delivered" {
		t.Errorf("%v", got)
	}
	r.json("POST", "/rest/v1/messages", ann.access, object{"organization_id": ann.organizationID, "chat_id": chat["id"], "content": "in", "direction": "inbound"}, 201)
	if row := ann.row("chats?platform=eq.internal"); row["unread_count"] != 1.0 || row["last_message"] != "in" {
		t.Errorf("%v", row)
	}
	if usage := r.json("GET", "/functions/v1/agent-usage", ann.access, nil, 200)["usage"].(object)["messages"].(object); usage["used"] != 2.0 {
		t.Errorf("internal messages count: %v", usage)
	}
}

// Messages of a chat go out in the order in which they were written, and one delivery counts once however many come at a time.
func TestMessagesInOrder(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	ann.connectWhatsApp("111", "")
	hello := incoming("111", "wamid.in1", "201001234567", said("hi"))
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { r.deliver("whatsapp-webhook", metaSecret, hello, 200) })
	}
	all.Wait()
	chat := ann.row("chats")
	if chat["unread_count"] != 1.0 {
		t.Errorf("%v", chat)
	}
	var want []string
	for i := range 8 {
		text := fmt.Sprint("message ", i)
		want = append(want, text)
		ann.function("whatsapp-send-message", object{"chatId": chat["id"], "message": text}, 202)
	}
	r.until("all are sent", func() bool { return len(ann.rows("messages?status=eq.sent")) == len(want) })
	var got []string
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, body := range g.sent {
		got = append(got, body["text"].(object)["body"].(string))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
}

// A call that is repeated with its Idempotency-Key is one message.
func TestMessagesOnce(t *testing.T) {
	t.Parallel()
	r, _ := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	ann.connectWhatsApp("111", "")
	r.deliver("whatsapp-webhook", metaSecret, incoming("111", "wamid.in1", "201001234567", said("hi")), 200)
	chat := ann.row("chats")
	text := fmt.Sprintf(`{"chatId": %q, "message": "once"}`, chat["id"])
	for range 2 {
		got := r.call("POST", "/functions/v1/whatsapp-send-message", map[string]string{
			"Authorization": "Bearer " + ann.access, "Content-Type": "application/json", "Idempotency-Key": "key 1",
		}, strings.NewReader(text))
		if got.status != 202 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if rows := ann.rows("messages?content=eq.once"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}

// What is queued when the server stops is sent when it is back.
func TestMessagesOutliveTheServer(t *testing.T) {
	t.Parallel()
	r, g := withGraph(t)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	ann.connectWhatsApp("111", "")
	r.deliver("whatsapp-webhook", metaSecret, incoming("111", "wamid.in1", "201001234567", said("hi")), 200)
	chatID := ann.row("chats")["id"].(string)
	r.stop()
	psql(t, r.cfg.DatabaseURL, fmt.Sprintf("insert into public.messages (organization_id, chat_id, content) values ('%s', '%s', 'one'), ('%[1]s', '%[2]s', 'two')",
		ann.organizationID, chatID))
	// One was being sent when the server was killed.
	psql(t, r.cfg.DatabaseURL, "update public.messages set status = 'sending', attempts = 1 where content = 'one'")
	next := launch(t, r.cfg)
	defer next.stop()
	ann.r = next
	next.until("the messages are done", func() bool {
		rows := ann.rows("messages?direction=eq.outbound&order=content&select=content,status,error_code")
		return fmt.Sprint(rows) == "[map[content:one error_code:outcome_unknown status:failed] map[content:two error_code:<nil> status:sent]]"
	})
	if body, n := g.last(); n != 1 || fmt.Sprint(body["text"]) != "map[body:two preview_url:true]" {
		t.Errorf("%d %v", n, body)
	}
}

// Whoever left a cart is reminded once, and only if it did not become an order.
func TestCartReminders(t *testing.T) {
	t.Parallel()
	r, graph := withGraph(t)
	s := r.signUp("ann@example.com").found("Corner Shop", "growth")
	s.connectWhatsApp("1000", "")
	psql(t, r.cfg.DatabaseURL, fmt.Sprintf(`
		insert into public.shopify_abandoned_checkouts (organization_id, shopify_checkout_id, phone_number, recovery_url, abandoned_at, recovered_at) values
			('%[1]s', '1', '+201001234567', 'https://example.com/cart/1', now() - interval '2 hours', null),
			('%[1]s', '2', '+201001234568', null, now() - interval '2 hours', now()),
			('%[1]s', '3', '+201001234569', null, now(), null),
			('%[1]s', '4', '12', null, now() - interval '2 hours', null)`, s.organizationID))
	if got := s.function("abandoned-carts-scan-send", map[string]any{"template_name": "cart"}, 200); got["sent"] != 1.0 || got["failed"] != 1.0 {
		t.Errorf("%v\n%s", got, r.log)
	}
	r.until("the template was sent", func() bool {
		body, n := graph.last()
		text, _ := json.Marshal(body)
		return n > 0 && strings.Contains(string(text), "cart/1")
	})
	if got := s.function("abandoned-carts-scan-send", map[string]any{"template_name": "cart"}, 200); got["sent"] != 0.0 {
		t.Errorf("reminded again: %v", got)
	}
}
