package auth

import (
	"net/http"
	"net/url"
	"time"

	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

// Types of a verification, as links and codes name them.
const (
	typeSignUp             = "signup"
	typeInvite             = "invite"
	typeMagicLink          = "magiclink"
	typeRecovery           = "recovery"
	typeEmailChange        = "email_change"
	typeEmail              = "email"
	typeEmailChangeCurrent = "email_change_current"
	typeEmailChangeNew     = "email_change_new"
)

// letter is a mail with a link and a code.
type letter struct {
	kind mail.Kind
	// verification is the type in the link.
	verification string
	// to is the address, and the one that the code's hash is made with.
	to    string
	code  string
	hash  string
	newTo string // the new address of a change
}

// newLetter makes a code for an address. With PKCE its hash leads to an auth code.
func (c *call) newLetter(kind mail.Kind, verification, to string, pkce bool) *letter {
	l := &letter{kind: kind, verification: verification, to: to, code: newCode(c.h.cfg.OTPLength)}
	l.hash = c.h.hashCode(to, l.code)
	if pkce {
		l.hash = pkcePrefix + l.hash
	}
	return l
}

// link is what the mail asks to open.
func (c *call) link(l *letter, redirectTo string) string {
	query := url.Values{"token": {l.hash}, "type": {l.verification}, "redirect_to": {redirectTo}}
	return c.h.cfg.ExternalURL + "/verify?" + query.Encode()
}

// post sends a letter about a user. It is called inside the transaction that stores the code, so that a mail that cannot be
// sent undoes what it was about.
func (c *call) post(l *letter, user *store.User, redirectTo string) error {
	if err := c.allowMail(); err != nil {
		return err
	}
	message, err := c.h.templates.Render(l.kind, l.to, &mail.Data{
		ConfirmationURL: c.link(l, redirectTo), Token: l.code, TokenHash: l.hash, SiteURL: c.h.cfg.SiteURL, Email: user.Email,
		NewEmail: l.newTo, RedirectTo: redirectTo, Data: user.UserMetadata,
	})
	if err != nil {
		return &Error{Status: http.StatusInternalServerError, Code: "unexpected_failure", Message: "Error sending email", Cause: err}
	}
	if err := c.h.mailer.Send(c.ctx(), message); err != nil {
		return &Error{Status: http.StatusInternalServerError, Code: "unexpected_failure", Message: "Error sending " + mailNames[l.kind] + " email", Cause: err}
	}
	return nil
}

// mailNames are what messages call the mails.
var mailNames = map[mail.Kind]string{
	mail.Confirmation: "confirmation", mail.Invite: "invite", mail.Recovery: "recovery", mail.MagicLink: "magic link",
	mail.EmailChange: "email change", mail.Reauthentication: "reauthentication",
}

// spaced refuses a mail that follows another of its kind too soon.
func (c *call) spaced(sentAt *time.Time) error {
	if sentAt == nil {
		return nil
	}
	wait := sentAt.Add(c.h.cfg.MailFrequency).Sub(c.now)
	if wait <= 0 {
		return nil
	}
	return tooSoon(wait)
}

func tooSoon(wait time.Duration) error {
	seconds := max(int(wait/time.Second), 1)
	return &Error{
		Status: http.StatusTooManyRequests, Code: "over_email_send_rate_limit", RetryAfter: wait,
		Message: "For security purposes, you can only request this after " + plural(seconds) + ".",
	}
}

// sendConfirmation asks a new user to confirm the address.
func (c *call) sendConfirmation(tx *store.Tx, user *store.User, redirectTo string, pkce bool) error {
	if err := c.spaced(user.ConfirmationSentAt); err != nil {
		return err
	}
	l := c.newLetter(mail.Confirmation, typeSignUp, user.Email, pkce)
	if err := c.post(l, user, redirectTo); err != nil {
		return err
	}
	return c.keepConfirmation(tx, user, l)
}

func (c *call) keepConfirmation(tx *store.Tx, user *store.User, l *letter) error {
	user.ConfirmationToken, user.ConfirmationSentAt = l.hash, &c.now
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return err
	}
	return tx.PutToken(c.ctx(), user.ID, store.ConfirmationToken, l.hash, user.Email)
}

// sendRecovery sends a link that logs in: to set a new password, or just so.
func (c *call) sendRecovery(tx *store.Tx, user *store.User, kind mail.Kind, redirectTo string, pkce bool) error {
	if err := c.spaced(user.RecoverySentAt); err != nil {
		return err
	}
	verification := typeRecovery
	if kind == mail.MagicLink {
		verification = typeMagicLink
	}
	l := c.newLetter(kind, verification, user.Email, pkce)
	if err := c.post(l, user, redirectTo); err != nil {
		return err
	}
	return c.keepRecovery(tx, user, l)
}

func (c *call) keepRecovery(tx *store.Tx, user *store.User, l *letter) error {
	user.RecoveryToken, user.RecoverySentAt = l.hash, &c.now
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return err
	}
	return tx.PutToken(c.ctx(), user.ID, store.RecoveryToken, l.hash, user.Email)
}

// sendEmailChange asks the new address, and the old one, too, unless that is switched off, to confirm a change.
func (c *call) sendEmailChange(tx *store.Tx, user *store.User, address, redirectTo string, pkce bool) error {
	if err := c.spaced(user.EmailChangeSentAt); err != nil {
		return err
	}
	toNew := c.newLetter(mail.EmailChange, typeEmailChange, address, pkce)
	toNew.newTo = address
	letters := []*letter{toNew}
	user.EmailChange, user.EmailChangeTokenNew, user.EmailChangeTokenCurrent = address, toNew.hash, ""
	user.EmailChangeSentAt, user.EmailChangeConfirmStatus = &c.now, 0
	if c.h.cfg.DoubleConfirm && user.Email != "" {
		toOld := c.newLetter(mail.EmailChange, typeEmailChange, user.Email, pkce)
		toOld.newTo = address
		letters = append(letters, toOld)
		user.EmailChangeTokenCurrent = toOld.hash
	}
	for _, l := range letters {
		if err := c.post(l, user, redirectTo); err != nil {
			return err
		}
	}
	return c.keepEmailChange(tx, user)
}

func (c *call) keepEmailChange(tx *store.Tx, user *store.User) error {
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return err
	}
	if err := tx.PutToken(c.ctx(), user.ID, store.EmailChangeTokenNew, user.EmailChangeTokenNew, user.EmailChange); err != nil || user.EmailChangeTokenCurrent == "" {
		return err
	}
	return tx.PutToken(c.ctx(), user.ID, store.EmailChangeTokenCurrent, user.EmailChangeTokenCurrent, user.Email)
}

// sendReauthentication sends a code, without a link, that proves that the user can still read the mails.
func (c *call) sendReauthentication(tx *store.Tx, user *store.User) error {
	if err := c.spaced(user.ReauthenticationSentAt); err != nil {
		return err
	}
	l := c.newLetter(mail.Reauthentication, typeEmail, user.Email, false)
	if err := c.post(l, user, c.h.cfg.SiteURL); err != nil {
		return err
	}
	user.ReauthenticationToken, user.ReauthenticationSentAt = l.hash, &c.now
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return err
	}
	return tx.PutToken(c.ctx(), user.ID, store.ReauthenticationToken, l.hash, user.Email)
}
