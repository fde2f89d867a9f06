package auth

import (
	"errors"
	"net/http"

	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

// invite makes a user for an address and mails a link to it.
func invite(c *call) error {
	var in struct {
		Email string         `json:"email"`
		Data  store.Metadata `json:"data"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	return c.showUser(func(tx *store.Tx) (*store.User, error) {
		user, err := c.invited(tx, email, in.Data)
		if err != nil {
			return nil, err
		}
		l := c.newLetter(mail.Invite, typeInvite, email, false)
		if err := c.post(l, user, c.redirectTo("")); err != nil {
			return nil, err
		}
		user.InvitedAt = &c.now
		return user, c.keepConfirmation(tx, user, l)
	})
}

// invited returns the user of an address who is to be invited.
func (c *call) invited(tx *store.Tx, email string, data store.Metadata) (*store.User, error) {
	user, err := tx.UserByEmail(c.ctx(), email, c.aud())
	switch {
	case err == nil && user.EmailConfirmedAt != nil:
		return nil, unprocessable("email_exists", duplicateEmail)
	case errors.Is(err, store.ErrNotFound):
		user = c.newUser(email, "", data)
		if err := c.insert(tx, user); err != nil {
			return nil, err
		}
		if err := c.ensureEmailIdentity(tx, user, false); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	return user, c.audit(tx, nil, "user_invited", map[string]any{"user_id": user.ID, "user_email": user.Email})
}

// linkInput is what POST /admin/generate_link takes.
type linkInput struct {
	Type       string         `json:"type"`
	Email      string         `json:"email"`
	NewEmail   string         `json:"new_email"`
	Password   string         `json:"password"`
	Data       store.Metadata `json:"data"`
	RedirectTo string         `json:"redirect_to"`
}

// linkView is a user, and the link that was made for them.
type linkView struct {
	*userView
	ActionLink       string `json:"action_link"`
	EmailOTP         string `json:"email_otp"`
	HashedToken      string `json:"hashed_token"`
	VerificationType string `json:"verification_type"`
	RedirectTo       string `json:"redirect_to"`
}

// generateLink makes the link of a mail without sending it.
func generateLink(c *call) error {
	var in linkInput
	if err := c.read(&in); err != nil {
		return err
	}
	email, err := validEmail(in.Email)
	if err != nil {
		return err
	}
	in.Email = email
	hash := ""
	if in.Password != "" {
		if err := c.h.rules.Check(c.ctx(), in.Password); err != nil {
			return err
		}
		if hash, err = c.h.hasher.Hash(c.ctx(), in.Password); err != nil {
			return err
		}
	}
	var out linkView
	err = c.do(func(tx *store.Tx) error {
		user, l, err := c.linkFor(tx, &in, hash)
		if err != nil {
			return err
		}
		out.RedirectTo = c.redirectTo(in.RedirectTo)
		out.ActionLink, out.EmailOTP, out.HashedToken, out.VerificationType = c.link(l, out.RedirectTo), l.code, l.hash, in.Type
		out.userView, err = c.view(tx, user)
		return err
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}

// linkFor finds or makes the user of a link and stores its code.
func (c *call) linkFor(tx *store.Tx, in *linkInput, hash string) (*store.User, *letter, error) {
	user, err := tx.UserByEmail(c.ctx(), in.Email, c.aud())
	unknown := errors.Is(err, store.ErrNotFound)
	if err != nil && !unknown {
		return nil, nil, err
	}
	if unknown && in.Type == typeMagicLink {
		in.Type = typeSignUp
	} else if in.Type == typeSignUp && unknown && hash == "" {
		return nil, nil, invalid("Signup requires a valid password")
	}
	switch in.Type {
	case typeSignUp:
		return c.signUpLink(tx, in, user, hash)
	case typeInvite:
		if user, err = c.invited(tx, in.Email, in.Data); err != nil {
			return nil, nil, err
		}
		l := c.newLetter(mail.Invite, typeInvite, in.Email, false)
		user.InvitedAt = &c.now
		return user, l, c.keepConfirmation(tx, user, l)
	case typeMagicLink, typeRecovery, typeEmailChangeCurrent, typeEmailChangeNew:
		if unknown {
			return nil, nil, newError(http.StatusNotFound, "user_not_found", "User with this email not found")
		}
	default:
		return nil, nil, invalid("Invalid email action link type requested: " + in.Type)
	}
	if in.Type == typeEmailChangeCurrent || in.Type == typeEmailChangeNew {
		return c.changeLink(tx, in, user)
	}
	l := c.newLetter(mail.Recovery, in.Type, in.Email, false)
	if err := c.audit(tx, user, "user_recovery_requested", nil); err != nil {
		return nil, nil, err
	}
	return user, l, c.keepRecovery(tx, user, l)
}

func (c *call) signUpLink(tx *store.Tx, in *linkInput, user *store.User, hash string) (*store.User, *letter, error) {
	if user != nil && user.EmailConfirmedAt != nil {
		return nil, nil, unprocessable("email_exists", duplicateEmail)
	}
	if user == nil {
		user = c.newUser(in.Email, hash, in.Data)
		if err := c.create(tx, user, in.Data); err != nil {
			return nil, nil, err
		}
	} else {
		user.UserMetadata.Merge(in.Data)
	}
	l := c.newLetter(mail.Confirmation, typeSignUp, in.Email, false)
	return user, l, c.keepConfirmation(tx, user, l)
}

// changeLink makes one of the two links of a change of address.
func (c *call) changeLink(tx *store.Tx, in *linkInput, user *store.User) (*store.User, *letter, error) {
	if in.Type == typeEmailChangeCurrent && !c.h.cfg.DoubleConfirm {
		return nil, nil, invalid("Enable secure email change to generate link for current email")
	}
	address, err := validEmail(in.NewEmail)
	if err != nil {
		return nil, nil, err
	}
	if _, err := tx.UserByEmail(c.ctx(), address, user.Aud); !errors.Is(err, store.ErrNotFound) {
		return nil, nil, errors.Join(err, unprocessable("email_exists", duplicateEmail))
	}
	user.EmailChange, user.EmailChangeSentAt, user.EmailChangeConfirmStatus = address, &c.now, 0
	to, kind := user.Email, store.EmailChangeTokenCurrent
	if in.Type == typeEmailChangeNew {
		to, kind = address, store.EmailChangeTokenNew
	}
	l := c.newLetter(mail.EmailChange, typeEmailChange, to, false)
	if kind == store.EmailChangeTokenNew {
		user.EmailChangeTokenNew = l.hash
	} else {
		user.EmailChangeTokenCurrent = l.hash
	}
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return nil, nil, err
	}
	return user, l, tx.PutToken(c.ctx(), user.ID, kind, l.hash, to)
}
