package auth

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nexus/engine/auth/redirect"
	"nexus/engine/auth/store"
	"nexus/engine/mail"
)

// verification is an attempt to prove an address: with a code and the address, or with the hash that a link carries.
type verification struct {
	Type       string `json:"type"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	Token      string `json:"token"`
	TokenHash  string `json:"token_hash"`
	RedirectTo string `json:"redirect_to"`
}

var (
	errLinkExpired = forbidden("otp_expired", "Email link is invalid or has expired")
	errCodeExpired = forbidden("otp_expired", "Token has expired or is invalid")
)

// halfway answers the first of two confirmations.
const halfway = "Confirmation link accepted. Please proceed to confirm link sent to the other email"

// verifyCode answers POST /verify with a session.
func verifyCode(c *call) error {
	var v verification
	if err := c.read(&v); err != nil {
		return err
	}
	if v.Type == "" {
		return invalid("Verify requires a verification type")
	}
	if (v.Token == "") == (v.TokenHash == "") {
		return invalid("Verify requires either a token or a token hash")
	}
	byHash := v.TokenHash != ""
	switch {
	case byHash && (v.Email != "" || v.Phone != "" || v.RedirectTo != ""):
		return invalid("Only the token_hash and type should be provided")
	case v.Phone != "":
		return newError(http.StatusBadRequest, "phone_provider_disabled", phoneDisabled)
	case !byHash && v.Email == "":
		return invalid("Only an email address or phone number should be provided on verify")
	}
	if !byHash {
		email, err := mail.ValidAddress(v.Email)
		if err != nil {
			return unprocessable("validation_failed", "Invalid email format")
		}
		// A code has few digits: what makes it hard to guess is how often one may try.
		if err := c.allowAttempt("code " + email); err != nil {
			return err
		}
		v.Email, v.TokenHash = email, c.h.hashCode(email, v.Token)
	}
	var out any
	err := c.do(func(tx *store.Tx) error {
		user, err := c.findVerified(tx, &v, byHash)
		if err != nil {
			return err
		}
		done, err := c.accept(tx, &v, user)
		if err != nil {
			return err
		}
		if !done {
			out = map[string]string{"msg": halfway, "code": "200"}
			return nil
		}
		out, err = c.open(tx, user, byOTP)
		return err
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}

// verifyLink answers the link of a mail: it leads on to the app, with a session, an auth code or an error.
func verifyLink(c *call) error {
	query := c.r.URL.Query()
	v := verification{Type: query.Get("type"), TokenHash: query.Get("token")}
	if v.TokenHash == "" {
		v.TokenHash = query.Get("token_hash")
	}
	switch {
	case v.Type == "":
		return invalid("Verify requires a verification type")
	case v.TokenHash == "":
		return invalid("Verify requires a token or a token hash")
	}
	target := c.redirectTo("")
	pkce := strings.HasPrefix(v.TokenHash, pkcePrefix)
	method := flowMethods[v.Type]
	var location string
	err := c.do(func(tx *store.Tx) error {
		user, err := c.findVerified(tx, &v, true)
		if err != nil {
			return err
		}
		done, err := c.accept(tx, &v, user)
		switch {
		case err != nil:
			return err
		case !done:
			location = halfwayLocation(target, pkce)
			return nil
		case pkce:
			code, err := c.issueAuthCode(tx, user, method)
			location = redirect.WithQuery(target, url.Values{"code": {code}})
			return err
		}
		session, err := c.open(tx, user, byOTP)
		if err != nil {
			return err
		}
		values := session.fragment()
		values.Set("type", v.Type)
		location = redirect.WithFragment(target, values)
		return nil
	})
	if err != nil {
		location = c.errorLocation(target, err, pkce)
	}
	c.redirect(http.StatusSeeOther, location)
	return nil
}

// flowMethods are the methods that a client with PKCE is told, by the type of the link.
var flowMethods = map[string]string{
	typeSignUp: bySignUp, typeInvite: byInvite, typeMagicLink: byMagicLink, typeRecovery: byRecovery, typeEmailChange: byEmailChange,
}

func halfwayLocation(target string, pkce bool) string {
	if pkce {
		target = redirect.WithQuery(target, url.Values{"message": {halfway}})
	}
	return redirect.WithFragment(target, url.Values{"message": {halfway}, "sb": {""}})
}

// oauthErrors are the error codes of RFC 6749 for statuses.
var oauthErrors = map[int]string{
	http.StatusBadRequest: "invalid_request", http.StatusUnauthorized: "unauthorized_client", http.StatusForbidden: "access_denied",
	http.StatusInternalServerError: "server_error", http.StatusServiceUnavailable: "temporarily_unavailable",
}

// errorLocation tells the app why a link leads to nothing.
func (c *call) errorLocation(target string, err error, both bool) string {
	e := asError(err)
	c.log(e)
	values := url.Values{"error_code": {e.Code}, "error_description": {e.Message}}
	if name, ok := oauthErrors[e.Status]; ok {
		values.Set("error", name)
	}
	if both {
		target = redirect.WithQuery(target, values)
	}
	values.Set("sb", "")
	return redirect.WithFragment(target, values)
}

func (c *call) redirect(status int, location string) {
	header := c.w.Header()
	header.Set("Location", location)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	c.w.WriteHeader(status)
}

// tokenKinds are the kinds of one-time tokens that a type means.
var tokenKinds = map[string][]store.TokenKind{
	typeEmail:       {store.ConfirmationToken, store.RecoveryToken},
	typeSignUp:      {store.ConfirmationToken},
	typeInvite:      {store.ConfirmationToken},
	typeRecovery:    {store.RecoveryToken},
	typeMagicLink:   {store.RecoveryToken},
	typeEmailChange: {store.EmailChangeTokenCurrent, store.EmailChangeTokenNew},
}

// findVerified returns the user whom the token was made for, if it is still valid. The type email becomes the one that it
// stands for.
func (c *call) findVerified(tx *store.Tx, v *verification, byHash bool) (*store.User, error) {
	kinds, ok := tokenKinds[v.Type]
	if !ok {
		return nil, invalid("Invalid email verification type")
	}
	refused := errCodeExpired
	if byHash {
		refused = errLinkExpired
	}
	user, kind, err := tx.UserByToken(c.ctx(), v.TokenHash, kinds...)
	if errors.Is(err, store.ErrNotFound) && !byHash {
		// With PKCE the same code is stored under another name.
		v.TokenHash = pkcePrefix + v.TokenHash
		user, kind, err = tx.UserByToken(c.ctx(), v.TokenHash, kinds...)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	if user.IsBanned(c.now) {
		return nil, forbidden("user_banned", "User is banned")
	}
	stored, sentAt := tokenOf(user, kind)
	if subtle.ConstantTimeCompare([]byte(stored), []byte(v.TokenHash)) != 1 || !c.within(sentAt, c.h.cfg.OTPLife) {
		return nil, refused
	}
	if v.Type == typeEmail {
		v.Type = typeSignUp
		if kind == store.RecoveryToken {
			v.Type = typeMagicLink
		}
	}
	return user, nil
}

// tokenOf returns what the user's row says of a token.
func tokenOf(u *store.User, kind store.TokenKind) (hash string, sentAt *time.Time) {
	switch kind {
	case store.ConfirmationToken:
		return u.ConfirmationToken, u.ConfirmationSentAt
	case store.RecoveryToken:
		return u.RecoveryToken, u.RecoverySentAt
	case store.EmailChangeTokenCurrent:
		return u.EmailChangeTokenCurrent, u.EmailChangeSentAt
	case store.EmailChangeTokenNew:
		return u.EmailChangeTokenNew, u.EmailChangeSentAt
	default:
		return u.ReauthenticationToken, u.ReauthenticationSentAt
	}
}

// accept does what the token was for; done is false after the first of two confirmations.
func (c *call) accept(tx *store.Tx, v *verification, user *store.User) (done bool, err error) {
	switch v.Type {
	case typeSignUp, typeInvite:
		return true, c.confirm(tx, user)
	case typeRecovery, typeMagicLink:
		if user.EmailConfirmedAt == nil {
			return true, c.confirm(tx, user) // who reads the mail owns the address
		}
		if err := c.audit(tx, user, "login", nil); err != nil {
			return false, err
		}
		user.RecoveryToken = ""
		if err := tx.DeleteTokens(c.ctx(), user.ID); err != nil {
			return false, err
		}
		return true, tx.SaveUser(c.ctx(), user)
	default:
		return c.acceptEmailChange(tx, v, user)
	}
}

// acceptEmailChange counts a confirmation, and changes the address after the last.
func (c *call) acceptEmailChange(tx *store.Tx, v *verification, user *store.User) (done bool, err error) {
	if c.h.cfg.DoubleConfirm && user.EmailChangeConfirmStatus == 0 && user.Email != "" {
		user.EmailChangeConfirmStatus = 1
		if v.TokenHash == user.EmailChangeTokenCurrent {
			user.EmailChangeTokenCurrent = ""
		} else {
			user.EmailChangeTokenNew = ""
		}
		return false, tx.SaveUser(c.ctx(), user)
	}
	return true, c.changeEmail(tx, user, user.EmailChange)
}

// changeEmail gives the user a confirmed address. Those who were nobody are somebody now.
func (c *call) changeEmail(tx *store.Tx, user *store.User, address string) error {
	other, err := tx.UserByEmail(c.ctx(), address, user.Aud)
	switch {
	case err == nil && other.ID != user.ID:
		return unprocessable("email_exists", duplicateEmail)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := c.audit(tx, user, "user_modified", nil); err != nil {
		return err
	}
	user.Email, user.EmailConfirmedAt, user.IsAnonymous = address, &c.now, false
	user.EmailChange, user.EmailChangeTokenNew, user.EmailChangeTokenCurrent, user.EmailChangeConfirmStatus = "", "", "", 0
	user.ConfirmationToken, user.RecoveryToken = "", ""
	user.UserMetadata.Merge(map[string]any{"email": address, "email_verified": true})
	if err := c.ensureEmailIdentity(tx, user, true); err != nil {
		return err
	}
	if err := c.verifyIdentity(tx, user); err != nil {
		return err
	}
	if err := c.noteProviders(tx, user); err != nil {
		return err
	}
	if err := tx.DeleteTokens(c.ctx(), user.ID); err != nil {
		return err
	}
	return tx.SaveUser(c.ctx(), user)
}

// noteProviders writes the providers of a user's identities into the metadata, the first one apart.
func (c *call) noteProviders(tx *store.Tx, user *store.User) error {
	identities, err := tx.Identities(c.ctx(), user.ID)
	if err != nil {
		return err
	}
	var names []string
	seen := map[string]bool{}
	for i := range identities {
		if name := identities[i].Provider; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		user.AppMetadata.Merge(map[string]any{"provider": names[0], "providers": names})
	}
	return nil
}
