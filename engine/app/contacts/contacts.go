package contacts

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/engine/mail"
	"nexus/rls"
)

// Functions are those of contacts.
func Functions() []*functions.Function {
	return []*functions.Function{create(), search(), merge(), bulkLabel(), importCSV()}
}

// Contact is a row of customers.
type Contact struct {
	ID             string          `json:"id" jsonschema:"the contact"`
	FirstName      *string         `json:"first_name" jsonschema:"the given name"`
	LastName       *string         `json:"last_name" jsonschema:"the family name"`
	Email          *string         `json:"email" jsonschema:"the e-mail address, in lower case"`
	PhoneNumber    *string         `json:"phone_number" jsonschema:"the phone number in E.164"`
	Company        *string         `json:"company" jsonschema:"the company that the contact belongs to"`
	Address        json.RawMessage `json:"address" jsonschema:"the postal address"`
	Tags           []string        `json:"tags" jsonschema:"words by which contacts are grouped"`
	JourneyStageID *string         `json:"journey_stage_id" jsonschema:"how far the contact has come"`
	LeadSourceID   *string         `json:"lead_source_id" jsonschema:"where the contact came from"`
	CustomerScore  int             `json:"customer_score" jsonschema:"what the contact is worth"`
	Notes          *string         `json:"notes" jsonschema:"notes of the staff"`
	CreatedAt      time.Time       `json:"created_at" jsonschema:"when it was made"`
	UpdatedAt      time.Time       `json:"updated_at" jsonschema:"when the row last changed"`
}

const columns = `c.id, c.first_name, c.last_name, c.email, c.phone_number, c.company, c.address, c.tags, c.journey_stage_id, c.lead_source_id,
	c.customer_score, c.notes, c.created_at, c.updated_at`

type createRequest struct {
	FirstName    *string        `json:"first_name,omitempty" jsonschema:"the given name" max:"200"`
	LastName     *string        `json:"last_name,omitempty" jsonschema:"the family name" max:"200"`
	Email        *string        `json:"email,omitempty" jsonschema:"the e-mail address" max:"254"`
	Phone        *string        `json:"phone,omitempty" jsonschema:"the phone number; without a country code one of the organization's country" max:"50"`
	Company      *string        `json:"company,omitempty" jsonschema:"the company that the contact belongs to" max:"200"`
	Address      map[string]any `json:"address,omitempty" jsonschema:"the postal address: line1, line2, city, country"`
	Tags         []string       `json:"tags,omitempty" jsonschema:"words by which contacts are grouped" max:"100"`
	JourneyStage *string        `json:"journey_stage,omitempty" jsonschema:"the name of a stage; the organization's first one if it is not given" max:"100"`
	LeadSource   *string        `json:"lead_source,omitempty" jsonschema:"the name of a source" max:"100"`
	Notes        *string        `json:"notes,omitempty" jsonschema:"notes of the staff" max:"20000"`
	OnDuplicate  string         `json:"on_duplicate,omitempty" jsonschema:"what to do if there is a contact with this address or number: return it (the default), update what it lacks, or refuse (409)" enum:"return,update,refuse"`
}

type createResponse struct {
	Contact Contact `json:"contact" jsonschema:"the contact"`
	Created bool    `json:"created" jsonschema:"whether it is new"`
}

