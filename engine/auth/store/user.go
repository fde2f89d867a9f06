package store

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// User is a row of auth.users. Nil times are those of what has not happened; an empty text is a null or an empty column.
type User struct {
	ID                string     `db:"id"`
	Aud               string     `db:"aud"`
	Role              string     `db:"role"`
	Email             string     `db:"email"`
	EncryptedPassword string     `db:"encrypted_password"`
	EmailConfirmedAt  *time.Time `db:"email_confirmed_at"`
	InvitedAt         *time.Time `db:"invited_at"`

	ConfirmationToken  string     `db:"confirmation_token"`
	ConfirmationSentAt *time.Time `db:"confirmation_sent_at"`
	RecoveryToken      string     `db:"recovery_token"`
	RecoverySentAt     *time.Time `db:"recovery_sent_at"`

	EmailChange             string     `db:"email_change"`
	EmailChangeTokenNew     string     `db:"email_change_token_new"`
	EmailChangeTokenCurrent string     `db:"email_change_token_current"`
	EmailChangeSentAt       *time.Time `db:"email_change_sent_at"`
	// EmailChangeConfirmStatus counts the confirmations that a change of address has got, 0 to 2.
	EmailChangeConfirmStatus int16 `db:"email_change_confirm_status"`

	Phone            string     `db:"phone"`
	PhoneConfirmedAt *time.Time `db:"phone_confirmed_at"`

	ReauthenticationToken  string     `db:"reauthentication_token"`
	ReauthenticationSentAt *time.Time `db:"reauthentication_sent_at"`

	AppMetadata  Metadata   `db:"raw_app_meta_data"`
	UserMetadata Metadata   `db:"raw_user_meta_data"`
	LastSignInAt *time.Time `db:"last_sign_in_at"`
	BannedUntil  *time.Time `db:"banned_until"`
	IsSSOUser    bool       `db:"is_sso_user"`
	IsAnonymous  bool       `db:"is_anonymous"`
	CreatedAt    time.Time  `db:"created_at"`
	UpdatedAt    time.Time  `db:"updated_at"`
	DeletedAt    *time.Time `db:"deleted_at"`
}

// ConfirmedAt is when the first address was confirmed, nil if none is.
func (u *User) ConfirmedAt() *time.Time {
	switch {
	case u.EmailConfirmedAt == nil:
		return u.PhoneConfirmedAt
	case u.PhoneConfirmedAt == nil || u.EmailConfirmedAt.Before(*u.PhoneConfirmedAt):
		return u.EmailConfirmedAt
	default:
		return u.PhoneConfirmedAt
	}
}

// IsBanned reports whether the user may not log in now.
func (u *User) IsBanned(now time.Time) bool {
	return u.BannedUntil != nil && now.Before(*u.BannedUntil)
}

const selectUser = `
	select id, coalesce(aud, '') as aud, coalesce(role, '') as role, coalesce(email, '') as email,
		coalesce(encrypted_password, '') as encrypted_password, email_confirmed_at, invited_at,
		coalesce(confirmation_token, '') as confirmation_token, confirmation_sent_at,
		coalesce(recovery_token, '') as recovery_token, recovery_sent_at, coalesce(email_change, '') as email_change,
		coalesce(email_change_token_new, '') as email_change_token_new,
		coalesce(email_change_token_current, '') as email_change_token_current, email_change_sent_at,
		coalesce(email_change_confirm_status, 0) as email_change_confirm_status, coalesce(phone, '') as phone,
		phone_confirmed_at, coalesce(reauthentication_token, '') as reauthentication_token, reauthentication_sent_at,
		coalesce(raw_app_meta_data, '{}') as raw_app_meta_data, coalesce(raw_user_meta_data, '{}') as raw_user_meta_data,
		last_sign_in_at, banned_until, is_sso_user, is_anonymous, coalesce(created_at, now()) as created_at,
		coalesce(updated_at, now()) as updated_at, deleted_at
	from auth.users `

// User returns the user with the id, and keeps others from changing it until the transaction ends.
func (t *Tx) User(ctx context.Context, id string) (*User, error) {
	return one[User](ctx, t, selectUser+"where id = $1 for update", id)
}

// UserSeen is User for those who only look.
func (t *Tx) UserSeen(ctx context.Context, id string) (*User, error) {
	return one[User](ctx, t, selectUser+"where id = $1", id)
}

// UserByEmail returns the user with the address in lower case, who does not come by single sign-on.
func (t *Tx) UserByEmail(ctx context.Context, email, aud string) (*User, error) {
	return one[User](ctx, t,
		selectUser+"where lower(email) = $1 and aud = $2 and not is_sso_user and deleted_at is null for update", email, aud)
}

// UserByPhone returns the user with the number.
func (t *Tx) UserByPhone(ctx context.Context, phone, aud string) (*User, error) {
	return one[User](ctx, t, selectUser+"where phone = $1 and aud = $2 and deleted_at is null for update", phone, aud)
}

