package courier

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// BostaURL is where Bosta's API is (https://docs.bosta.co).
const BostaURL = "https://app.bosta.co"

// Bosta carries parcels in Egypt and Saudi Arabia (https://docs.bosta.co/docs/how-to/create-your-first-delivery).
type Bosta struct {
	// BaseURL is BostaURL but in tests and for Bosta's staging.
	BaseURL string
	APIKey  string
	Client  *http.Client
	// WebhookAuthorization is what Bosta sends with its reports, empty if its dashboard says so already.
	WebhookAuthorization string
}

// answerLimit is how much of an answer is read, in bytes.
const answerLimit = 1 << 20

type bostaAddress struct {
	City       string `json:"city"`
	FirstLine  string `json:"firstLine"`
	SecondLine string `json:"secondLine,omitempty"`
}

type bostaReceiver struct {
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName,omitempty"`
	Phone     string `json:"phone"`
	Email     string `json:"email,omitempty"`
}

type bostaDelivery struct {
	Type  int `json:"type"`
	Specs struct {
		PackageDetails struct {
			ItemsCount  int    `json:"itemsCount"`
			Description string `json:"description"`
		} `json:"packageDetails"`
	} `json:"specs"`
	COD                  float64           `json:"cod"`
	DropOffAddress       bostaAddress      `json:"dropOffAddress"`
	Receiver             bostaReceiver     `json:"receiver"`
	BusinessReference    string            `json:"businessReference"`
	UniqueReference      string            `json:"uniqueBusinessReference"`
	Notes                string            `json:"notes,omitempty"`
	WebhookURL           string            `json:"webhookUrl,omitempty"`
	WebhookCustomHeaders map[string]string `json:"webhookCustomHeaders,omitempty"`
}

// deliver is the type of an ordinary delivery.
const deliver = 10

// Create implements Courier.
func (b *Bosta) Create(ctx context.Context, s Shipment) (Consignment, error) {
	if s.To.Phone == "" || s.To.City == "" || s.To.Line1 == "" {
		return Consignment{}, &Refusal{Status: http.StatusBadRequest, Message: "the recipient's phone, city and line1 are needed"}
	}
	first, last, _ := strings.Cut(s.To.Name, " ")
	d := bostaDelivery{
		Type: deliver, COD: s.COD, DropOffAddress: bostaAddress{City: s.To.City, FirstLine: s.To.Line1, SecondLine: s.To.Line2},
		Receiver:          bostaReceiver{FirstName: cmp.Or(first, "-"), LastName: last, Phone: s.To.Phone, Email: s.Email},
		BusinessReference: s.OrderNumber, UniqueReference: s.Reference, Notes: s.Notes, WebhookURL: s.WebhookURL,
	}
	d.Specs.PackageDetails.ItemsCount, d.Specs.PackageDetails.Description = s.Pieces, s.Description
	if b.WebhookAuthorization != "" && s.WebhookURL != "" {
		d.WebhookCustomHeaders = map[string]string{"Authorization": b.WebhookAuthorization}
	}
	var answer struct {
		Data struct {
			TrackingNumber json.RawMessage `json:"trackingNumber"`
		} `json:"data"`
	}
	if err := b.do(ctx, http.MethodPost, "/api/v2/deliveries?apiVersion=1", d, &answer); err != nil {
		return Consignment{}, err
	}
	number := strings.Trim(string(answer.Data.TrackingNumber), `"`)
	if number == "" || number == "null" {
		return Consignment{}, errors.New("courier: bosta's answer has no tracking number")
	}
	return Consignment{AWBNumber: number, TrackingNumber: number}, nil
}

// Cancel implements Courier.
func (b *Bosta) Cancel(ctx context.Context, c Consignment) error {
	return b.do(ctx, http.MethodDelete, "/api/v2/deliveries/business/"+url.PathEscape(c.TrackingNumber)+"/terminate", nil, nil)
}

// do sends a request and reads the answer into out, if it is not nil.
func (b *Bosta) do(ctx context.Context, method, path string, body, out any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(cmp.Or(b.BaseURL, BostaURL), "/")+path, content)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", b.APIKey)
	r.Header.Set("Content-Type", "application/json")
	answer, err := b.Client.Do(r)
	if err != nil {
		return fmt.Errorf("courier: bosta: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("courier: bosta: %w", err)
	}
	switch {
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("courier: bosta answers with status %d", answer.StatusCode)
	case answer.StatusCode >= http.StatusBadRequest:
		var said struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(text, &said)
		return &Refusal{Status: answer.StatusCode, Message: cmp.Or(said.Message, http.StatusText(answer.StatusCode))}
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("courier: bosta: %w", err)
	}
	return nil
}

// bostaStates are the states of Bosta's domestic orders (https://docs.bosta.co/docs/how-to/get-delivery-status-via-webhook).
var bostaStates = map[int]struct{ status, name string }{
	10: {"created", "Pickup requested"}, 20: {"created", "Route assigned"}, 11: {"created", "Waiting for route"},
	21: {"picked_up", "Picked up from business"}, 24: {"in_transit", "Received at warehouse"}, 30: {"in_transit", "In transit between hubs"},
	41: {"out_for_delivery", "Out for delivery"}, 45: {"delivered", "Delivered"}, 46: {"returned", "Returned to business"},
	47: {"other", "Exception"}, 48: {"failed", "Terminated"}, 49: {"failed", "Canceled"}, 60: {"returned", "Returned to stock"},
	100: {"failed", "Lost"}, 101: {"failed", "Damaged"}, 102: {"other", "Investigation"}, 103: {"other", "Awaiting your action"},
}

// Parse implements Courier.
func (b *Bosta) Parse(body []byte) (Report, error) {
	var r struct {
		TrackingNumber  json.RawMessage `json:"trackingNumber"`
		State           json.RawMessage `json:"state"`
		TimeStamp       json.RawMessage `json:"timeStamp"`
		ExceptionReason string          `json:"exceptionReason"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	number := strings.Trim(string(r.TrackingNumber), `"`)
	state, err := strconv.Atoi(strings.Trim(string(r.State), `"`))
	if err != nil || number == "" || number == "null" {
		return Report{}, fmt.Errorf("%w: trackingNumber or state is missing", ErrReport)
	}
	out := Report{Number: number, ID: strconv.Itoa(state), Status: "other", CourierStatus: strconv.Itoa(state), Description: r.ExceptionReason}
	if known, ok := bostaStates[state]; ok {
		out.Status, out.CourierStatus = known.status, known.name
	}
	if milliseconds, err := strconv.ParseInt(strings.Trim(string(r.TimeStamp), `"`), 10, 64); err == nil {
		out.Time = time.UnixMilli(milliseconds)
		out.ID += " " + strconv.FormatInt(milliseconds, 10)
	}
	return out, nil
}
