package auth

import (
	"errors"
	"net/http"

	"nexus/engine/auth/store"
	"nexus/engine/mail"
	"nexus/engine/password"
)

// otpInput is what POST /otp and POST /magiclink take.
type otpInput struct {
	Email      string         `json:"email"`
	Phone      string         `json:"phone"`
	CreateUser *bool          `json:"create_user"`
	Data       store.Metadata `json:"data"`
	challengeInput
}

// oneTimePassword mails a link and a code that log in.
func oneTimePassword(c *call) error {
	var in otpInput
	if err := c.read(&in); err != nil {
		return err
	}
	switch {
	case in.Email != "" && in.Phone != "":
		return invalid("Only an email address or phone number should be provided")
	case in.Phone != "":
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case in.Email == "":
		return invalid("One of email or phone must be set")
	}
	return c.mailLogin(&in)
}

// magicLink is oneTimePassword for older clients.
func magicLink(c *call) error {
	var in otpInput
	if err := c.read(&in); err != nil {
		return err
	}
	in.CreateUser = nil
	return c.mailLogin(&in)
}

func (c *call) mailLogin(in *otpInput) error {
	if err := in.check(); err != nil {
		return err
	}
	if c.h.cfg.DisableEmail {
		return unprocessable("email_provider_disabled", "Email logins are disabled")
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	mayCreate := in.CreateUser == nil || *in.CreateUser
	err = c.do(func(tx *store.Tx) error {
		user, err := tx.UserByEmail(c.ctx(), email, c.aud())
		switch {
		case errors.Is(err, store.ErrNotFound) && !mayCreate:
			return unprocessable("otp_disabled", "Signups not allowed for otp")
		case errors.Is(err, store.ErrNotFound):
			return c.signUpByMail(tx, email, in)
		case err != nil:
			return err
		case user.EmailConfirmedAt == nil:
			return c.signUpByMail(tx, email, in)
		}
		if err := c.audit(tx, user, "user_recovery_requested", nil); err != nil {
			return err
		}
		if err := c.beginPKCE(tx, in.challengeInput, user.ID, byMagicLink, byMagicLink); err != nil {
			return err
		}
		return c.sendRecovery(tx, user, mail.MagicLink, c.redirectTo(""), in.pkce())
	})
	return c.quietly(err)
}

// signUpByMail registers a user without a password of their own choice.
func (c *call) signUpByMail(tx *store.Tx, email string, in *otpInput) error {
	if c.h.cfg.DisableSignup {
		return unprocessable("signup_disabled", signupsDisabled)
	}
	user, err := c.newcomer(tx, email, "", in.Data)
	if err != nil {
		return err
	}
	redirectTo := c.redirectTo("")
	if c.h.cfg.Autoconfirm {
		if err := c.confirm(tx, user); err != nil {
			return err
		}
		if err := c.beginPKCE(tx, in.challengeInput, user.ID, byMagicLink, byMagicLink); err != nil {
			return err
		}
		return c.sendRecovery(tx, user, mail.MagicLink, redirectTo, in.pkce())
	}
	if err := c.beginPKCE(tx, in.challengeInput, user.ID, providerEmail, bySignUp); err != nil {
		return err
	}
	if err := c.audit(tx, user, "user_confirmation_requested", map[string]any{"provider": providerEmail}); err != nil {
		return err
	}
	return c.sendConfirmation(tx, user, redirectTo, in.pkce())
}

// quietly answers {} for what went well.
func (c *call) quietly(err error) error {
	if err != nil {
		return err
	}
	c.write(http.StatusOK, struct{}{})
	return nil
}

// recoverPassword mails a link to set a new password. Nobody learns whether the address is known.
func recoverPassword(c *call) error {
	var in struct {
		Email string `json:"email"`
		challengeInput
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Email == "" {
		return invalid("Password recovery requires an email")
	}
	if err := in.check(); err != nil {
		return err
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	err = c.do(func(tx *store.Tx) error {
		user, err := tx.UserByEmail(c.ctx(), email, c.aud())
		if errors.Is(err, store.ErrNotFound) {
			return c.spacedStranger(typeRecovery, email)
		}
		if err != nil {
			return err
		}
		if err := c.audit(tx, user, "user_recovery_requested", nil); err != nil {
			return err
		}
		if err := c.beginPKCE(tx, in.challengeInput, user.ID, byRecovery, byRecovery); err != nil {
			return err
		}
		return c.sendRecovery(tx, user, mail.Recovery, c.redirectTo(""), in.pkce())
	})
	return c.quietly(err)
}

// resend mails a confirmation once more.
func resend(c *call) error {
	var in struct {
		Type  string `json:"type"`
		Email string `json:"email"`
		Phone string `json:"phone"`
		challengeInput
	}
	if err := c.read(&in); err != nil {
		return err
	}
	switch in.Type {
	case typeSignUp, typeEmailChange:
	case "sms", "phone_change":
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case "":
		return invalid("Type is required")
	default:
		return invalid("Missing one of these types: signup, email_change, sms, phone_change")
	}
	if in.Phone != "" {
		return invalid("Only an email address should be provided for this type")
	}
	if err := in.check(); err != nil {
		return err
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	err = c.do(func(tx *store.Tx) error {
		user, err := tx.UserByEmail(c.ctx(), email, c.aud())
		switch {
		case errors.Is(err, store.ErrNotFound):
			return c.spacedStranger(in.Type, email)
		case err != nil:
			return err
		case in.Type == typeSignUp && user.EmailConfirmedAt == nil:
			if err := c.audit(tx, user, "user_confirmation_requested", nil); err != nil {
				return err
			}
			if err := c.beginPKCE(tx, in.challengeInput, user.ID, providerEmail, bySignUp); err != nil {
				return err
			}
			return c.sendConfirmation(tx, user, c.redirectTo(""), in.pkce())
		case in.Type == typeEmailChange && user.EmailChange != "":
			if err := c.beginPKCE(tx, in.challengeInput, user.ID, byEmailChange, byEmailChange); err != nil {
				return err
			}
			return c.sendEmailChange(tx, user, user.EmailChange, c.redirectTo(""), in.pkce())
		}
		return c.spacedStranger(in.Type, email)
	})
	return c.quietly(err)
}

// asWeak returns what makes a password weak, nil for nothing.
func asWeak(err error) *password.WeakError {
	var weak *password.WeakError
	errors.As(err, &weak)
	return weak
}
