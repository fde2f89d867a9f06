package auth

import (
	"errors"
	"net/http"
	"strings"

	"nexus/engine/auth/provider"
	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

var (
	errUnverified = unprocessable("provider_email_needs_verification", "Unverified email with the provider. A confirmation email has been sent to your email")
	errSeveral    = unprocessable("unexpected_failure", "Multiple accounts with the same email address in the same linking domain detected")
)

// admit returns the user whom a login at a provider is for. It is the user of the provider's identity; else the one to whom
// the login is to be linked; else the only one with an address that the provider has verified; else a new one. An address
// that nobody verified never leads into an account.
func (c *call) admit(tx *store.Tx, name string, login *provider.Login, linkTo *string) (*store.User, error) {
	identity, err := tx.Identity(c.ctx(), name, login.Subject)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	var user *store.User
	switch {
	case linkTo != nil:
		if known {
			return nil, unprocessable("identity_already_exists", "Identity is already linked to another user")
		}
		if user, err = tx.User(c.ctx(), *linkTo); err == nil {
			err = c.attach(tx, user, name, login)
		}
	case known:
		if user, err = tx.User(c.ctx(), identity.UserID); err == nil {
			err = c.refreshIdentity(tx, user, identity, login)
		}
	default:
		user, err = c.admitStranger(tx, name, login)
	}
	if err != nil {
		return nil, err
	}
	if user.IsBanned(c.now) {
		return nil, forbidden("user_banned", "User is banned")
	}
	if user.EmailConfirmedAt == nil && user.Email != "" && !user.IsAnonymous {
		return nil, c.confirmProvider(tx, user, login)
	}
	if err := c.noteProviders(tx, user); err != nil {
		return nil, err
	}
	if err := c.audit(tx, user, "login", map[string]any{"provider": name}); err != nil {
		return nil, err
	}
	return user, tx.SaveUser(c.ctx(), user)
}

// refreshIdentity takes over what the provider says now.
func (c *call) refreshIdentity(tx *store.Tx, user *store.User, identity *store.Identity, login *provider.Login) error {
	identity.Data.Merge(login.Metadata)
	identity.LastSignInAt = &c.now
	user.UserMetadata.Merge(login.Metadata)
	return tx.SaveIdentity(c.ctx(), identity)
}

// attach gives the user an identity at the provider, and an address if there was none.
func (c *call) attach(tx *store.Tx, user *store.User, name string, login *provider.Login) error {
	if err := tx.CreateIdentity(c.ctx(), &store.Identity{
		ProviderID: login.Subject, UserID: user.ID, Provider: name, Data: login.Metadata, LastSignInAt: &c.now,
	}); err != nil {
		return err
	}
	user.UserMetadata.Merge(login.Metadata)
	if email := verifiedEmail(login); user.Email == "" && email != "" {
		if _, err := tx.UserByEmail(c.ctx(), email, user.Aud); !errors.Is(err, store.ErrNotFound) {
			return errors.Join(err, unprocessable("email_exists", duplicateEmail))
		}
		user.Email, user.EmailConfirmedAt = email, &c.now
	}
	user.IsAnonymous = false
	return nil
}

// admitStranger finds or makes the user of a login that was never seen before.
func (c *call) admitStranger(tx *store.Tx, name string, login *provider.Login) (*store.User, error) {
	verified := verifiedEmails(login)
	candidates, err := c.withEmail(tx, verified)
	if err != nil {
		return nil, err
	}
	switch len(candidates) {
	case 0:
		return c.newStranger(tx, name, login)
	case 1:
	default:
		return nil, errSeveral
	}
	user := candidates[0]
	if user.EmailConfirmedAt == nil {
		// Somebody may have signed up with this address and a password, and waits for its owner to come this way.
		if err := c.evict(tx, user); err != nil {
			return nil, err
		}
		user.EmailConfirmedAt = &c.now
	}
	return user, c.attach(tx, user, name, login)
}

// withEmail returns the users with one of the addresses.
func (c *call) withEmail(tx *store.Tx, emails []string) ([]*store.User, error) {
	byID := map[string]*store.User{}
	var users []*store.User
	for _, email := range emails {
		user, err := tx.UserByEmail(c.ctx(), email, c.aud())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if byID[user.ID] == nil {
			byID[user.ID] = user
			users = append(users, user)
		}
	}
	return users, nil
}

// newStranger makes a user of a login.
func (c *call) newStranger(tx *store.Tx, name string, login *provider.Login) (*store.User, error) {
	if c.h.cfg.DisableSignup {
		return nil, unprocessable("signup_disabled", signupsDisabled)
	}
	email, verified := primaryEmail(login)
	if email != "" && !verified {
		// The address may be another user's; the login then waits for a confirmation that never comes to its owner's account.
		if _, err := tx.UserByEmail(c.ctx(), email, c.aud()); !errors.Is(err, store.ErrNotFound) {
			return nil, errors.Join(err, unprocessable("email_exists", duplicateEmail))
		}
	}
	user := &store.User{
		ID: newID(), Aud: c.aud(), Email: email, UserMetadata: store.Metadata{},
		AppMetadata: store.Metadata{"provider": name, "providers": []string{name}},
	}
	user.UserMetadata.Merge(login.Metadata)
	if err := c.insert(tx, user); err != nil {
		return nil, err
	}
	if email != "" && (verified || c.h.cfg.Autoconfirm) {
		user.EmailConfirmedAt = &c.now
	}
	if err := c.audit(tx, user, "user_signedup", map[string]any{"provider": name}); err != nil {
		return nil, err
	}
	return user, tx.CreateIdentity(c.ctx(), &store.Identity{
		ProviderID: login.Subject, UserID: user.ID, Provider: name, Data: login.Metadata, LastSignInAt: &c.now,
	})
}

// evict removes what an unconfirmed sign-up left: its password, identities, sessions and data.
func (c *call) evict(tx *store.Tx, user *store.User) error {
	identities, err := tx.Identities(c.ctx(), user.ID)
	if err != nil {
		return err
	}
	for i := range identities {
		if err := tx.DeleteIdentity(c.ctx(), identities[i].ID); err != nil {
			return err
		}
	}
	user.EncryptedPassword, user.ConfirmationToken, user.RecoveryToken = "", "", ""
	user.UserMetadata, user.AppMetadata = store.Metadata{}, store.Metadata{}
	return errors.Join(tx.DeleteTokens(c.ctx(), user.ID), tx.DeleteSessions(c.ctx(), user.ID, ""))
}

// confirmProvider asks for a confirmation of an address that the provider has not verified.
func (c *call) confirmProvider(tx *store.Tx, user *store.User, _ *provider.Login) error {
	if err := c.sendConfirmation(tx, user, c.redirectTo(""), false); err != nil {
		return err
	}
	return errUnverified
}

// unlinkIdentity removes a way to log in, but never the last.
func unlinkIdentity(c *call) error {
	if !c.h.cfg.ManualLinking {
		return newError(http.StatusNotFound, "manual_linking_disabled", "Manual linking is disabled")
	}
	id := c.r.PathValue("identity")
	if !isUUID(id) {
		return newError(http.StatusNotFound, "validation_failed", "identity_id must be an UUID")
	}
	err := c.do(func(tx *store.Tx) error {
		user, err := tx.User(c.ctx(), c.user.ID)
		if err != nil {
			return err
		}
		identities, err := tx.Identities(c.ctx(), user.ID)
		if err != nil {
			return err
		}
		if len(identities) <= 1 {
			return unprocessable("single_identity_not_deletable", "User must have at least 1 identity after unlinking")
		}
		return c.unlink(tx, user, identities, id)
	})
	return c.quietly(err)
}

func (c *call) unlink(tx *store.Tx, user *store.User, identities []store.Identity, id string) error {
	for i := range identities {
		identity := &identities[i]
		if identity.ID != id {
			continue
		}
		if err := tx.DeleteIdentity(c.ctx(), id); err != nil {
			return err
		}
		if identity.Provider == providerEmail {
			user.EncryptedPassword = "" // else it would still log in
		}
		if err := c.noteProviders(tx, user); err != nil {
			return err
		}
		if err := c.audit(tx, user, "identity_unlinked", map[string]any{"identity_id": id, "provider": identity.Provider}); err != nil {
			return err
		}
		return tx.SaveUser(c.ctx(), user)
	}
	return unprocessable("identity_not_found", "Identity doesn't exist")
}

// verifiedEmails are the addresses that the provider has verified, normalized.
func verifiedEmails(login *provider.Login) []string {
	var emails []string
	for _, e := range login.Emails {
		if address, err := mail.ValidAddress(e.Address); err == nil && e.Verified {
			emails = append(emails, address)
		}
	}
	return emails
}

func verifiedEmail(login *provider.Login) string {
	email, verified := primaryEmail(login)
	if !verified {
		return ""
	}
	return email
}

// primaryEmail is the address that a new user gets: the primary one, else the first that is verified, else the first.
func primaryEmail(login *provider.Login) (email string, verified bool) {
	best := -1
	for _, e := range login.Emails {
		rank := 0
		if e.Verified {
			rank++
		}
		if e.Primary {
			rank += 2
		}
		if rank > best && e.Address != "" {
			best, email, verified = rank, strings.ToLower(e.Address), e.Verified
		}
	}
	return email, verified
}
