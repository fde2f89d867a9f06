package store

import (
	"context"
	"time"
)

// TokenKind says what a one-time token is for: a value of auth.one_time_token_type.
type TokenKind string

// The kinds of one-time tokens.
const (
	ConfirmationToken       TokenKind = "confirmation_token"
	ReauthenticationToken   TokenKind = "reauthentication_token"
	RecoveryToken           TokenKind = "recovery_token"
	EmailChangeTokenNew     TokenKind = "email_change_token_new"
	EmailChangeTokenCurrent TokenKind = "email_change_token_current"
)

// PutToken makes the hash the user's only token of the kind. relatesTo is the address that it was made for.
func (t *Tx) PutToken(ctx context.Context, userID string, kind TokenKind, hash, relatesTo string) error {
	return t.exec(ctx, `
		insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
		values (gen_random_uuid(), $1, $2::auth.one_time_token_type, $3, $4, now(), now())
		on conflict (user_id, token_type) do update
		set token_hash = excluded.token_hash, relates_to = excluded.relates_to, created_at = now(), updated_at = now()`,
		userID, string(kind), hash, relatesTo)
}

// DeleteTokens removes all one-time tokens of a user.
func (t *Tx) DeleteTokens(ctx context.Context, userID string) error {
	return t.exec(ctx, "delete from auth.one_time_tokens where user_id = $1", userID)
}

// FlowState is a row of auth.flow_state: a login that was begun with PKCE (RFC 7636), or at a provider.
type FlowState struct {
	ID                   string     `db:"id"`
	UserID               *string    `db:"user_id"`
	AuthCode             string     `db:"auth_code"`
	ChallengeMethod      string     `db:"code_challenge_method"`
	Challenge            string     `db:"code_challenge"`
	ProviderType         string     `db:"provider_type"`
	ProviderAccessToken  string     `db:"provider_access_token"`
	ProviderRefreshToken string     `db:"provider_refresh_token"`
	Method               string     `db:"authentication_method"`
	AuthCodeIssuedAt     *time.Time `db:"auth_code_issued_at"`
	// Referrer is where the user goes in the end, and LinkingTargetID whom the login is to be linked to.
	Referrer        string    `db:"referrer"`
	LinkingTargetID *string   `db:"linking_target_id"`
	CreatedAt       time.Time `db:"created_at"`
}

const selectFlowState = `
	select id, user_id, coalesce(auth_code, '') as auth_code, coalesce(code_challenge_method::text, '') as code_challenge_method,
		coalesce(code_challenge, '') as code_challenge, provider_type, coalesce(provider_access_token, '') as provider_access_token,
		coalesce(provider_refresh_token, '') as provider_refresh_token, authentication_method, auth_code_issued_at,
		coalesce(referrer, '') as referrer, linking_target_id, coalesce(created_at, now()) as created_at
	from auth.flow_state `

// CreateFlowState inserts a flow.
func (t *Tx) CreateFlowState(ctx context.Context, f *FlowState) error {
	return t.exec(ctx, `
		insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
			provider_access_token, provider_refresh_token, authentication_method, auth_code_issued_at, referrer,
			linking_target_id, created_at, updated_at)
		values ($1, $2, $3, nullif($4, '')::auth.code_challenge_method, nullif($5, ''), $6, '', '', $7, $8, nullif($9, ''), $10,
			now(), now())`,
		f.ID, f.UserID, f.AuthCode, f.ChallengeMethod, f.Challenge, f.ProviderType, f.Method, f.AuthCodeIssuedAt, f.Referrer,
		f.LinkingTargetID)
}

// FlowStateByCode returns the flow that an auth code was issued for, and locks it.
func (t *Tx) FlowStateByCode(ctx context.Context, code string) (*FlowState, error) {
	return one[FlowState](ctx, t, selectFlowState+"where auth_code = $1 for update", code)
}

// FlowState returns a flow by its id, and locks it.
func (t *Tx) FlowState(ctx context.Context, id string) (*FlowState, error) {
	return one[FlowState](ctx, t, selectFlowState+"where id = $1 for update", id)
}

// NewestFlowState returns the user's latest flow of an authentication method that has not been given its code.
func (t *Tx) NewestFlowState(ctx context.Context, userID, method string) (*FlowState, error) {
	return one[FlowState](ctx, t,
		selectFlowState+"where user_id = $1 and authentication_method = $2 order by auth.flow_state.created_at desc limit 1 for update",
		userID, method)
}

// SaveFlowState writes who a flow is for and what it has got.
func (t *Tx) SaveFlowState(ctx context.Context, f *FlowState) error {
	return t.affect(ctx, `
		update auth.flow_state set user_id = $2, auth_code = $3, provider_access_token = $4, provider_refresh_token = $5,
			auth_code_issued_at = $6, updated_at = now()
		where id = $1`,
		f.ID, f.UserID, f.AuthCode, f.ProviderAccessToken, f.ProviderRefreshToken, f.AuthCodeIssuedAt)
}

// DeleteFlowState ends a flow.
func (t *Tx) DeleteFlowState(ctx context.Context, id string) error {
	return t.affect(ctx, "delete from auth.flow_state where id = $1", id)
}
