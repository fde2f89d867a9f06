package courier

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Builtin is the courier of organizations that carry their parcels themselves. Its numbers are the application's, and whoever
// carries a parcel reports with the token of the organization.
type Builtin struct{}

// Create implements Courier. The number is left to the application.
func (Builtin) Create(context.Context, Shipment) (Consignment, error) { return Consignment{}, nil }

// Cancel implements Courier.
func (Builtin) Cancel(context.Context, Consignment) error { return nil }

// Statuses are those that reports have.
var Statuses = []string{"created", "picked_up", "in_transit", "out_for_delivery", "delivered", "returned", "failed", "other"}

// Parse implements Courier. A report is {"awb_number", "status", "event_id", "description", "location", "timestamp"}, of which the first
// two are needed.
func (Builtin) Parse(body []byte) (Report, error) {
	var r struct {
		AWBNumber   string    `json:"awb_number"`
		Status      string    `json:"status"`
		EventID     string    `json:"event_id"`
		Description string    `json:"description"`
		Location    string    `json:"location"`
		Timestamp   time.Time `json:"timestamp"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if r.AWBNumber == "" || !slices.Contains(Statuses, r.Status) {
		return Report{}, fmt.Errorf("%w: awb_number or status is missing or unknown", ErrReport)
	}
	if r.EventID == "" {
		r.EventID = r.Status
		if !r.Timestamp.IsZero() {
			r.EventID += " " + r.Timestamp.UTC().Format(time.RFC3339Nano)
		}
	}
	return Report{
		Number: r.AWBNumber, ID: r.EventID, Status: r.Status, CourierStatus: r.Status, Description: r.Description, Location: r.Location,
		Time: r.Timestamp,
	}, nil
}
