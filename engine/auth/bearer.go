package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"nexus/engine/auth/store"
	"nexus/rls"
)

// claims are those of a token that auth/v1 looks at.
type claims struct {
	Subject   string `json:"sub"`
	Role      string `json:"role"`
	SessionID string `json:"session_id"`
	Audience  any    `json:"aud"`
}

// audience is the first that the token names.
func (c *claims) audience() string {
	switch a := c.Audience.(type) {
	case string:
		return a
	case []any:
		if len(a) > 0 {
			first, _ := a[0].(string)
			return first
		}
	}
	return ""
}

// authenticate reads the token of a request.
func (c *call) authenticate() error {
	header := c.r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(token) == "" {
		return newError(http.StatusUnauthorized, "no_authorization", "This endpoint requires a valid Bearer token")
	}
	identity, err := c.h.verifier().Authenticate(c.ctx(), header)
	if err != nil {
		var refused *rls.Error
		if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
			return &Error{Status: http.StatusForbidden, Code: "bad_jwt", Message: "invalid JWT: unable to parse or verify signature, " + refused.Message}
		}
		return unexpected(err)
	}
	if identity.Caller.Class == rls.Agent {
		return forbidden("bad_jwt", "Tokens of agents are not accepted here")
	}
	if err := json.Unmarshal([]byte(identity.Claims), &c.claims); err != nil {
		return forbidden("bad_jwt", "invalid JWT: unable to read its claims")
	}
	c.h.noteRole(c.ctx(), identity.Role)
	return nil
}

// signedIn is the check of endpoints for users: the token's user and session must still be there, whatever it says itself.
func signedIn(c *call) error {
	if err := c.authenticate(); err != nil {
		return err
	}
	if c.claims.Subject == "" {
		return forbidden("bad_jwt", "invalid claim: missing sub claim")
	}
	if !isUUID(c.claims.Subject) {
		return forbidden("bad_jwt", "invalid claim: sub claim must be a UUID")
	}
	return c.do(func(tx *store.Tx) (err error) {
		if c.user, err = tx.UserSeen(c.ctx(), c.claims.Subject); errors.Is(err, store.ErrNotFound) {
			return forbidden("user_not_found", "User from sub claim in JWT does not exist")
		} else if err != nil {
			return err
		}
		if c.user.IsBanned(c.now) {
			return forbidden("user_banned", "User is banned")
		}
		if !isUUID(c.claims.SessionID) {
			return nil // a token that was made by hand, for a user
		}
		c.session, err = tx.SessionSeen(c.ctx(), c.claims.SessionID)
		if errors.Is(err, store.ErrNotFound) || err == nil && c.session.UserID != c.user.ID {
			return forbidden("session_not_found", "Session from session_id claim in JWT does not exist")
		}
		return err
	})
}

// admin is the check of endpoints for trusted servers.
func admin(c *call) error {
	if err := c.authenticate(); err != nil {
		return err
	}
	if !c.h.cfg.isAdmin(c.claims.Role) {
		return forbidden("not_admin", "User not allowed")
	}
	if c.h.cfg.RefuseBrowserAdmins && c.r.Header.Get("Origin") != "" {
		return forbidden("not_admin", "Keys of servers are not accepted from browsers")
	}
	return nil
}

// aud is the audience that a request is about.
func (c *call) aud() string {
	if aud := c.r.Header.Get("X-JWT-AUD"); aud != "" {
		return aud
	}
	if aud := c.claims.audience(); aud != "" && !c.h.cfg.isAdmin(c.claims.Role) {
		return aud
	}
	return c.h.cfg.Aud
}
