package auth

import (
	"errors"
	"net/http"

	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

// grants are the ways to get a session from POST /token, by grant_type.
var grants = map[string]action{
	"password": grantPassword, "refresh_token": grantRefresh, "pkce": grantPKCE, "id_token": grantIDToken,
}

func grant(c *call) error {
	act, ok := grants[c.r.URL.Query().Get("grant_type")]
	if !ok {
		return newError(http.StatusBadRequest, "unsupported_grant_type", "unsupported_grant_type")
	}
	return act(c)
}

var errCredentials = newError(http.StatusBadRequest, "invalid_credentials", "Invalid login credentials")

// grantPassword logs in with a password. An unknown address gets the same answer after the same work.
func grantPassword(c *call) error {
	var in struct {
		Email    string `json:"email"`
		Phone    string `json:"phone"`
		Password string `json:"password"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	switch {
	case in.Email != "" && in.Phone != "":
		return invalid("Only an email address or phone number should be provided on login.")
	case in.Phone != "":
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case in.Email == "":
		return invalid("missing email or phone")
	case c.h.cfg.DisableEmail:
		return unprocessable("email_provider_disabled", "Email logins are disabled")
	}
	email, err := mail.ValidAddress(in.Email)
	if err != nil {
		return errCredentials
	}
	if err := c.allowAttempt("password " + email); err != nil {
		return err
	}
	user, rehash, err := c.checkPassword(email, in.Password)
	if err != nil {
		return err
	}
	switch {
	case user.IsBanned(c.now):
		return newError(http.StatusBadRequest, "user_banned", "User is banned")
	case user.EmailConfirmedAt == nil && !c.h.cfg.UnverifiedLogins:
		return newError(http.StatusBadRequest, "email_not_confirmed", "Email not confirmed")
	}
	return c.logIn(user.ID, in.Password, user.EncryptedPassword, rehash)
}

// checkPassword finds the user of an address and a password. The transaction ends before the work on the password begins: a
// login storm must not hold connections.
func (c *call) checkPassword(email, password string) (user *store.User, rehash bool, err error) {
	err = c.do(func(tx *store.Tx) (err error) {
		user, err = tx.UserByEmail(c.ctx(), email, c.aud())
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && user.EncryptedPassword == "" {
		if err := c.h.hasher.VerifyUnknown(c.ctx(), password); err != nil {
			return nil, false, err
		}
		return nil, false, errCredentials
	}
	if err != nil {
		return nil, false, err
	}
	ok, rehash, err := c.h.hasher.Verify(c.ctx(), user.EncryptedPassword, password)
	if err != nil {
		return nil, false, err
	}
	if !ok {
		return nil, false, errCredentials
	}
	return user, rehash, nil
}

// weakPassword tells that a password that was right would not be accepted today.
type weakPassword struct {
	Message string   `json:"message"`
	Reasons []string `json:"reasons"`
}

// logIn opens a session for a user whose password was right, unless it has changed meanwhile. A hash of another kind than
// ours becomes one of ours.
func (c *call) logIn(userID, password, verified string, rehash bool) error {
	hash := verified
	if rehash {
		var err error
		if hash, err = c.h.hasher.Hash(c.ctx(), password); err != nil {
			return err
		}
	}
	var out struct {
		*sessionView
		WeakPassword *weakPassword `json:"weak_password"`
	}
	err := c.do(func(tx *store.Tx) error {
		user, err := tx.User(c.ctx(), userID)
		if errors.Is(err, store.ErrNotFound) || err == nil && user.EncryptedPassword != verified {
			return errCredentials
		}
		if err != nil {
			return err
		}
		user.EncryptedPassword = hash
		if err := c.audit(tx, user, "login", map[string]any{"provider": providerEmail}); err != nil {
			return err
		}
		out.sessionView, err = c.open(tx, user, byPassword)
		return err
	})
	if err != nil {
		return err
	}
	if weak := asWeak(c.h.rules.Check(c.ctx(), password)); weak != nil {
		out.WeakPassword = &weakPassword{weak.Message, weak.Reasons}
	}
	c.write(http.StatusOK, out)
	return nil
}