func create() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "contact-create", Tag: "Contacts", Summary: "Create a contact, or find the one that is there",
		Description: "Addresses are compared without regard to case, numbers in E.164. If the address belongs to one contact and the number to " +
			"another one, nothing is changed (409 `duplicate_conflict`); merge them first.",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"first_name": "Mona", "last_name": "Adel", "email": "mona@example.com", "phone": "+201001234567", "tags": ["vip"]}`,
	}, func(ctx context.Context, c *functions.Call, r createRequest) (out createResponse, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = addContact(ctx, tx, &r)
			return err
		})
		return out, err
	})
}

// normalize brings the address and the number into the form that is compared.
func (r *createRequest) normalize(region string) error {
	if r.Email != nil {
		email, err := mail.ValidAddress(*r.Email)
		if err != nil {
			return functions.Invalid("email", "is no valid address")
		}
		r.Email = &email
	}
	if r.Phone != nil {
		phone, err := Phone(*r.Phone, region)
		if err != nil {
			return functions.Invalid("phone", "is no valid number; begin it with + and the country code")
		}
		r.Phone = &phone
	}
	return nil
}

// region is the country whose form numbers have.
func region(ctx context.Context, tx pgx.Tx) (country string, err error) {
	err = tx.QueryRow(ctx, "select coalesce(country, '') from public.organizations where id = auth.organization_id()").Scan(&country)
	if errors.Is(err, pgx.ErrNoRows) {
		err = functions.Errorf(http.StatusForbidden, "forbidden", "The organization does not exist any more")
	}
	return country, err
}

func addContact(ctx context.Context, tx pgx.Tx, r *createRequest) (out createResponse, err error) {
	country, err := region(ctx, tx)
	if err != nil {
		return out, err
	}
	if err := r.normalize(country); err != nil {
		return out, err
	}
	stage, err := named(ctx, tx, "journey_stage", "select id from public.customer_journey_stages where organization_id = auth.organization_id() and name = $1", r.JourneyStage)
	if err != nil {
		return out, err
	}
	source, err := named(ctx, tx, "lead_source", "select id from public.lead_sources where organization_id = auth.organization_id() and name = $1", r.LeadSource)
	if err != nil {
		return out, err
	}
	if r.Tags == nil {
		r.Tags = []string{}
	}
	rows, err := tx.Query(ctx, `
		insert into public.customers as c (organization_id, first_name, last_name, email, phone_number, company, address, tags,
			journey_stage_id, lead_source_id, notes, source)
		values (auth.organization_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'manual')
		on conflict do nothing
		returning `+columns,
		r.FirstName, r.LastName, r.Email, r.Phone, r.Company, r.Address, r.Tags, stage, source, r.Notes)
	if err != nil {
		return out, err
	}
	out.Contact, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Contact])
	if !errors.Is(err, pgx.ErrNoRows) {
		out.Created = err == nil
		return out, err
	}
	out.Contact, err = known(ctx, tx, r)
	return out, err
}

// named finds what a request names.
func named(ctx context.Context, tx pgx.Tx, field, sql string, name *string) (*uuid.UUID, error) {
	if name == nil {
		return nil, nil //nolint:nilnil // nothing was named
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, sql, *name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, functions.Invalid(field, "is not known in the organization")
	}
	return &id, err
}

// known returns the contact that stood in the way, with what it lacked if that is wanted.
func known(ctx context.Context, tx pgx.Tx, r *createRequest) (contact Contact, err error) {
	rows, err := tx.Query(ctx, "select "+columns+` from public.customers c
		where c.organization_id = auth.organization_id() and (c.email = $1 or c.phone_number = $2) order by c.created_at for update`, r.Email, r.Phone)
	if err != nil {
		return contact, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Contact])
	switch {
	case err != nil:
		return contact, err
	case len(found) == 0: // it was removed in the meantime
		return contact, &functions.Error{Status: http.StatusServiceUnavailable, Code: "busy", Message: "Others change the same at the moment; try again", RetryAfter: time.Second}
	case len(found) > 1:
		return contact, &functions.Error{
			Status: http.StatusConflict, Code: "duplicate_conflict", Message: "The address belongs to one contact and the number to another one",
			Details: map[string]any{"contact_ids": []string{found[0].ID, found[1].ID}, "hint": "Merge them with contacts-merge."},
		}
	case r.OnDuplicate == "refuse":
		return contact, &functions.Error{
			Status: http.StatusConflict, Code: "duplicate", Message: "There is a contact with this address or number already",
			Details: map[string]any{"contact_id": found[0].ID},
		}
	case r.OnDuplicate != "update":
		return found[0], nil
	}
	rows, err = tx.Query(ctx, `
		update public.customers c set
			first_name = coalesce(c.first_name, $2), last_name = coalesce(c.last_name, $3), email = coalesce(c.email, $4),
			phone_number = coalesce(c.phone_number, $5), company = coalesce(c.company, $6), address = coalesce(c.address, $7),
			tags = array(select distinct t from unnest(c.tags || $8) t order by t), notes = coalesce(c.notes, $9)
		where c.id = $1 returning `+columns,
		found[0].ID, r.FirstName, r.LastName, r.Email, r.Phone, r.Company, r.Address, r.Tags, r.Notes)
	if err != nil {
		return contact, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Contact])
}

type searchRequest struct {
	Query string `json:"query" jsonschema:"parts of a name, address, number, company, tag or note" min:"2" max:"200"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many contacts to return at most; 25 if it is not given" min:"1" max:"200"`
}

