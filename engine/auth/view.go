package auth

import (
	"time"

	"nexus/engine/auth/store"
)

// userView is a user as clients see one.
type userView struct {
	ID                     string         `json:"id"`
	Aud                    string         `json:"aud"`
	Role                   string         `json:"role"`
	Email                  string         `json:"email"`
	EmailConfirmedAt       *time.Time     `json:"email_confirmed_at,omitempty"`
	InvitedAt              *time.Time     `json:"invited_at,omitempty"`
	Phone                  string         `json:"phone"`
	PhoneConfirmedAt       *time.Time     `json:"phone_confirmed_at,omitempty"`
	ConfirmationSentAt     *time.Time     `json:"confirmation_sent_at,omitempty"`
	ConfirmedAt            *time.Time     `json:"confirmed_at,omitempty"`
	RecoverySentAt         *time.Time     `json:"recovery_sent_at,omitempty"`
	NewEmail               string         `json:"new_email,omitempty"`
	EmailChangeSentAt      *time.Time     `json:"email_change_sent_at,omitempty"`
	ReauthenticationSentAt *time.Time     `json:"reauthentication_sent_at,omitempty"`
	LastSignInAt           *time.Time     `json:"last_sign_in_at,omitempty"`
	AppMetadata            store.Metadata `json:"app_metadata"`
	UserMetadata           store.Metadata `json:"user_metadata"`
	Factors                []factorView   `json:"factors,omitempty"`
	Identities             []identityView `json:"identities"`
	CreatedAt              time.Time      `json:"created_at"`
	UpdatedAt              time.Time      `json:"updated_at"`
	BannedUntil            *time.Time     `json:"banned_until,omitempty"`
	DeletedAt              *time.Time     `json:"deleted_at,omitempty"`
	IsAnonymous            bool           `json:"is_anonymous"`
}

// identityView is an identity as clients see one. What they call id is the provider's.
type identityView struct {
	IdentityID   string         `json:"identity_id"`
	ID           string         `json:"id"`
	UserID       string         `json:"user_id"`
	Data         store.Metadata `json:"identity_data"`
	Provider     string         `json:"provider"`
	LastSignInAt *time.Time     `json:"last_sign_in_at"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
	Email        string         `json:"email,omitempty"`
}

// factorView is a factor as clients see one, which is without its secret.
type factorView struct {
	ID               string     `json:"id"`
	FriendlyName     string     `json:"friendly_name,omitempty"`
	Type             string     `json:"factor_type"`
	Status           string     `json:"status"`
	Phone            string     `json:"phone,omitempty"`
	LastChallengedAt *time.Time `json:"last_challenged_at,omitempty"`
	CreatedAt        time.Time  `json:"created_at"`
	UpdatedAt        time.Time  `json:"updated_at"`
}

func viewUser(u *store.User) *userView {
	return &userView{
		ID: u.ID, Aud: u.Aud, Role: u.Role, Email: u.Email, Phone: u.Phone,
		EmailConfirmedAt: utc(u.EmailConfirmedAt), PhoneConfirmedAt: utc(u.PhoneConfirmedAt), ConfirmedAt: utc(u.ConfirmedAt()),
		InvitedAt: utc(u.InvitedAt), ConfirmationSentAt: utc(u.ConfirmationSentAt), RecoverySentAt: utc(u.RecoverySentAt),
		NewEmail: u.EmailChange, EmailChangeSentAt: utc(u.EmailChangeSentAt), ReauthenticationSentAt: utc(u.ReauthenticationSentAt),
		LastSignInAt: utc(u.LastSignInAt), AppMetadata: u.AppMetadata, UserMetadata: u.UserMetadata,
		CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(), BannedUntil: utc(u.BannedUntil), DeletedAt: utc(u.DeletedAt),
		IsAnonymous: u.IsAnonymous,
	}
}

func viewIdentities(identities []store.Identity) []identityView {
	views := make([]identityView, len(identities))
	for i := range identities {
		id := &identities[i]
		views[i] = identityView{
			IdentityID: id.ID, ID: id.ProviderID, UserID: id.UserID, Data: id.Data, Provider: id.Provider, Email: id.Email,
			LastSignInAt: utc(id.LastSignInAt), CreatedAt: id.CreatedAt.UTC(), UpdatedAt: id.UpdatedAt.UTC(),
		}
	}
	return views
}

func viewFactor(f *store.Factor) factorView {
	return factorView{
		ID: f.ID, FriendlyName: f.FriendlyName, Type: f.Type, Status: f.Status, Phone: f.Phone,
		LastChallengedAt: utc(f.LastChallengedAt), CreatedAt: f.CreatedAt.UTC(), UpdatedAt: f.UpdatedAt.UTC(),
	}
}

func viewFactors(factors []store.Factor) []factorView {
	views := make([]factorView, len(factors))
	for i := range factors {
		views[i] = viewFactor(&factors[i])
	}
	return views
}

// view reads what belongs to a user and shows it all.
func (c *call) view(tx *store.Tx, u *store.User) (*userView, error) {
	identities, err := tx.Identities(c.ctx(), u.ID)
	if err != nil {
		return nil, err
	}
	factors, err := tx.Factors(c.ctx(), u.ID)
	if err != nil {
		return nil, err
	}
	v := viewUser(u)
	v.Identities, v.Factors = viewIdentities(identities), viewFactors(factors)
	return v, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
