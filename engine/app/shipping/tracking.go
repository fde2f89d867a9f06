package shipping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/print"
	"nexus/engine/app/shipping/courier"
	"nexus/engine/functions"
	"nexus/rls"
)

type report struct {
	AWBNumber      string  `json:"awb_number,omitempty" jsonschema:"the built-in courier: the number of the consignment"`
	Status         string  `json:"status,omitempty" jsonschema:"the built-in courier: created, picked_up, in_transit, out_for_delivery, delivered, returned, failed or other"`
	EventID        string  `json:"event_id,omitempty" jsonschema:"the built-in courier: an id, so that a report that is sent again is taken once"`
	Description    string  `json:"description,omitempty" jsonschema:"the built-in courier: what happened" max:"2000"`
	Location       string  `json:"location,omitempty" jsonschema:"the built-in courier: where it happened" max:"500"`
	Timestamp      *string `json:"timestamp,omitempty" jsonschema:"the built-in courier: when it happened (RFC 3339)"`
	TrackingNumber any     `json:"trackingNumber,omitempty" jsonschema:"Bosta: the number of the order"`
	State          any     `json:"state,omitempty" jsonschema:"Bosta: the code of the order's state"`
	TimeStamp      any     `json:"timeStamp,omitempty" jsonschema:"Bosta: when it changed, in milliseconds since 1970"`
}

type reportResponse struct {
	Status string `json:"status" jsonschema:"the consignment's status now"`
}

func (s *service) tracking() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "tracking-webhook", Tag: "Shipping", Summary: "Take a courier's report",
		Description: "The header Authorization has the token that `courier-configure` answered with. Each report is appended to awb_status_logs once; " +
			"delivered and returned are the order's, too, and what comes late changes nothing.",
		Access: functions.Webhook(hasToken), Tier: functions.WebhookTier, Lenient: true,
		Example: `{"awb_number": "NX0000000000000", "status": "delivered", "event_id": "1"}`,
	}, s.track)
}

// hasToken refuses reports that no token came with, before anything is read. Whether it is known is told by the database.
func hasToken(r *http.Request, _ []byte) error {
	if tokenOf(r) == "" {
		return errors.New("no token")
	}
	return nil
}

func (s *service) track(ctx context.Context, c *functions.Call, r report) (out reportResponse, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return out, err
	}
	token := hash(tokenOf(c.Request))
	err = c.AsServer(ctx, func(tx pgx.Tx) error {
		var name *string
		if err := tx.QueryRow(ctx, "select nexus_app.courier_of_token($1)", token).Scan(&name); err != nil {
			return err
		}
		if name == nil {
			return functions.Errorf(http.StatusUnauthorized, "unauthorized", "The report's token is not valid")
		}
		var carrier courier.Courier = courier.Builtin{}
		if *name == bosta {
			carrier = &courier.Bosta{}
		}
		said, err := carrier.Parse(body)
		if err != nil {
			return &functions.Error{Status: http.StatusBadRequest, Code: "validation_failed", Message: "The report cannot be read", Cause: err}
		}
		var happened *time.Time
		if !said.Time.IsZero() {
			happened = &said.Time
		}
		var status *string
		err = tx.QueryRow(ctx, "select nexus_app.track_awb($1, $2, $3, $4, $5, $6, $7, $8)",
			token, said.Number, said.ID, said.Status, said.CourierStatus, said.Description, said.Location, happened).Scan(&status)
		if err == nil && status == nil {
			return functions.Errorf(http.StatusNotFound, "not_found", "There is no consignment with this number")
		}
		if err == nil {
			out.Status = *status
		}
		return err
	})
	return out, err
}

type labelRequest struct {
	AWBID     *uuid.UUID `json:"awb_id,omitempty" jsonschema:"the consignment"`
	AWBNumber *string    `json:"awb_number,omitempty" jsonschema:"its number, instead of its id" max:"100"`
	OrderID   *uuid.UUID `json:"order_id,omitempty" jsonschema:"the order, instead of the consignment"`
}

func (s *service) label() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "print-awb", Method: http.MethodGet, Tag: "Shipping", Summary: "Print a shipping label",
		Description: "The answer is a PDF of 100 by 150 mm with the number as Code 128.",
		Access:      functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r labelRequest) (functions.Content, error) {
		return printLabel(ctx, c, &r)
	})
}

func printLabel(ctx context.Context, c *functions.Call, r *labelRequest) (out functions.Content, err error) {
	if r.AWBID == nil && r.AWBNumber == nil && r.OrderID == nil {
		return out, functions.Invalid("awb_id", "or awb_number or order_id must be given")
	}
	var l print.Label
	var to []byte
	var cod float64
	var currency string
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select a.awb_number, a.courier_name, coalesce(a.courier_tracking_number, ''), coalesce(o.order_number, ''), g.name, a.recipient,
				a.cod_amount::float8, coalesce(o.currency, g.currency), a.created_at
			from public.awbs a
			join public.organizations g on g.id = a.organization_id
			left join public.orders o on o.id = a.order_id
			where a.organization_id = auth.organization_id()
				and (a.id = $1 or a.awb_number = $2 or (a.order_id = $3 and a.status not in ('returned', 'failed')))
			order by a.created_at desc limit 1`, r.AWBID, r.AWBNumber, r.OrderID).Scan(
			&l.AWBNumber, &l.Courier, &l.TrackingNumber, &l.OrderNumber, &l.From.Name, &to, &cod, &currency, &l.Date)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = functions.Errorf(http.StatusNotFound, "not_found", "There is no such consignment")
	}
	if err != nil {
		return out, err
	}
	if l.To, err = print.ParseAddress(to); err != nil {
		return out, err
	}
	if cod > 0 {
		l.COD = strconv.FormatFloat(cod, 'f', 2, 64) + " " + currency
	}
	pdf, err := l.PDF()
	if err != nil {
		return out, err
	}
	return functions.Content{
		Type: "application/pdf", Body: pdf, Header: map[string]string{"Content-Disposition": fmt.Sprintf(`inline; filename="%s.pdf"`, l.AWBNumber)},
	}, nil
}