// UserByToken returns the user whom a one-time token of one of the kinds was made for, by its hash.
func (t *Tx) UserByToken(ctx context.Context, hash string, kinds ...TokenKind) (*User, TokenKind, error) {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	type found struct {
		UserID string    `db:"user_id"`
		Kind   TokenKind `db:"token_type"`
	}
	token, err := one[found](ctx, t,
		`select user_id, token_type::text as token_type from auth.one_time_tokens
		where token_hash = $1 and token_type::text = any($2) limit 1`, hash, names)
	if err != nil {
		return nil, "", err
	}
	u, err := t.User(ctx, token.UserID)
	return u, token.Kind, err
}

// CreateUser inserts a user the way GoTrue does: without a role and unconfirmed, so that triggers see the same. Save
// completes it.
func (t *Tx) CreateUser(ctx context.Context, u *User) error {
	row, err := one[struct {
		CreatedAt time.Time `db:"created_at"`
	}](ctx, t, `
		insert into auth.users (instance_id, id, aud, email, phone, encrypted_password, raw_app_meta_data, raw_user_meta_data,
			confirmation_token, recovery_token, email_change, email_change_token_new, email_change_token_current,
			email_change_confirm_status, reauthentication_token, is_sso_user, is_anonymous, created_at, updated_at)
		values ('00000000-0000-0000-0000-000000000000', $1, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), $6, $7,
			'', '', '', '', '', 0, '', $8, $9, now(), now())
		returning created_at`,
		u.ID, u.Aud, u.Email, u.Phone, u.EncryptedPassword, u.AppMetadata, u.UserMetadata, u.IsSSOUser, u.IsAnonymous)
	if err != nil {
		return err
	}
	u.CreatedAt, u.UpdatedAt = row.CreatedAt, row.CreatedAt
	return nil
}

// SaveUser writes all of a user's columns.
func (t *Tx) SaveUser(ctx context.Context, u *User) error {
	row, err := one[struct {
		UpdatedAt time.Time `db:"updated_at"`
	}](ctx, t, `
		update auth.users set
			aud = $2, role = nullif($3, ''), email = nullif($4, ''), encrypted_password = nullif($5, ''), email_confirmed_at = $6,
			invited_at = $7, confirmation_token = $8, confirmation_sent_at = $9, recovery_token = $10, recovery_sent_at = $11,
			email_change = $12, email_change_token_new = $13, email_change_token_current = $14, email_change_sent_at = $15,
			email_change_confirm_status = $16, phone = nullif($17, ''), phone_confirmed_at = $18, reauthentication_token = $19,
			reauthentication_sent_at = $20, raw_app_meta_data = $21, raw_user_meta_data = $22, last_sign_in_at = $23,
			banned_until = $24, is_sso_user = $25, is_anonymous = $26, deleted_at = $27, updated_at = now()
		where id = $1 returning updated_at`,
		u.ID, u.Aud, u.Role, u.Email, u.EncryptedPassword, u.EmailConfirmedAt, u.InvitedAt, u.ConfirmationToken,
		u.ConfirmationSentAt, u.RecoveryToken, u.RecoverySentAt, u.EmailChange, u.EmailChangeTokenNew,
		u.EmailChangeTokenCurrent, u.EmailChangeSentAt, u.EmailChangeConfirmStatus, u.Phone, u.PhoneConfirmedAt,
		u.ReauthenticationToken, u.ReauthenticationSentAt, u.AppMetadata, u.UserMetadata, u.LastSignInAt, u.BannedUntil,
		u.IsSSOUser, u.IsAnonymous, u.DeletedAt)
	if err != nil {
		return err
	}
	u.UpdatedAt = row.UpdatedAt
	return nil
}

// DeleteUser removes a user with all that belongs to it.
func (t *Tx) DeleteUser(ctx context.Context, id string) error {
	if err := t.exec(ctx, "delete from auth.refresh_tokens where user_id = $1", id); err != nil {
		return err
	}
	return t.affect(ctx, "delete from auth.users where id = $1", id)
}

// UserPage is a part of the list of users.
type UserPage struct {
	// Filter is a text that the address, or the full name, has to contain; empty for all.
	Filter string
	// Ascending lists the oldest first.
	Ascending bool
	Offset    int64
	Limit     int64
}

// Users lists users, the newest first, and counts those that match.
func (t *Tx) Users(ctx context.Context, aud string, page UserPage) (users []User, total int64, err error) {
	where := "where aud = $1 and deleted_at is null"
	args := []any{aud}
	if page.Filter != "" {
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(page.Filter)+"%")
		where += " and (email ilike $2 or raw_user_meta_data ->> 'full_name' ilike $2)"
	}
	count, err := one[struct {
		N int64 `db:"n"`
	}](ctx, t, "select count(*) as n from auth.users "+where, args...)
	if err != nil {
		return nil, 0, err
	}
	order := " order by auth.users.created_at desc, id desc"
	if page.Ascending {
		order = " order by auth.users.created_at, id"
	}
	n := len(args)
	where += order + " limit $" + strconv.Itoa(n+1) + " offset $" + strconv.Itoa(n+2)
	users, err = many[User](ctx, t, selectUser+where, append(args, page.Limit, page.Offset)...)
	return users, count.N, err
}
