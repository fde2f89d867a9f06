package agents

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
)

// notFound says that the caller's organization has no such thing, whoever else has.
func notFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return functions.Errorf(http.StatusNotFound, "not_found", "The organization has no "+what+" with this id")
	}
	return err
}

type organization struct {
	ID        string    `json:"id" jsonschema:"the organization"`
	Name      string    `json:"name" jsonschema:"its name"`
	Plan      string    `json:"plan" jsonschema:"what it has subscribed to"`
	Currency  string    `json:"currency" jsonschema:"the currency of new orders"`
	Timezone  string    `json:"timezone" jsonschema:"the time zone of its reports"`
	Country   *string   `json:"country" jsonschema:"the country of its phone numbers"`
	CreatedAt time.Time `json:"created_at" jsonschema:"when it was created"`
	Role      string    `json:"role" jsonschema:"what the caller may do in it: owner, admin or member"`
	Current   bool      `json:"current" jsonschema:"whether the caller's next tokens are for it"`
}

// refreshSession says how the change gets into the caller's token.
const refreshSession = "Refresh the session (auth/v1/token?grant_type=refresh_token) to get a token for it."

type createOrganizationRequest struct {
	Name     string  `json:"name" jsonschema:"the organization's name" min:"1" max:"200"`
	Currency *string `json:"currency,omitempty" jsonschema:"the currency of its orders (ISO 4217); USD if it is not given" pattern:"^[A-Za-z]{3}$"`
	Timezone *string `json:"timezone,omitempty" jsonschema:"its time zone (IANA); UTC if it is not given" max:"64"`
	Country  *string `json:"country,omitempty" jsonschema:"its country (ISO 3166-1 alpha-2)" pattern:"^[A-Za-z]{2}$"`
}

func (s *service) createOrganization() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "organization-create", Tag: "Auth", Summary: "Create an organization",
		Description: "The caller becomes its owner, and it becomes the one that the caller's tokens are for. " + refreshSession,
		Access:      functions.SignedIn(), Tier: functions.Standard, Status: http.StatusCreated,
		Example: `{"name": "Corner Shop", "currency": "EUR", "timezone": "Europe/Berlin", "country": "DE"}`,
	}, func(ctx context.Context, c *functions.Call, r createOrganizationRequest) (out organization, err error) {
		out.Role, out.Current = "owner", true
		err = c.QueryRow(ctx, `
			select id, name, plan, currency, timezone, country, created_at from nexus_app.create_organization($1, $2, $3, $4)`,
			[]any{r.Name, r.Currency, r.Timezone, r.Country},
			&out.ID, &out.Name, &out.Plan, &out.Currency, &out.Timezone, &out.Country, &out.CreatedAt)
		return out, err
	})
}

type switchOrganizationRequest struct {
	OrganizationID uuid.UUID `json:"organization_id" jsonschema:"one of the caller's organizations"`
}

type switchOrganizationResponse struct {
	OrganizationID string `json:"organization_id" jsonschema:"the organization that the caller's next tokens are for"`
	Role           string `json:"role" jsonschema:"what the caller may do in it"`
	Message        string `json:"message" jsonschema:"says to refresh the session"`
}

func (s *service) switchOrganization() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "organization-switch", Tag: "Auth", Summary: "Make another organization the current one",
		Description: refreshSession,
		Access:      functions.SignedIn(), Tier: functions.Standard,
		Example: `{"organization_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r switchOrganizationRequest) (out switchOrganizationResponse, err error) {
		out.OrganizationID, out.Message = r.OrganizationID.String(), refreshSession
		err = c.QueryRow(ctx, "select nexus_app.switch_organization($1)::text", []any{r.OrganizationID}, &out.Role)
		return out, err
	})
}

func (s *service) listOrganizations() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "organizations", Method: http.MethodGet, Tag: "Auth", Summary: "List the caller's organizations",
		Access: functions.SignedIn(), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r functions.Paging) (out functions.List[organization], err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			var total int
			if err := tx.QueryRow(ctx, "select count(*) from public.organization_members where user_id = auth.uid()").Scan(&total); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `
				select o.id, o.name, o.plan, o.currency, o.timezone, o.country, o.created_at, m.role::text,
					o.id is not distinct from p.current_organization_id
				from public.organization_members m
				join public.organizations o on o.id = m.organization_id
				left join public.profiles p on p.id = m.user_id
				where m.user_id = auth.uid() order by m.created_at, o.id limit $1 offset $2`, r.Limit(), r.Offset())
			if err != nil {
				return err
			}
			all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[organization])
			out = functions.NewList(r, all, total)
			return err
		})
		return out, err
	})
}