type searchResponse struct {
	Data []Contact `json:"data" jsonschema:"the contacts, the best first"`
}

func search() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "contacts-search", Method: http.MethodGet, Tag: "Contacts", Summary: "Find contacts",
		Description: "Every word must occur, whatever its case, accents and Arabic letter forms; also in another form of the word. " +
			"`rest/v1/rpc/search_customers` does the same and can be filtered further.",
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r searchRequest) (out searchResponse, err error) {
		if r.Limit == 0 {
			r.Limit = 25
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "select "+columns+" from public.search_customers($1, $2) c", r.Query, r.Limit)
			if err != nil {
				return err
			}
			out.Data, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Contact])
			return err
		})
		return out, err
	})
}

type mergeRequest struct {
	KeepID   uuid.UUID   `json:"keep_id" jsonschema:"the contact that stays"`
	MergeIDs []uuid.UUID `json:"merge_ids" jsonschema:"the contacts that become part of it" min:"1" max:"50"`
}

func merge() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "contacts-merge", Tag: "Contacts", Summary: "Merge contacts into one",
		Description: "Orders, conversations, calls and whatever else refers to the others refers to the one that stays. What it lacks it gets from " +
			"them, tags are put together, and a touchpoint keeps what they were.",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"keep_id": "00000000-0000-0000-0000-000000000000", "merge_ids": ["00000000-0000-0000-0000-000000000001"]}`,
	}, func(ctx context.Context, c *functions.Call, r mergeRequest) (out Contact, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "select "+columns+" from nexus_app.merge_customers($1, $2) c", r.KeepID, r.MergeIDs)
			if err != nil {
				return err
			}
			out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Contact])
			return err
		})
		return out, err
	})
}

type bulkLabelRequest struct {
	Label       string      `json:"label" jsonschema:"the label's name; it is made if the organization has none of this name" min:"1" max:"100"`
	Action      string      `json:"action,omitempty" jsonschema:"add (the default) or remove" enum:"add,remove"`
	CustomerIDs []uuid.UUID `json:"customer_ids,omitempty" jsonschema:"the contacts" max:"10000"`
	SegmentID   *uuid.UUID  `json:"segment_id,omitempty" jsonschema:"a segment, instead of contacts"`
}

type bulkLabelResponse struct {
	LabelID string `json:"label_id" jsonschema:"the label"`
	Changed int64  `json:"changed" jsonschema:"how many contacts got or lost it"`
}

func bulkLabel() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "contacts-bulk-label", Tag: "Contacts", Summary: "Label many contacts",
		Description: "Adds a label to contacts, or takes it from them; those that have it, or lack it, stay as they are.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Bulk,
		Example: `{"label": "Newsletter", "customer_ids": ["00000000-0000-0000-0000-000000000000"]}`,
	}, func(ctx context.Context, c *functions.Call, r bulkLabelRequest) (out bulkLabelResponse, err error) {
		if (r.SegmentID == nil) == (len(r.CustomerIDs) == 0) {
			return out, functions.Invalid("customer_ids", "or segment_id must be given, and not both")
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			out, err = label(ctx, tx, &r)
			return err
		})
		return out, err
	})
}

func label(ctx context.Context, tx pgx.Tx, r *bulkLabelRequest) (out bulkLabelResponse, err error) {
	err = tx.QueryRow(ctx, `
		with made as (
			insert into public.labels (organization_id, name) values (auth.organization_id(), $1) on conflict do nothing returning id
		)
		select id from made union all select id from public.labels where organization_id = auth.organization_id() and name = $1 limit 1`, r.Label).Scan(&out.LabelID)
	if err != nil {
		return out, err
	}
	ids := r.CustomerIDs
	if ids == nil {
		ids = []uuid.UUID{}
	}
	const chosen = `select c.id from public.customers c where c.organization_id = auth.organization_id() and c.id = any ($2)
		union select s.id from public.segment_customers($3) s`
	sql := `insert into public.customer_labels (organization_id, customer_id, label_id)
		select auth.organization_id(), x.id, $1 from (` + chosen + `) x on conflict do nothing`
	if r.Action == "remove" {
		sql = `delete from public.customer_labels l where l.label_id = $1 and l.customer_id in (` + chosen + `)`
	}
	tag, err := tx.Exec(ctx, sql, out.LabelID, ids, r.SegmentID)
	out.Changed = tag.RowsAffected()
	return out, err
}
