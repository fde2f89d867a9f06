package agents

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/clientip"
	"nexus/engine/functions"
	"nexus/engine/password"
	"nexus/rls"
)

type exchangeRequest struct {
	APIKey string `json:"api_key" jsonschema:"the agent's key" min:"1" max:"256"`
}

type exchangeResponse struct {
	AccessToken    string      `json:"access_token" jsonschema:"the token, to be sent as Authorization: Bearer"`
	TokenType      string      `json:"token_type" jsonschema:"always bearer"`
	ExpiresIn      int         `json:"expires_in" jsonschema:"how long the token lives, in seconds; exchange the key again then"`
	OrganizationID string      `json:"organization_id" jsonschema:"the organization that the token is for"`
	Scopes         []rls.Scope `json:"scopes" jsonschema:"what the token may do"`
}

func (s *service) exchange() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-auth", Tag: "Agents", Summary: "Exchange an agent's API key for a token",
		Description: "The token acts for the key's organization with the key's scopes, on rest/v1, functions/v1 and the tools of " +
			"agents alike, for at most an hour. There is no refresh token: on 401 exchange the key again. Keys are accepted here and " +
			"nowhere else.",
		Access: functions.Public(), Tier: functions.AgentAuth, WithholdAnswer: true,
		Example: `{"api_key": "nxs_ak_000000000000000000000000000000000000000000000000"}`,
	}, s.exchangeKey)
}

// candidate is a key that could be the one presented.
type candidate struct {
	ID, Hash, Organization, Agent, User string
	Scopes                              []rls.Scope
	ExpiresAt                           *time.Time
}

var (
	keyForm       = regexp.MustCompile(`^nxs_ak_[0-9A-Za-z]{16,200}$`)
	errInvalidKey = &functions.Error{
		Status: http.StatusUnauthorized, Code: "invalid_api_key", Message: "The API key is not valid: it is unknown, revoked or expired",
	}
)

func (s *service) exchangeKey(ctx context.Context, c *functions.Call, request exchangeRequest) (exchangeResponse, error) {
	found, err := s.findKey(ctx, request.APIKey)
	if errors.Is(err, errInvalidKey) {
		shown := ""
		if keyForm.MatchString(request.APIKey) {
			shown = request.APIKey[:shownPrefix]
		}
		s.Logger.LogAttrs(ctx, slog.LevelWarn, "an agent's key was refused",
			slog.String("key_prefix", shown), slog.String("address", clientip.Key(c.Address)))
	}
	if errors.Is(err, password.ErrBusy) {
		return exchangeResponse{}, &functions.Error{
			Status: http.StatusTooManyRequests, Code: "rate_limit_exceeded", Message: "Too many keys are exchanged at once, try again in a moment",
			RetryAfter: time.Second, Cause: err,
		}
	}
	if err != nil {
		return exchangeResponse{}, err
	}
	now := s.Now()
	life := rls.MaxAgentTokenLife
	if found.ExpiresAt != nil {
		life = min(life, found.ExpiresAt.Sub(now).Truncate(time.Second))
	}
	if life <= 0 || len(found.Scopes) == 0 {
		return exchangeResponse{}, errInvalidKey
	}
	claims := rls.AgentClaims(found.User, found.Organization, found.ID, found.Scopes)
	claims["iss"] = s.Issuer
	token, err := s.Keys().Current().Issue("authenticated", claims, now, life)
	if err != nil {
		return exchangeResponse{}, err
	}
	return exchangeResponse{
		AccessToken: token, TokenType: "bearer", ExpiresIn: int(life / time.Second), OrganizationID: found.Organization,
		Scopes: found.Scopes,
	}, nil
}

// findKey returns the active key of that text, or errInvalidKey, which takes as long.
func (s *service) findKey(ctx context.Context, key string) (*candidate, error) {
	if !keyForm.MatchString(key) {
		return nil, cmp.Or(s.Hasher.VerifyUnknown(ctx, key), error(errInvalidKey))
	}
	var candidates []candidate
	err := s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select id, key_hash, organization_id, agent_id, user_id, scopes::text[], expires_at
			from nexus_app.agent_key_candidates($1)`, key[:shownPrefix])
		if err != nil {
			return err
		}
		candidates, err = pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		ok, _, err := s.Hasher.Verify(ctx, candidates[i].Hash, key)
		if err != nil {
			return nil, err
		}
		if ok {
			return &candidates[i], s.noteUse(ctx, candidates[i].ID)
		}
	}
	if len(candidates) == 0 {
		err = s.Hasher.VerifyUnknown(ctx, key)
	}
	return nil, cmp.Or(err, error(errInvalidKey))
}

func (s *service) noteUse(ctx context.Context, key string) error {
	return s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select nexus_app.agent_key_used($1)", key)
		return err
	})
}
