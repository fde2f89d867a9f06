package agents

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

type createKeyRequest struct {
	Name      string     `json:"name" jsonschema:"what people call the key" min:"1" max:"200"`
	Scopes    []string   `json:"scopes" jsonschema:"what its tokens may do" enum:"read,write,admin" min:"1" max:"3"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" jsonschema:"until when the key is accepted; without it until it is revoked"`
	AgentID   *uuid.UUID `json:"agent_id,omitempty" jsonschema:"the agent whose key it is; without it the one of the same name, or a new one"`
}

type createKeyResponse struct {
	ID             string   `json:"id" jsonschema:"the key's id, to revoke or rotate it by"`
	APIKey         string   `json:"api_key" jsonschema:"the key, which is not shown again"`
	KeyPrefix      string   `json:"key_prefix" jsonschema:"the first 15 characters, by which people tell keys apart"`
	OrganizationID string   `json:"organization_id" jsonschema:"the organization that it opens"`
	AgentID        string   `json:"agent_id" jsonschema:"the agent whose key it is"`
	Name           string   `json:"name" jsonschema:"what people call the key"`
	Scopes         []string `json:"scopes" jsonschema:"what its tokens may do"`
	ExpiresAt      *string  `json:"expires_at" jsonschema:"until when it is accepted, null without an end"`
	Message        string   `json:"message" jsonschema:"says to store the key now"`
}

// storeNow says what cannot be made up for later.
const storeNow = "Store this API key now: it will not be shown again."

func (s *service) createKey() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-api-key-create", Tag: "Agents", Summary: "Create an API key for an agent",
		Description: "The key belongs to the caller's current organization. It is shown once; only its bcrypt hash is kept. Scopes that " +
			"the plan does not allow are refused, and so is one agent more than it allows (403).",
		Access: functions.Members(rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard, Status: http.StatusCreated, WithholdAnswer: true,
		Example: `{"name": "Reporting", "scopes": ["read"], "expires_at": "2099-12-31T23:59:59Z"}`,
	}, func(ctx context.Context, c *functions.Call, r createKeyRequest) (createKeyResponse, error) {
		return s.addKey(ctx, c, "select nexus_app.create_agent_key($1, $2, $3, $4::text[]::public.agent_scope[], $5, $6)",
			r.Name, r.Scopes, r.ExpiresAt, r.AgentID)
	})
}

// addKey makes a key that a statement stores, and describes it.
func (s *service) addKey(ctx context.Context, c *functions.Call, sql string, args ...any) (out createKeyResponse, err error) {
	key, hash, err := s.newKey(ctx)
	if err != nil {
		return out, err
	}
	err = c.Tx(ctx, func(tx pgx.Tx) error {
		all := append([]any{key[:shownPrefix], hash}, args...)
		if err := tx.QueryRow(ctx, sql, all...).Scan(&out.ID); err != nil {
			return err
		}
		var expires *time.Time
		err := tx.QueryRow(ctx, `
			select organization_id, agent_id, name, scopes::text[], expires_at from public.agent_api_keys where id = $1`, out.ID,
		).Scan(&out.OrganizationID, &out.AgentID, &out.Name, &out.Scopes, &expires)
		out.ExpiresAt = milliseconds(expires)
		return err
	})
	out.APIKey, out.KeyPrefix, out.Message = key, key[:shownPrefix], storeNow
	return out, err
}

type keyRequest struct {
	ID uuid.UUID `json:"id" jsonschema:"the key's id"`
}

type rotateKeyRequest struct {
	ID           uuid.UUID `json:"id" jsonschema:"the key's id"`
	GraceSeconds int       `json:"grace_seconds,omitempty" jsonschema:"how long the old key is still accepted" min:"0" max:"604800"`
}

func (s *service) rotateKey() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-api-key-rotate", Tag: "Agents", Summary: "Replace an API key by a new one",
		Description: "The new key has the old one's name, agent, scopes and end. The old one is revoked at once, or after a grace period.",
		Access:      functions.Members(rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard, Status: http.StatusCreated, WithholdAnswer: true,
		Example: `{"id": "00000000-0000-0000-0000-000000000000", "grace_seconds": 3600}`,
	}, func(ctx context.Context, c *functions.Call, r rotateKeyRequest) (createKeyResponse, error) {
		return s.addKey(ctx, c, "select nexus_app.rotate_agent_key($3, $1, $2, make_interval(secs => $4::integer))", r.ID, r.GraceSeconds)
	})
}

// keyRow is a key without its secret.
type keyRow struct {
	ID         string     `json:"id" jsonschema:"the key's id"`
	AgentID    string     `json:"agent_id" jsonschema:"the agent whose key it is"`
	Name       string     `json:"name" jsonschema:"what people call the key"`
	KeyPrefix  string     `json:"key_prefix" jsonschema:"the first 15 characters"`
	Scopes     []string   `json:"scopes" jsonschema:"what its tokens may do"`
	IsActive   bool       `json:"is_active" jsonschema:"whether it is accepted; revoked keys are not"`
	ExpiresAt  *time.Time `json:"expires_at" jsonschema:"until when it is accepted"`
	LastUsedAt *time.Time `json:"last_used_at" jsonschema:"when it was last exchanged"`
	CreatedAt  time.Time  `json:"created_at" jsonschema:"when it was made"`
}

const keyColumns = "id, agent_id, name, key_prefix, scopes::text[], is_active, expires_at, last_used_at, created_at"

type listKeysRequest struct {
	functions.Paging
	IsActive *bool `json:"is_active,omitempty" jsonschema:"only keys that are accepted, or only those that are not"`
}

func (s *service) listKeys() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-api-keys", Method: http.MethodGet, Tag: "Agents", Summary: "List the API keys of the organization",
		Access: functions.Members(rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r listKeysRequest) (out functions.List[keyRow], err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			var total int
			if err := tx.QueryRow(ctx, "select count(*) from public.agent_api_keys where $1::boolean is null or is_active = $1", r.IsActive).Scan(&total); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "select "+keyColumns+` from public.agent_api_keys
				where $1::boolean is null or is_active = $1 order by created_at desc, id limit $2 offset $3`,
				r.IsActive, r.Limit(), r.Offset())
			if err != nil {
				return err
			}
			keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keyRow])
			out = functions.NewList(r.Paging, keys, total)
			return err
		})
		return out, err
	})
}

func (s *service) revokeKey() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-api-key-revoke", Tag: "Agents", Summary: "Revoke an API key",
		Description: "The key is not exchanged any more. Tokens that it was exchanged for before end within the hour, or at once if " +
			"the server checks credentials at every statement (check-credentials).",
		Access: functions.Members(rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
		Example: `{"id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r keyRequest) (out keyRow, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "update public.agent_api_keys set is_active = false where id = $1 returning "+keyColumns, r.ID)
			if err != nil {
				return err
			}
			out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[keyRow])
			return notFound(err, "key")
		})
		return out, err
	})
}
