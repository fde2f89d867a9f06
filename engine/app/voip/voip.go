// Package voip has the functions of telephony: calls that are made, and what telephone systems report of calls.
package voip

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/contacts"
	"nexus/engine/functions"
	"nexus/rls"
)

// Functions are those of telephony.
func Functions() []*functions.Function {
	return []*functions.Function{initiate(), report()}
}

type initiateRequest struct {
	PhoneNumber string `json:"phone_number" jsonschema:"whom to call" min:"3" max:"50"`
}

type initiateResponse struct {
	UniqueID string `json:"unique_id" jsonschema:"the telephone system's id of the call"`
}

func initiate() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "call-initiate", Tag: "VoIP", Summary: "Call somebody from one's own extension",
		Description: "Needs an extension of the caller (table `user_extensions`, 409 `extension_required`) and a telephone system of the " +
			"organization (409 `integration_not_configured`).",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"phone_number": "+201001234567"}`,
	}, func(ctx context.Context, c *functions.Call, r initiateRequest) (out initiateResponse, err error) {
		var country string
		var extension *string
		err = c.QueryRow(ctx, `
			select coalesce(o.country, ''), (select e.extension from public.user_extensions e where e.user_id = auth.uid() and e.is_active limit 1)
			from public.organizations o where o.id = auth.organization_id()`, nil, &country, &extension)
		if err != nil {
			return out, err
		}
		if _, err := contacts.Phone(r.PhoneNumber, country); err != nil {
			return out, functions.Invalid("phone_number", "is no valid number; begin it with + and the country code")
		}
		if extension == nil {
			return out, &functions.Error{
				Status: http.StatusConflict, Code: "extension_required", Message: "The caller has no extension",
				Details: map[string]any{"hint": "An admin adds one to user_extensions."},
			}
		}
		return out, functions.NotConfigured("pbx", "pbx_connections")
	})
}

type reportRequest struct {
	UniqueID        string     `json:"unique_id" jsonschema:"the telephone system's id of the call; sent again it changes what is known of the call" min:"1" max:"200"`
	CallDate        *time.Time `json:"call_date,omitempty" jsonschema:"when the call began; now if it is not given"`
	CallerNumber    string     `json:"caller_number" jsonschema:"who called" min:"1" max:"50"`
	CalledNumber    string     `json:"called_number" jsonschema:"who was called" min:"1" max:"50"`
	Extension       *string    `json:"extension,omitempty" jsonschema:"the extension of the organization" max:"50"`
	Direction       string     `json:"direction" jsonschema:"inbound, outbound or internal" enum:"inbound,outbound,internal"`
	Status          string     `json:"status" jsonschema:"what became of it" enum:"answered,missed,busy,failed,voicemail"`
	DurationSeconds int        `json:"duration_seconds,omitempty" jsonschema:"how long was talked" min:"0"`
	RecordingURL    *string    `json:"recording_url,omitempty" jsonschema:"where a recording is" format:"uri" max:"2000"`
}

type reportResponse struct {
	ID         string     `json:"id" jsonschema:"the row of call_logs"`
	CustomerID *uuid.UUID `json:"customer_id" jsonschema:"the contact at the other end, if the number is known"`
}

func report() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "call-log", Tag: "VoIP", Summary: "Report a call that has ended",
		Description: "For telephone systems, with the token of an agent. Numbers are brought into E.164 where that is possible, and the contact is found by them.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"unique_id": "1700000000.1", "caller_number": "+201001234567", "called_number": "100", "direction": "inbound", "status": "missed"}`,
	}, func(ctx context.Context, c *functions.Call, r reportRequest) (out reportResponse, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = store(ctx, tx, &r)
			return err
		})
		return out, err
	})
}

func store(ctx context.Context, tx pgx.Tx, r *reportRequest) (out reportResponse, err error) {
	var country string
	err = tx.QueryRow(ctx, "select coalesce(country, '') from public.organizations where id = auth.organization_id()").Scan(&country)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, functions.Errorf(http.StatusForbidden, "forbidden", "The organization does not exist any more")
	}
	if err != nil {
		return out, err
	}
	for _, number := range []*string{&r.CallerNumber, &r.CalledNumber} {
		if e164, err := contacts.Phone(*number, country); err == nil { // extensions stay as they are
			*number = e164
		}
	}
	err = tx.QueryRow(ctx, `
		insert into public.call_logs as l (organization_id, unique_id, call_date, caller_number, called_number, extension, direction, status, duration_seconds, recording_url)
		values (auth.organization_id(), $1, coalesce($2, now()), $3, $4, $5, $6::text::public.call_direction, $7::text::public.call_status, $8, $9)
		on conflict (organization_id, unique_id) do update set
			status = excluded.status, duration_seconds = excluded.duration_seconds, recording_url = coalesce(excluded.recording_url, l.recording_url)
		returning id, customer_id`,
		r.UniqueID, r.CallDate, r.CallerNumber, r.CalledNumber, r.Extension, r.Direction, r.Status, r.DurationSeconds, r.RecordingURL).Scan(&out.ID, &out.CustomerID)
	return out, err
}
