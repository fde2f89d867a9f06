package auth

import (
	"errors"
	"net/http"
	"net/url"

	"nexus/engine/auth/store"
	"nexus/engine/auth/totp"
)

var errFactorNotFound = newError(http.StatusNotFound, "mfa_factor_not_found", "Factor not found")

// permanent refuses users who could not get back in without a factor.
func (c *call) permanent() error {
	if c.user.IsAnonymous {
		return forbidden("no_authorization", "Anonymous user not allowed to perform these actions")
	}
	if c.session == nil {
		return forbidden("session_not_found", "A session is required for multi-factor authentication")
	}
	return nil
}

// enrollFactor makes a factor, which counts once it has been verified.
func enrollFactor(c *call) error {
	var in struct {
		FriendlyName string `json:"friendly_name"`
		FactorType   string `json:"factor_type"`
		Issuer       string `json:"issuer"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if err := c.permanent(); err != nil {
		return err
	}
	switch in.FactorType {
	case "totp":
	case "phone", "webauthn":
		return unprocessable("mfa_"+in.FactorType+"_enroll_not_enabled", "MFA enroll is disabled for this type of factor")
	default:
		return invalid("factor_type needs to be totp, phone, or webauthn")
	}
	if !c.h.cfg.TOTPEnroll {
		return unprocessable("mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP")
	}
	issuer := in.Issuer
	if issuer == "" {
		site, err := url.Parse(c.h.cfg.SiteURL)
		if err != nil {
			return err
		}
		issuer = site.Host
	}
	account := c.user.Email
	if account == "" {
		account = c.user.Phone
	}
	key, err := totp.Generate(issuer, account)
	if err != nil {
		return invalid("The issuer or the name of the account cannot be used for a factor")
	}
	factor := &store.Factor{
		ID: newID(), UserID: c.user.ID, FriendlyName: in.FriendlyName, Type: in.FactorType, Status: store.Unverified, Secret: key.Secret,
	}
	if err := c.do(func(tx *store.Tx) error { return c.enroll(tx, factor) }); err != nil {
		return err
	}
	c.write(http.StatusOK, map[string]any{
		"id": factor.ID, "type": factor.Type, "friendly_name": factor.FriendlyName,
		"totp": map[string]string{"qr_code": key.QRCodeSVG(), "secret": key.Secret, "uri": key.URI},
	})
	return nil
}

func (c *call) enroll(tx *store.Tx, factor *store.Factor) error {
	// The user's row is the lock that keeps the number of factors right.
	if _, err := tx.User(c.ctx(), c.user.ID); err != nil {
		return err
	}
	if err := tx.DeleteStaleFactors(c.ctx(), c.user.ID, c.now.Add(-c.h.cfg.FactorLife)); err != nil {
		return err
	}
	factors, err := tx.Factors(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	if len(factors) >= c.h.cfg.MaxFactors {
		return unprocessable("too_many_enrolled_mfa_factors", "Maximum number of verified factors reached, unenroll to continue")
	}
	for i := range factors {
		if factors[i].FriendlyName == factor.FriendlyName && factor.FriendlyName != "" {
			return unprocessable("mfa_factor_name_conflict", "A factor with the friendly name \""+factor.FriendlyName+"\" for this user already exists")
		}
		if factors[i].Status == store.Verified && c.session.AAL != store.AAL2 {
			return forbidden("insufficient_aal", "AAL2 required to enroll a new factor")
		}
	}
	if err := tx.CreateFactor(c.ctx(), factor); err != nil {
		return err
	}
	return c.audit(tx, c.user, "factor_in_progress", map[string]any{"factor_id": factor.ID, "factor_type": factor.Type})
}

// ownFactor returns the factor of the path.
func (c *call) ownFactor(tx *store.Tx, userID string) (*store.Factor, error) {
	id := c.r.PathValue("factor")
	if !isUUID(id) {
		return nil, newError(http.StatusNotFound, "validation_failed", "factor_id must be an UUID")
	}
	factor, err := tx.Factor(c.ctx(), userID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errFactorNotFound
	}
	return factor, err
}

// challengeFactor begins a verification.
func challengeFactor(c *call) error {
	if err := c.permanent(); err != nil {
		return err
	}
	challenge := &store.Challenge{ID: newID(), IP: c.ip}
	var factor *store.Factor
	err := c.do(func(tx *store.Tx) (err error) {
		if factor, err = c.ownFactor(tx, c.user.ID); err != nil {
			return err
		}
		if factor.Type != "totp" || !c.h.cfg.TOTPVerify {
			return unprocessable("mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")
		}
		challenge.FactorID = factor.ID
		if err := tx.CreateChallenge(c.ctx(), challenge); err != nil {
			return err
		}
		factor.LastChallengedAt = &c.now
		if err := tx.SaveFactor(c.ctx(), factor); err != nil {
			return err
		}
		return c.audit(tx, c.user, "challenge_created", map[string]any{"factor_id": factor.ID, "factor_status": factor.Status})
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, map[string]any{
		"id": challenge.ID, "type": factor.Type, "expires_at": challenge.CreatedAt.Add(c.h.cfg.ChallengeLife).Unix(),
	})
	return nil
}

// verifyFactor ends a verification: the session becomes a strong one.
func verifyFactor(c *call) error {
	var in struct {
		ChallengeID string `json:"challenge_id"`
		Code        string `json:"code"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if err := c.permanent(); err != nil {
		return err
	}
	if !isUUID(in.ChallengeID) {
		return invalid("challenge_id must be an UUID")
	}
	if err := c.allowAttempt("factor " + c.user.ID); err != nil {
		return err
	}
	var out *sessionView
	var refused error
	err := c.do(func(tx *store.Tx) (err error) {
		factor, err := c.ownFactor(tx, c.user.ID)
		if err != nil {
			return err
		}
		if refused, err = c.meets(tx, factor, in.ChallengeID, in.Code); err != nil || refused != nil {
			return err
		}
		out, err = c.strengthen(tx, factor)
		return err
	})
	if err = errors.Join(err, refused); err != nil {
		return err
	}
	c.write(http.StatusOK, out)
	return nil
}

// meets checks a code against a challenge. What it refuses is part of the transaction: a challenge that came too late goes.
func (c *call) meets(tx *store.Tx, factor *store.Factor, challengeID, code string) (refused, err error) {
	if !c.h.cfg.TOTPVerify {
		return unprocessable("mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP"), nil
	}
	challenge, err := tx.Challenge(c.ctx(), factor.ID, challengeID)
	if errors.Is(err, store.ErrNotFound) {
		return unprocessable("mfa_factor_not_found", "MFA factor with the provided challenge ID not found"), nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case challenge.VerifiedAt != nil:
		return unprocessable("mfa_verification_failed", "This challenge has been met already"), nil
	case challenge.IP != c.ip:
		return unprocessable("mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch."), nil
	case c.now.After(challenge.CreatedAt.Add(c.h.cfg.ChallengeLife)):
		return unprocessable("mfa_challenge_expired", "MFA challenge "+challengeID+" has expired, verify against another challenge or create a new challenge."),
			tx.DeleteChallenge(c.ctx(), challengeID)
	}
	step, ok := totp.Verify(factor.Secret, code, c.now)
	last, err := tx.LastStep(c.ctx(), factor.ID)
	if err != nil {
		return nil, err
	}
	// A code counts once: whoever looks over a shoulder must not log in with it (RFC 6238, section 5.2).
	if !ok || step <= last {
		return unprocessable("mfa_verification_failed", "Invalid TOTP code entered"), nil
	}
	return nil, tx.VerifyChallenge(c.ctx(), challengeID, step)
}

// strengthen makes the session a strong one and ends the user's weak ones.
func (c *call) strengthen(tx *store.Tx, factor *store.Factor) (*sessionView, error) {
	user, err := tx.User(c.ctx(), c.user.ID)
	if err != nil {
		return nil, err
	}
	session, err := tx.Session(c.ctx(), c.session.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, forbidden("session_not_found", "Session from session_id claim in JWT does not exist")
	}
	if err != nil {
		return nil, err
	}
	if factor.Status != store.Verified {
		factor.Status = store.Verified
		if err := tx.SaveFactor(c.ctx(), factor); err != nil {
			return nil, err
		}
	}
	if err := c.audit(tx, user, "verification_attempted", map[string]any{"factor_id": factor.ID}); err != nil {
		return nil, err
	}
	session.AAL, session.FactorID = store.AAL2, &factor.ID
	// Two steps, so that the token from before is not the one that may be used once more.
	session.RefreshCounter += 2
	session.RefreshedAt = &c.now
	if err := tx.SaveSession(c.ctx(), session); err != nil {
		return nil, err
	}
	if err := tx.AddAMR(c.ctx(), session.ID, byTOTP); err != nil {
		return nil, err
	}
	if err := tx.DeleteWeakSessions(c.ctx(), user.ID, session.ID); err != nil {
		return nil, err
	}
	return c.show(tx, user, session)
}

// unenrollFactor removes a factor. A verified one needs a strong session.
func unenrollFactor(c *call) error {
	if err := c.permanent(); err != nil {
		return err
	}
	id := c.r.PathValue("factor")
	err := c.do(func(tx *store.Tx) error {
		factor, err := c.ownFactor(tx, c.user.ID)
		if err != nil {
			return err
		}
		if factor.Status == store.Verified && c.session.AAL != store.AAL2 {
			return unprocessable("insufficient_aal", "AAL2 required to unenroll verified factor")
		}
		if err := tx.DeleteFactor(c.ctx(), factor.ID); err != nil {
			return err
		}
		return c.audit(tx, c.user, "factor_unenrolled", map[string]any{
			"factor_id": factor.ID, "factor_status": factor.Status, "session_id": c.session.ID,
		})
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, map[string]string{"id": id})
	return nil
}

func adminListFactors(c *call) error {
	var factors []store.Factor
	err := c.do(func(tx *store.Tx) error {
		user, err := c.wantedUser(tx)
		if err != nil {
			return err
		}
		factors, err = tx.Factors(c.ctx(), user.ID)
		return err
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, viewFactors(factors))
	return nil
}

func adminUpdateFactor(c *call) error {
	var in struct {
		FriendlyName string `json:"friendly_name"`
		Phone        string `json:"phone"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	return c.changeFactor("factor_updated", func(tx *store.Tx, factor *store.Factor) error {
		if in.FriendlyName != "" {
			factor.FriendlyName = in.FriendlyName
		}
		if in.Phone != "" && factor.Type == "phone" {
			factor.Phone = in.Phone
		}
		err := tx.SaveFactor(c.ctx(), factor)
		if store.HasCode(err, "23505") {
			return unprocessable("mfa_factor_name_conflict", "A factor with the friendly name \""+in.FriendlyName+"\" for this user already exists")
		}
		return err
	})
}

func adminDeleteFactor(c *call) error {
	return c.changeFactor("factor_deleted", func(tx *store.Tx, factor *store.Factor) error { return tx.DeleteFactor(c.ctx(), factor.ID) })
}

// changeFactor does something to a factor for an admin and shows it.
func (c *call) changeFactor(action string, change func(*store.Tx, *store.Factor) error) error {
	var factor *store.Factor
	err := c.do(func(tx *store.Tx) error {
		user, err := c.wantedUser(tx)
		if err != nil {
			return err
		}
		if factor, err = c.ownFactor(tx, user.ID); err != nil {
			return err
		}
		if err := change(tx, factor); err != nil {
			return err
		}
		return c.audit(tx, nil, action, map[string]any{"user_id": user.ID, "factor_id": factor.ID})
	})
	if err != nil {
		return err
	}
	c.write(http.StatusOK, viewFactor(factor))
	return nil
}
