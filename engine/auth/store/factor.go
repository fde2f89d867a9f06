package store

import (
	"context"
	"strconv"
	"time"
)

// Statuses of a factor.
const (
	Unverified = "unverified"
	Verified   = "verified"
)

// Factor is a row of auth.mfa_factors: a second way to prove who one is.
type Factor struct {
	ID               string     `db:"id"`
	UserID           string     `db:"user_id"`
	FriendlyName     string     `db:"friendly_name"`
	Type             string     `db:"factor_type"`
	Status           string     `db:"status"`
	Secret           string     `db:"secret"`
	Phone            string     `db:"phone"`
	LastChallengedAt *time.Time `db:"last_challenged_at"`
	CreatedAt        time.Time  `db:"created_at"`
	UpdatedAt        time.Time  `db:"updated_at"`
}

const selectFactor = `
	select id, user_id, coalesce(friendly_name, '') as friendly_name, factor_type::text as factor_type, status::text as status,
		coalesce(secret, '') as secret, coalesce(phone, '') as phone, last_challenged_at, created_at, updated_at
	from auth.mfa_factors `

// Factors returns those of a user, the oldest first.
func (t *Tx) Factors(ctx context.Context, userID string) ([]Factor, error) {
	return many[Factor](ctx, t, selectFactor+"where user_id = $1 order by created_at, id", userID)
}

// Factor returns one of a user's, and locks it.
func (t *Tx) Factor(ctx context.Context, userID, id string) (*Factor, error) {
	return one[Factor](ctx, t, selectFactor+"where user_id = $1 and id = $2 for update", userID, id)
}

// CreateFactor inserts a factor.
func (t *Tx) CreateFactor(ctx context.Context, f *Factor) error {
	row, err := one[Factor](ctx, t, `
		insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at)
		values ($1, $2, nullif($3, ''), $4::auth.factor_type, $5::auth.factor_status, $6, now(), now())
		returning id, user_id, coalesce(friendly_name, '') as friendly_name, factor_type::text as factor_type,
			status::text as status, coalesce(secret, '') as secret, coalesce(phone, '') as phone, last_challenged_at, created_at,
			updated_at`,
		f.ID, f.UserID, f.FriendlyName, f.Type, f.Status, f.Secret)
	if err != nil {
		return err
	}
	*f = *row
	return nil
}

// SaveFactor writes what changes in the life of a factor.
func (t *Tx) SaveFactor(ctx context.Context, f *Factor) error {
	return t.affect(ctx, `
		update auth.mfa_factors set friendly_name = nullif($2, ''), status = $3::auth.factor_status, phone = nullif($4, ''),
			last_challenged_at = $5, updated_at = now()
		where id = $1`, f.ID, f.FriendlyName, f.Status, f.Phone, f.LastChallengedAt)
}

// DeleteFactor removes a factor with its challenges. Sessions that it has strengthened become weak again.
func (t *Tx) DeleteFactor(ctx context.Context, id string) error {
	if err := t.exec(ctx, "update auth.sessions set aal = 'aal1', factor_id = null where factor_id = $1", id); err != nil {
		return err
	}
	return t.affect(ctx, "delete from auth.mfa_factors where id = $1", id)
}

// DeleteStaleFactors removes those of a user that were never verified and are older than the time.
func (t *Tx) DeleteStaleFactors(ctx context.Context, userID string, before time.Time) error {
	return t.exec(ctx, "delete from auth.mfa_factors where user_id = $1 and status = 'unverified' and created_at < $2", userID, before)
}

// Challenge is a row of auth.mfa_challenges.
type Challenge struct {
	ID         string     `db:"id"`
	FactorID   string     `db:"factor_id"`
	IP         string     `db:"ip"`
	CreatedAt  time.Time  `db:"created_at"`
	VerifiedAt *time.Time `db:"verified_at"`
}

// CreateChallenge inserts a challenge.
func (t *Tx) CreateChallenge(ctx context.Context, c *Challenge) error {
	row, err := one[struct {
		CreatedAt time.Time `db:"created_at"`
	}](ctx, t, `
		insert into auth.mfa_challenges (id, factor_id, ip_address, created_at)
		values ($1, $2, coalesce($3, '0.0.0.0'::inet), now()) returning created_at`, c.ID, c.FactorID, address(c.IP))
	if err != nil {
		return err
	}
	c.CreatedAt = row.CreatedAt
	return nil
}

// Challenge returns one of a factor's, and locks it.
func (t *Tx) Challenge(ctx context.Context, factorID, id string) (*Challenge, error) {
	return one[Challenge](ctx, t, `
		select id, factor_id, host(ip_address) as ip, created_at, verified_at from auth.mfa_challenges
		where factor_id = $1 and id = $2 for update`, factorID, id)
}

// VerifyChallenge notes that a challenge has been met, and with the code of which time step.
func (t *Tx) VerifyChallenge(ctx context.Context, id string, step uint64) error {
	return t.affect(ctx, "update auth.mfa_challenges set verified_at = now(), otp_code = $2 where id = $1", id, strconv.FormatUint(step, 10))
}

// DeleteChallenge removes one that came too late.
func (t *Tx) DeleteChallenge(ctx context.Context, id string) error {
	return t.affect(ctx, "delete from auth.mfa_challenges where id = $1", id)
}

// LastStep returns the time step of the newest code that a challenge of the factor was met with, 0 for none.
func (t *Tx) LastStep(ctx context.Context, factorID string) (uint64, error) {
	row, err := one[struct {
		Step int64 `db:"step"`
	}](ctx, t, `
		select coalesce(max(otp_code::bigint), 0) as step from auth.mfa_challenges
		where factor_id = $1 and verified_at is not null and otp_code ~ '^[0-9]{1,18}$'`, factorID)
	if err != nil {
		return 0, err
	}
	return uint64(row.Step), nil
}
