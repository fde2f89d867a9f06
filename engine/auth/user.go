package auth

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"nexus/engine/auth/store"
)

// getUser shows the token's user.
func getUser(c *call) error {
	return c.showUser(func(*store.Tx) (*store.User, error) { return c.user, nil })
}

// showUser answers with the user that f returns.
func (c *call) showUser(f func(*store.Tx) (*store.User, error)) error {
	var v *userView
	err := c.do(func(tx *store.Tx) error {
		user, err := f(tx)
		if err != nil {
			return err
		}
		v, err = c.view(tx, user)
		return err
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, v)
	return nil
}

// userInput is what PUT /user takes.
type userInput struct {
	Email           string         `json:"email"`
	Phone           string         `json:"phone"`
	Password        string         `json:"password"`
	CurrentPassword string         `json:"current_password"`
	Nonce           string         `json:"nonce"`
	Data            store.Metadata `json:"data"`
	AppMetadata     store.Metadata `json:"app_metadata"`
	challengeInput
}

// updateUser changes what users may change of themselves.
func updateUser(c *call) error {
	var in userInput
	if err := c.read(&in); err != nil {
		return err
	}
	if err := c.checkUpdate(&in); err != nil {
		return err
	}
	var hash string
	if in.Password != "" {
		var err error
		if hash, err = c.newPassword(&in); err != nil {
			return err
		}
	}
	return c.showUser(func(tx *store.Tx) (*store.User, error) {
		user, err := tx.User(c.ctx(), c.user.ID)
		if err != nil {
			return nil, err
		}
		if hash != "" {
			if user.EncryptedPassword != c.user.EncryptedPassword {
				return nil, newError(http.StatusConflict, "conflict", "The password was changed at the same time")
			}
			if err := c.setPassword(tx, user, hash); err != nil {
				return nil, err
			}
		}
		user.UserMetadata.Merge(in.Data)
		user.AppMetadata.Merge(in.AppMetadata)
		if in.Email != "" && in.Email != user.Email {
			if err := c.requestEmail(tx, user, &in); err != nil {
				return nil, err
			}
		}
		if err := c.audit(tx, user, "user_modified", nil); err != nil {
			return nil, err
		}
		return user, tx.SaveUser(c.ctx(), user)
	})
}

// checkUpdate refuses what this user may not change, or not now.
func (c *call) checkUpdate(in *userInput) error {
	if in.Email != "" {
		email, err := validEmail(in.Email)
		if err != nil {
			return err
		}
		in.Email = email
	}
	if err := in.check(); err != nil {
		return err
	}
	changesEmail := in.Email != "" && in.Email != c.user.Email
	switch {
	case in.Phone != "" && in.Phone != c.user.Phone:
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case in.AppMetadata != nil && !c.h.cfg.isAdmin(c.user.Role):
		return forbidden("not_admin", "Updating app_metadata requires admin privileges")
	case c.user.IsAnonymous && in.Password != "" && in.Email == "":
		return unprocessable("validation_failed", "Updating password of an anonymous user without an email or phone is not allowed")
	case c.user.IsSSOUser && (changesEmail || in.Password != ""):
		return unprocessable("user_sso_managed", "Updating email, phone, password of a SSO account only possible via SSO")
	case !changesEmail && in.Password == "":
		return nil
	}
	return c.do(func(tx *store.Tx) error {
		if strong, err := c.isStrong(tx); err != nil || !strong {
			return errors.Join(err, newError(http.StatusUnauthorized, "insufficient_aal", "AAL2 session is required to update email or password when MFA is enabled."))
		}
		if !changesEmail {
			return nil
		}
		if _, err := tx.UserByEmail(c.ctx(), in.Email, c.user.Aud); !errors.Is(err, store.ErrNotFound) {
			return errors.Join(err, unprocessable("email_exists", duplicateEmail))
		}
		return nil
	})
}

// isStrong reports whether the session is as strong as the user's factors allow.
func (c *call) isStrong(tx *store.Tx) (bool, error) {
	if c.session != nil && c.session.AAL == store.AAL2 {
		return true, nil
	}
	factors, err := tx.Factors(c.ctx(), c.user.ID)
	for i := range factors {
		if factors[i].Status == store.Verified {
			return false, err
		}
	}
	return err == nil, err
}

const (
	// freshSession is how old a session may be to change the password without a code.
	freshSession = 24 * time.Hour
)

// newPassword checks a new password against the rules and the old one, and hashes it.
func (c *call) newPassword(in *userInput) (hash string, err error) {
	if err := c.h.rules.Check(c.ctx(), in.Password); err != nil {
		return "", err
	}
	if c.h.cfg.ReauthenticatePassword && (c.session == nil || c.now.After(c.session.CreatedAt.Add(freshSession))) {
		if in.Nonce == "" {
			return "", newError(http.StatusBadRequest, "reauthentication_needed", "Password update requires reauthentication")
		}
		if err := c.spendNonce(in.Nonce); err != nil {
			return "", err
		}
	}
	if old := c.user.EncryptedPassword; old != "" {
		if err := c.checkOldPassword(in, old); err != nil {
			return "", err
		}
		same, _, err := c.h.hasher.Verify(c.ctx(), old, in.Password)
		if err != nil {
			return "", err
		}
		if same {
			return "", unprocessable("same_password", "New password should be different from the old password.")
		}
	}
	return c.h.hasher.Hash(c.ctx(), in.Password)
}

// checkOldPassword wants the current password, unless the session began with a mail, which is how to get past a forgotten
// one.
func (c *call) checkOldPassword(in *userInput, old string) error {
	if !c.h.cfg.CurrentPassword {
		return nil
	}
	mailed, err := c.mailedSession()
	if err != nil || mailed {
		return err
	}
	if in.CurrentPassword == "" {
		return newError(http.StatusBadRequest, "current_password_required", "Current password required when setting new password.")
	}
	if err := c.allowAttempt("password " + c.user.Email); err != nil {
		return err
	}
	ok, _, err := c.h.hasher.Verify(c.ctx(), old, in.CurrentPassword)
	if err == nil && !ok {
		err = newError(http.StatusBadRequest, "current_password_invalid", "Current password required when setting new password.")
	}
	return err
}

func (c *call) mailedSession() (mailed bool, err error) {
	if c.session == nil {
		return false, nil
	}
	err = c.do(func(tx *store.Tx) error {
		methods, err := tx.AMRs(c.ctx(), c.session.ID)
		for _, m := range methods {
			mailed = mailed || m.Method == byOTP || m.Method == byMagicLink || m.Method == byRecovery
		}
		return err
	})
	return mailed, err
}

// setPassword replaces the hash, ends what could still log in with the old one, and all other sessions.
func (c *call) setPassword(tx *store.Tx, user *store.User, hash string) error {
	user.EncryptedPassword = hash
	user.ConfirmationToken, user.RecoveryToken, user.ReauthenticationToken = "", "", ""
	user.EmailChangeTokenNew, user.EmailChangeTokenCurrent = "", ""
	if err := tx.DeleteTokens(c.ctx(), user.ID); err != nil {
		return err
	}
	keep := ""
	if c.session != nil {
		keep = c.session.ID
	}
	if err := tx.DeleteSessions(c.ctx(), user.ID, keep); err != nil {
		return err
	}
	return c.audit(tx, user, "user_updated_password", nil)
}

// requestEmail begins a change of address. The first address of an anonymous user needs no mail where sign-ups need none.
func (c *call) requestEmail(tx *store.Tx, user *store.User, in *userInput) error {
	if user.IsAnonymous && c.h.cfg.Autoconfirm {
		return c.changeEmail(tx, user, in.Email)
	}
	if err := c.beginPKCE(tx, in.challengeInput, user.ID, byEmailChange, byEmailChange); err != nil {
		return err
	}
	return c.sendEmailChange(tx, user, in.Email, c.redirectTo(""), in.pkce())
}

// reauthenticate mails a code that allows what a stolen session must not.
func reauthenticate(c *call) error {
	if c.user.Email == "" {
		return unprocessable("validation_failed", "Reauthentication requires the user to have an email or a phone number")
	}
	if c.user.EmailConfirmedAt == nil {
		return unprocessable("email_not_confirmed", "Please verify your email first.")
	}
	err := c.do(func(tx *store.Tx) error {
		user, err := tx.User(c.ctx(), c.user.ID)
		if err != nil {
			return err
		}
		if err := c.audit(tx, user, "user_reauthenticate_requested", nil); err != nil {
			return err
		}
		return c.sendReauthentication(tx, user)
	})
	return c.quietly(err)
}

// spendNonce takes the code of reauthenticate, once.
func (c *call) spendNonce(nonce string) error {
	if err := c.allowAttempt("nonce " + c.user.ID); err != nil {
		return err
	}
	return c.do(func(tx *store.Tx) error {
		user, err := tx.User(c.ctx(), c.user.ID)
		if err != nil {
			return err
		}
		given := c.h.hashCode(user.Email, nonce)
		if user.ReauthenticationToken == "" || !c.within(user.ReauthenticationSentAt, c.h.cfg.OTPLife) ||
			subtle.ConstantTimeCompare([]byte(given), []byte(user.ReauthenticationToken)) != 1 {
			return unprocessable("reauthentication_not_valid", "Nonce has expired or is invalid")
		}
		user.ReauthenticationToken = ""
		return tx.SaveUser(c.ctx(), user)
	})
}

// logOut ends sessions of the token's user.
func logOut(c *call) error {
	scope := c.r.URL.Query().Get("scope")
	err := c.do(func(tx *store.Tx) error {
		if err := c.audit(tx, c.user, "logout", nil); err != nil {
			return err
		}
		switch {
		case scope == "" || scope == "global":
			return tx.DeleteSessions(c.ctx(), c.user.ID, "")
		case scope != "local" && scope != "others":
			return invalid("Unsupported logout scope \"" + scope + "\"")
		case c.session == nil:
			return nil
		case scope == "local":
			return tx.DeleteSession(c.ctx(), c.session.ID)
		default:
			return tx.DeleteSessions(c.ctx(), c.user.ID, c.session.ID)
		}
	})
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
