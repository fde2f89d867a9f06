// Package courier speaks with those who carry parcels. It knows nothing of the database: a shipment goes in, a number comes out, and
// a courier's report becomes one in the application's words.
package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nexus/engine/app/print"
)

// Shipment is what a courier is asked to carry.
type Shipment struct {
	// Reference is ours, by which the courier can tell a repeated request.
	Reference   string
	OrderNumber string
	From, To    print.Address
	Email       string
	Pieces      int
	Description string
	// COD is what is collected on delivery, in the currency's units; 0 for nothing.
	COD float64
	// Pickup is when the parcel can be fetched; zero for at once.
	Pickup time.Time
	Notes  string
	// WebhookURL is where reports go, empty if the courier has it already.
	WebhookURL string
}

// Consignment is what a courier has taken over.
type Consignment struct {
	// AWBNumber is the number on the label; empty to have the application choose one.
	AWBNumber string
	// TrackingNumber is the courier's own.
	TrackingNumber string
	// Cost is what the courier charges; nil if it does not say.
	Cost *float64
}

// Report is what a courier says of a parcel.
type Report struct {
	// Number is an AWB or tracking number.
	Number string
	// ID tells reports apart, so that one that is sent again is taken once.
	ID string
	// Status is created, picked_up, in_transit, out_for_delivery, delivered, returned, failed or other.
	Status string
	// CourierStatus is the courier's own word.
	CourierStatus, Description, Location string
	Time                                 time.Time
}

// Courier carries parcels.
type Courier interface {
	// Create asks for a parcel to be carried. The error is a *Refusal if the courier says no, and any other if it cannot be told
	// whether it agreed.
	Create(ctx context.Context, s Shipment) (Consignment, error)
	// Cancel takes back what Create asked for.
	Cancel(ctx context.Context, c Consignment) error
	// Parse reads a report; the error is ErrReport.
	Parse(body []byte) (Report, error)
}

// ErrReport says that a report cannot be read.
var ErrReport = errors.New("courier: the report cannot be read")

// Refusal is a courier's no.
type Refusal struct {
	// Status is that of its answer.
	Status int
	// Message is what it says; it is shown to whoever asked.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("courier: refused with status %d: %s", r.Status, r.Message)
}
