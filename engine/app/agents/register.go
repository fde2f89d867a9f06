package agents

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/engine/mail"
)

type registerRequest struct {
	AgentName        string  `json:"agent_name" jsonschema:"the agent's name" min:"1" max:"200"`
	AgentPlatform    *string `json:"agent_platform,omitempty" jsonschema:"what the agent runs on" max:"100"`
	OwnerEmail       string  `json:"owner_email" jsonschema:"the address of the person who will own the organization" format:"email" max:"254"`
	OrganizationName string  `json:"organization_name" jsonschema:"the organization's name" min:"1" max:"200"`
	Plan             string  `json:"plan,omitempty" jsonschema:"always free; larger plans need a person" enum:"free"`
}

type registerResponse struct {
	APIKey         string         `json:"api_key" jsonschema:"the agent's key, which is not shown again"`
	KeyPrefix      string         `json:"key_prefix" jsonschema:"the first 15 characters, by which people tell keys apart"`
	OrganizationID string         `json:"organization_id" jsonschema:"the organization that was made"`
	AgentID        string         `json:"agent_id" jsonschema:"the agent"`
	MCPEndpoint    string         `json:"mcp_endpoint" jsonschema:"where the agent finds its tools"`
	Plan           string         `json:"plan" jsonschema:"the organization's plan"`
	Limits         map[string]any `json:"limits" jsonschema:"what the plan allows"`
	Message        string         `json:"message" jsonschema:"says to store the key now"`
}

func (s *service) register() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-register", Tag: "Agents", Summary: "Register an agent with an organization of its own",
		Description: "Makes an organization on the plan free with an agent and a key of the scope read. The person whose address is " +
			"given gets a mail and becomes the owner by accepting it. At most three agents a day can be registered for an address. " +
			"An agent whose user has an account already should be given a key by that user instead.",
		Access: functions.Public(), Tier: functions.AgentAuth, Status: http.StatusCreated, WithholdAnswer: true,
		Example: `{"agent_name": "Helper", "owner_email": "ann@example.com", "organization_name": "Corner Shop"}`,
	}, s.doRegister)
}

func (s *service) doRegister(ctx context.Context, c *functions.Call, r registerRequest) (out registerResponse, err error) {
	email, err := mail.ValidAddress(r.OwnerEmail)
	if err != nil {
		return out, functions.Invalid("owner_email", "is no valid address")
	}
	key, hash, err := s.newKey(ctx)
	if err != nil {
		return out, err
	}
	token, expires := randomText(keyRandom), s.Now().Add(inviteLife)
	err = c.AsServer(ctx, func(tx pgx.Tx) error {
		var plan []byte
		if err := tx.QueryRow(ctx, "select organization_id, agent_id, plan from nexus_app.register_agent($1, $2, $3, $4, $5, $6, $7, $8)",
			r.AgentName, r.AgentPlatform, email, r.OrganizationName, key[:shownPrefix], hash, hashToken(token), expires,
		).Scan(&out.OrganizationID, &out.AgentID, &plan); err != nil {
			return err
		}
		if err := json.Unmarshal(plan, &out.Limits); err != nil {
			return err
		}
		return s.sendInvite(ctx, email, "owner", r.OrganizationName, token, expires)
	})
	out.APIKey, out.KeyPrefix, out.Message, out.Plan = key, key[:shownPrefix], storeNow, "free"
	out.MCPEndpoint = s.BaseURL + "/functions/v1/mcp-server"
	return out, err
}
