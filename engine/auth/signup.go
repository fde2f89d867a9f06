package auth

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/auth/limit"
	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

// signUpInput is what POST /signup takes.
type signUpInput struct {
	Email    string         `json:"email"`
	Phone    string         `json:"phone"`
	Password string         `json:"password"`
	Data     store.Metadata `json:"data"`
	challengeInput
}

// providerEmail is the provider of those who log in with an address.
const providerEmail = "email"

const (
	duplicateEmail  = "A user with this email address has already been registered"
	phoneDisabled   = "Phone logins are not available"
	signupsDisabled = "Signups not allowed for this instance"
)

// signUp registers a user, or an anonymous one when neither address nor number is given.
func signUp(c *call) error {
	var in signUpInput
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Email == "" && in.Phone == "" && in.Password == "" {
		return c.signUpAnonymously(in.Data)
	}
	if err := limited(func(l *limiters) *limit.Limiter { return l.otp["signup"] })(c); err != nil {
		return err
	}
	if c.h.cfg.DisableSignup {
		return unprocessable("signup_disabled", signupsDisabled)
	}
	switch {
	case in.Password == "":
		return invalid("Signup requires a valid password")
	case in.Phone != "" && in.Email != "":
		return invalid("Only an email address or phone number should be provided on signup.")
	case in.Phone != "":
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case c.h.cfg.DisableEmail:
		return newError(http.StatusBadRequest, "email_provider_disabled", "Email signups are disabled")
	}
	if err := in.check(); err != nil {
		return err
	}
	if err := c.h.rules.Check(c.ctx(), in.Password); err != nil {
		return err
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	hash, err := c.h.hasher.Hash(c.ctx(), in.Password)
	if err != nil {
		return err
	}
	return c.register(email, hash, &in)
}

// errExists ends the transaction of a sign-up whose address is taken.
var errExists = errors.New("auth: the user exists")

func (c *call) register(email, hash string, in *signUpInput) error {
	var user *store.User
	var answer any
	err := c.do(func(tx *store.Tx) (err error) {
		user, err = c.newcomer(tx, email, hash, in.Data)
		if err != nil {
			return err
		}
		if c.h.cfg.Autoconfirm {
			if err := c.confirm(tx, user); err != nil {
				return err
			}
			if err := c.audit(tx, user, "login", map[string]any{"provider": providerEmail}); err != nil {
				return err
			}
			answer, err = c.open(tx, user, byPassword)
			return err
		}
		if err := c.audit(tx, user, "user_confirmation_requested", map[string]any{"provider": providerEmail}); err != nil {
			return err
		}
		if err := c.beginPKCE(tx, in.challengeInput, user.ID, providerEmail, bySignUp); err != nil {
			return err
		}
		if err := c.sendConfirmation(tx, user, c.redirectTo(""), in.pkce()); err != nil {
			return err
		}
		answer, err = c.view(tx, user)
		if v, ok := answer.(*userView); ok && user.InvitedAt != nil {
			// Somebody was invited with this address; whoever signs up with it has not shown yet to be the one.
			v.UserMetadata, v.Identities = store.Metadata{}, []identityView{}
		}
		return err
	})
	if errors.Is(err, errExists) {
		return c.pretendSignUp(user, email, in)
	}
	if err != nil {
		return err
	}
	c.write(http.StatusOK, answer)
	return nil
}

// newcomer returns the unconfirmed user with the address and creates one if there is none. A user who is there keeps what
// there is of them: the address may be somebody else's.
func (c *call) newcomer(tx *store.Tx, email, hash string, data store.Metadata) (*store.User, error) {
	user, err := tx.UserByEmail(c.ctx(), email, c.aud())
	switch {
	case err == nil && user.EmailConfirmedAt != nil:
		return user, errExists
	case err == nil:
		return user, c.ensureEmailIdentity(tx, user, false)
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	user = c.newUser(email, hash, data)
	return user, c.create(tx, user, data)
}

func (c *call) newUser(email, hash string, data store.Metadata) *store.User {
	return &store.User{
		ID: newID(), Aud: c.aud(), Email: email, EncryptedPassword: hash, UserMetadata: data,
		AppMetadata: store.Metadata{"provider": providerEmail, "providers": []string{providerEmail}},
	}
}

// create inserts a user who logs in with an address, gives them a role and an identity, and puts what the identity says
// into the metadata. Triggers may have changed the row, so it is read again.
func (c *call) create(tx *store.Tx, user *store.User, data store.Metadata) error {
	if err := c.insert(tx, user); err != nil {
		return err
	}
	identity := store.Metadata{"sub": user.ID, "email": user.Email, "email_verified": false, "phone_verified": false}
	for key, value := range data {
		if _, taken := identity[key]; !taken {
			identity[key] = value
		}
	}
	if err := tx.CreateIdentity(c.ctx(), &store.Identity{
		ProviderID: user.ID, UserID: user.ID, Provider: providerEmail, Data: identity, LastSignInAt: &c.now,
	}); err != nil {
		return err
	}
	user.UserMetadata.Merge(map[string]any{"sub": user.ID, "email": user.Email, "email_verified": false, "phone_verified": false})
	return tx.SaveUser(c.ctx(), user)
}

// insert creates the row of a user. A race for an address ends as if the other had been there before.
func (c *call) insert(tx *store.Tx, user *store.User) error {
	if user.UserMetadata == nil {
		user.UserMetadata = store.Metadata{}
	}
	if err := tx.CreateUser(c.ctx(), user); err != nil {
		if store.HasCode(err, "23505") && uniqueEmail(err) {
			return unprocessable("user_already_exists", "User already registered")
		}
		return saving(err)
	}
	again, err := tx.User(c.ctx(), user.ID)
	if err != nil {
		return saving(err)
	}
	*user = *again
	if user.Role == "" {
		user.Role = c.h.cfg.Role
	}
	return tx.SaveUser(c.ctx(), user)
}

func saving(err error) error {
	return &Error{Status: http.StatusInternalServerError, Code: "unexpected_failure", Message: "Database error saving new user", Cause: err}
}

// ensureEmailIdentity gives a user with an address the identity that belongs to it.
func (c *call) ensureEmailIdentity(tx *store.Tx, user *store.User, verified bool) error {
	_, err := tx.Identity(c.ctx(), providerEmail, user.ID)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.CreateIdentity(c.ctx(), &store.Identity{
		ProviderID: user.ID, UserID: user.ID, Provider: providerEmail, LastSignInAt: &c.now,
		Data: store.Metadata{"sub": user.ID, "email": user.Email, "email_verified": verified, "phone_verified": false},
	})
}

// confirm notes that the user's address is the user's, and ends all that was waiting for that.
func (c *call) confirm(tx *store.Tx, user *store.User) error {
	if err := c.audit(tx, user, "user_signedup", map[string]any{"provider": providerEmail}); err != nil {
		return err
	}
	user.EmailConfirmedAt, user.ConfirmationToken = &c.now, ""
	user.UserMetadata.Merge(map[string]any{"email_verified": true})
	if err := c.verifyIdentity(tx, user); err != nil {
		return err
	}
	if err := tx.DeleteTokens(c.ctx(), user.ID); err != nil {
		return err
	}
	user.RecoveryToken, user.EmailChangeTokenNew, user.EmailChangeTokenCurrent = "", "", ""
	return tx.SaveUser(c.ctx(), user)
}

// verifyIdentity notes the same in the identity.
func (c *call) verifyIdentity(tx *store.Tx, user *store.User) error {
	identity, err := tx.Identity(c.ctx(), providerEmail, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	identity.Data.Merge(map[string]any{"email": user.Email, "email_verified": true})
	return tx.SaveIdentity(c.ctx(), identity)
}

// pretendSignUp answers a sign-up with an address that is taken as if it were not, so that nobody learns who is registered.
func (c *call) pretendSignUp(user *store.User, email string, in *signUpInput) error {
	err := c.do(func(tx *store.Tx) error {
		return c.audit(tx, user, "user_repeated_signup", map[string]any{"provider": providerEmail})
	})
	if err != nil {
		return err
	}
	if c.h.cfg.Autoconfirm {
		return unprocessable("user_already_exists", "User already registered")
	}
	fake := c.newUser(email, "", in.Data)
	fake.CreatedAt, fake.UpdatedAt, fake.ConfirmationSentAt, fake.Role = c.now, c.now, &c.now, c.h.cfg.Role
	fake.UserMetadata.Merge(map[string]any{"sub": fake.ID, "email": email, "email_verified": false, "phone_verified": false})
	v := viewUser(fake)
	v.Identities = []identityView{}
	c.write(http.StatusOK, v)
	return nil
}

// signUpAnonymously makes a user who is nobody yet.
func (c *call) signUpAnonymously(data store.Metadata) error {
	if c.h.cfg.DisableSignup {
		return unprocessable("signup_disabled", signupsDisabled)
	}
	if !c.h.cfg.AnonymousUsers {
		return unprocessable("anonymous_provider_disabled", "Anonymous sign-ins are disabled")
	}
	if err := limited(func(l *limiters) *limit.Limiter { return l.anonymous })(c); err != nil {
		return err
	}
	var out *sessionView
	err := c.do(func(tx *store.Tx) (err error) {
		user := &store.User{ID: newID(), Aud: c.aud(), IsAnonymous: true, AppMetadata: store.Metadata{}, UserMetadata: data}
		if err := c.insert(tx, user); err != nil {
			return err
		}
		out, err = c.open(tx, user, byAnonymous)
		return err
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}

// validEmail normalizes an address.
func validEmail(text string) (string, error) {
	if text == "" {
		return "", invalid("An email address is required")
	}
	email, err := mail.ValidAddress(text)
	if err != nil {
		return "", invalid("Unable to validate email address: invalid format")
	}
	return email, nil
}

func plural(seconds int) string {
	if seconds == 1 {
		return "1 second"
	}
	return strconv.Itoa(seconds) + " seconds"
}

// uniqueEmail reports whether an address, and not something of the user's own, was there before.
func uniqueEmail(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SchemaName == "auth" && pg.TableName == "users"
}
