package courier

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"nexus/engine/app/print"
)

func shipment() Shipment {
	return Shipment{
		Reference: "ref", OrderNumber: "ORD-000001", Pieces: 2, COD: 120, WebhookURL: "https://example.com/hook",
		To: print.Address{Name: "Mona Adel", Phone: "+201001234567", Line1: "5 Nile St", City: "Cairo"},
	}
}

func TestBosta(t *testing.T) {
	t.Parallel()
	var got struct {
		method, path, key string
		body              map[string]any
	}
	status, answer := 200, `{"success":true,"data":{"_id":"x","trackingNumber":7654321}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.method, got.path, got.key, got.body = r.Method, r.URL.String(), r.Header.Get("Authorization"), nil
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &got.body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	b := &Bosta{BaseURL: server.URL + "/", APIKey: "key", Client: server.Client(), WebhookAuthorization: "token"}

	made, err := b.Create(t.Context(), shipment())
	if err != nil || made.AWBNumber != "7654321" || made.TrackingNumber != "7654321" {
		t.Fatalf("%+v %v", made, err)
	}
	if got.method != "POST" || got.path != "/api/v2/deliveries?apiVersion=1" || got.key != "key" {
		t.Errorf("%+v", got)
	}
	receiver, _ := got.body["receiver"].(map[string]any)
	headers, _ := got.body["webhookCustomHeaders"].(map[string]any)
	if got.body["type"] != 10.0 || got.body["cod"] != 120.0 || receiver["firstName"] != "Mona" || receiver["lastName"] != "Adel" || headers["Authorization"] != "token" {
		t.Errorf("%v", got.body)
	}
	if err := b.Cancel(t.Context(), made); err != nil || got.method != "DELETE" || got.path != "/api/v2/deliveries/business/7654321/terminate" {
		t.Errorf("%v %+v", err, got)
	}

	var refusal *Refusal
	status, answer = 400, `{"message":"no such city"}`
	if _, err := b.Create(t.Context(), shipment()); !errors.As(err, &refusal) || refusal.Message != "no such city" {
		t.Errorf("%v", err)
	}
	status = 503
	if _, err := b.Create(t.Context(), shipment()); err == nil || errors.As(err, &refusal) && refusal.Status == 503 {
		t.Errorf("%v", err)
	}
	status, answer = 200, `{"data":{}}`
	if _, err := b.Create(t.Context(), shipment()); err == nil {
		t.Error("an answer without a number is taken")
	}
	bare := shipment()
	bare.To.City = ""
	if _, err := b.Create(t.Context(), bare); !errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		courier Courier
		body    string
		want    Report
		fails   bool
	}{
		"bosta":            {&Bosta{}, `{"_id":"x","trackingNumber":7654321,"state":45,"timeStamp":1700000000000,"more":[]}`, Report{Number: "7654321", ID: "45 1700000000000", Status: "delivered", CourierStatus: "Delivered"}, false},
		"bosta with texts": {&Bosta{}, `{"trackingNumber":"7654321","state":"41"}`, Report{Number: "7654321", ID: "41", Status: "out_for_delivery", CourierStatus: "Out for delivery"}, false},
		"bosta's unknown":  {&Bosta{}, `{"trackingNumber":"7","state":999}`, Report{Number: "7", ID: "999", Status: "other", CourierStatus: "999"}, false},
		"bosta without":    {&Bosta{}, `{"state":45}`, Report{}, true},
		"no JSON":          {&Bosta{}, `x`, Report{}, true},
		"built-in":         {Builtin{}, `{"awb_number":"NX1","status":"delivered","event_id":"e1"}`, Report{Number: "NX1", ID: "e1", Status: "delivered", CourierStatus: "delivered"}, false},
		"built-in, no id":  {Builtin{}, `{"awb_number":"NX1","status":"failed"}`, Report{Number: "NX1", ID: "failed", Status: "failed", CourierStatus: "failed"}, false},
		"built-in unknown": {Builtin{}, `{"awb_number":"NX1","status":"lost"}`, Report{}, true},
	} {
		got, err := c.courier.Parse([]byte(c.body))
		if (err != nil) != c.fails || c.fails && !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "bosta" && got.Time.UnixMilli() != 1700000000000 {
			t.Errorf("%v", got.Time)
		}
		got.Time = c.want.Time
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
