package store

import (
	"context"
	"time"
)

// Identity is a row of auth.identities: a way in which a user can log in.
type Identity struct {
	ID string `db:"id"`
	// ProviderID is the user's id at the provider; for e-mail, the user's own.
	ProviderID   string     `db:"provider_id"`
	UserID       string     `db:"user_id"`
	Data         Metadata   `db:"identity_data"`
	Provider     string     `db:"provider"`
	Email        string     `db:"email"`
	LastSignInAt *time.Time `db:"last_sign_in_at"`
	CreatedAt    time.Time  `db:"created_at"`
	UpdatedAt    time.Time  `db:"updated_at"`
}

const selectIdentity = `
	select id, provider_id, user_id, identity_data, provider, coalesce(email, '') as email, last_sign_in_at,
		coalesce(created_at, now()) as created_at, coalesce(updated_at, now()) as updated_at
	from auth.identities `

// Identities returns those of a user, the oldest first.
func (t *Tx) Identities(ctx context.Context, userID string) ([]Identity, error) {
	return many[Identity](ctx, t, selectIdentity+"where user_id = $1 order by auth.identities.created_at, id", userID)
}

// Identity returns the one of a provider's user.
func (t *Tx) Identity(ctx context.Context, provider, providerID string) (*Identity, error) {
	return one[Identity](ctx, t, selectIdentity+"where provider = $1 and provider_id = $2", provider, providerID)
}

// IdentitiesByEmail returns those with a verified address in lower case that is one of the given.
func (t *Tx) IdentitiesByEmail(ctx context.Context, emails []string) ([]Identity, error) {
	return many[Identity](ctx, t, selectIdentity+"where lower(email) = any($1) order by auth.identities.created_at, id", emails)
}

// CreateIdentity inserts an identity and completes it with what the database gives.
func (t *Tx) CreateIdentity(ctx context.Context, i *Identity) error {
	row, err := one[Identity](ctx, t, `
		insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
		values (gen_random_uuid(), $1, $2, $3, $4, $5, now(), now())
		returning id, provider_id, user_id, identity_data, provider, coalesce(email, '') as email, last_sign_in_at, created_at,
			updated_at`,
		i.ProviderID, i.UserID, i.Data, i.Provider, i.LastSignInAt)
	if err != nil {
		return err
	}
	*i = *row
	return nil
}

// SaveIdentity writes the data and the time of the last sign-in.
func (t *Tx) SaveIdentity(ctx context.Context, i *Identity) error {
	return t.affect(ctx, `
		update auth.identities set identity_data = $2, last_sign_in_at = $3, provider_id = $4, updated_at = now() where id = $1`,
		i.ID, i.Data, i.LastSignInAt, i.ProviderID)
}

// DeleteIdentity removes one.
func (t *Tx) DeleteIdentity(ctx context.Context, id string) error {
	return t.affect(ctx, "delete from auth.identities where id = $1", id)
}
