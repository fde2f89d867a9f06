package store

import (
	"context"
	"net/netip"
	"time"
)

// Assurance levels of a session (NIST SP 800-63).
const (
	AAL1 = "aal1"
	AAL2 = "aal2"
)

// Session is a row of auth.sessions: one login on one device.
type Session struct {
	ID       string     `db:"id"`
	UserID   string     `db:"user_id"`
	FactorID *string    `db:"factor_id"`
	AAL      string     `db:"aal"`
	NotAfter *time.Time `db:"not_after"`
	// RefreshedAt is when the refresh token was last exchanged.
	RefreshedAt *time.Time `db:"refreshed_at"`
	UserAgent   string     `db:"user_agent"`
	IP          string     `db:"ip"`
	Tag         string     `db:"tag"`
	// RefreshKey and RefreshCounter make the session's refresh token, together with the server's secret.
	RefreshKey     string    `db:"refresh_token_hmac_key"`
	RefreshCounter int64     `db:"refresh_token_counter"`
	CreatedAt      time.Time `db:"created_at"`
	UpdatedAt      time.Time `db:"updated_at"`
}

// refreshed_at is a time without a zone, of UTC.
const selectSession = `
	select id, user_id, factor_id, coalesce(aal::text, 'aal1') as aal, not_after, refreshed_at at time zone 'UTC' as refreshed_at,
		coalesce(user_agent, '') as user_agent, coalesce(host(ip), '') as ip, coalesce(tag, '') as tag,
		coalesce(refresh_token_hmac_key, '') as refresh_token_hmac_key, coalesce(refresh_token_counter, 0) as refresh_token_counter,
		coalesce(created_at, now()) as created_at, coalesce(updated_at, now()) as updated_at
	from auth.sessions `

// Session returns the session with the id and keeps others from changing it until the transaction ends.
func (t *Tx) Session(ctx context.Context, id string) (*Session, error) {
	return one[Session](ctx, t, selectSession+"where id = $1 for update", id)
}

// SessionSeen is Session for those who only look.
func (t *Tx) SessionSeen(ctx context.Context, id string) (*Session, error) {
	return one[Session](ctx, t, selectSession+"where id = $1", id)
}

// CreateSession inserts a session.
func (t *Tx) CreateSession(ctx context.Context, s *Session) error {
	row, err := one[struct {
		CreatedAt time.Time `db:"created_at"`
	}](ctx, t, `
		insert into auth.sessions (id, user_id, factor_id, aal, not_after, user_agent, ip, tag, refresh_token_hmac_key,
			refresh_token_counter, created_at, updated_at)
		values ($1, $2, $3, $4::auth.aal_level, $5, nullif($6, ''), $7, nullif($8, ''), $9, $10, now(), now())
		returning created_at`,
		s.ID, s.UserID, s.FactorID, s.AAL, s.NotAfter, s.UserAgent, address(s.IP), s.Tag, s.RefreshKey, s.RefreshCounter)
	if err != nil {
		return err
	}
	s.CreatedAt, s.UpdatedAt = row.CreatedAt, row.CreatedAt
	return nil
}

// address is null for what is no address.
func address(text string) *netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	a = a.WithZone("")
	return &a
}

// SaveSession writes what changes in the life of a session.
func (t *Tx) SaveSession(ctx context.Context, s *Session) error {
	return t.affect(ctx, `
		update auth.sessions set aal = $2::auth.aal_level, factor_id = $3, not_after = $4,
			refreshed_at = $5::timestamptz at time zone 'UTC', user_agent = nullif($6, ''), ip = $7, refresh_token_hmac_key = $8,
			refresh_token_counter = $9, updated_at = now()
		where id = $1`,
		s.ID, s.AAL, s.FactorID, s.NotAfter, s.RefreshedAt, s.UserAgent, address(s.IP), s.RefreshKey, s.RefreshCounter)
}

// DeleteSession logs one device out.
func (t *Tx) DeleteSession(ctx context.Context, id string) error {
	return t.exec(ctx, "delete from auth.sessions where id = $1", id)
}

// DeleteSessions logs a user out, except from the session keep, if that is not empty.
func (t *Tx) DeleteSessions(ctx context.Context, userID, keep string) error {
	return t.exec(ctx, "delete from auth.sessions where user_id = $1 and id::text <> $2", userID, keep)
}

// DeleteWeakSessions logs a user out from the sessions of the lowest level, except from one.
func (t *Tx) DeleteWeakSessions(ctx context.Context, userID, keep string) error {
	return t.exec(ctx, "delete from auth.sessions where user_id = $1 and id::text <> $2 and coalesce(aal::text, 'aal1') = 'aal1'", userID, keep)
}

// NewestSession returns a user's latest session with the tag.
func (t *Tx) NewestSession(ctx context.Context, userID string) (*Session, error) {
	return one[Session](ctx, t, selectSession+"where user_id = $1 order by auth.sessions.created_at desc, id desc limit 1", userID)
}

// AMR is a row of auth.mfa_amr_claims: a way in which a session was authenticated.
type AMR struct {
	Method    string    `db:"authentication_method"`
	UpdatedAt time.Time `db:"updated_at"`
}

// AMRs returns how a session was authenticated, the newest first.
func (t *Tx) AMRs(ctx context.Context, sessionID string) ([]AMR, error) {
	return many[AMR](ctx, t, `
		select authentication_method, updated_at from auth.mfa_amr_claims where session_id = $1
		order by updated_at desc, authentication_method`, sessionID)
}

// AddAMR notes that a session was authenticated in a way.
func (t *Tx) AddAMR(ctx context.Context, sessionID, method string) error {
	return t.exec(ctx, `
		insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
		values (gen_random_uuid(), $1, $2, clock_timestamp(), clock_timestamp())
		on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at`, sessionID, method)
}

// RefreshToken is a row of auth.refresh_tokens, where GoTrue keeps its refresh tokens. Nexus makes none, but takes those
// that came with a database.
type RefreshToken struct {
	ID        int64   `db:"id"`
	UserID    string  `db:"user_id"`
	SessionID *string `db:"session_id"`
	Revoked   bool    `db:"revoked"`
}

// RefreshToken returns a token of GoTrue's and locks it.
func (t *Tx) RefreshToken(ctx context.Context, token string) (*RefreshToken, error) {
	return one[RefreshToken](ctx, t, `
		select id, user_id, session_id, coalesce(revoked, false) as revoked from auth.refresh_tokens where token = $1 for update`, token)
}

// RevokeRefreshToken ends a token of GoTrue's.
func (t *Tx) RevokeRefreshToken(ctx context.Context, id int64) error {
	return t.affect(ctx, "update auth.refresh_tokens set revoked = true, updated_at = now() where id = $1", id)
}
