package auth

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"nexus/engine/auth/store"
)

// Methods of authentication, as in the amr claim.
const (
	byPassword  = "password"
	byOTP       = "otp"
	byOAuth     = "oauth"
	byTOTP      = "totp"
	byAnonymous = "anonymous"
	// The following name what a link with PKCE was for.
	byMagicLink   = "magiclink"
	byRecovery    = "recovery"
	byInvite      = "invite"
	bySignUp      = "email/signup"
	byEmailChange = "email_change"
)

// sessionView is a session as clients see one.
type sessionView struct {
	AccessToken          string    `json:"access_token"`
	TokenType            string    `json:"token_type"`
	ExpiresIn            int64     `json:"expires_in"`
	ExpiresAt            int64     `json:"expires_at"`
	RefreshToken         string    `json:"refresh_token"`
	User                 *userView `json:"user"`
	ProviderToken        string    `json:"provider_token,omitempty"`
	ProviderRefreshToken string    `json:"provider_refresh_token,omitempty"`
}

// fragment is the session for the end of a link.
func (s *sessionView) fragment() url.Values {
	values := url.Values{
		"access_token": {s.AccessToken}, "token_type": {s.TokenType}, "expires_in": {strconv.FormatInt(s.ExpiresIn, 10)},
		"expires_at": {strconv.FormatInt(s.ExpiresAt, 10)}, "refresh_token": {s.RefreshToken}, "sb": {""},
	}
	for name, token := range map[string]string{"provider_token": s.ProviderToken, "provider_refresh_token": s.ProviderRefreshToken} {
		if token != "" {
			values.Set(name, token)
		}
	}
	return values
}

// open logs a user in: a session that was authenticated by a method, and its first tokens.
func (c *call) open(tx *store.Tx, user *store.User, method string) (*sessionView, error) {
	session := &store.Session{
		ID: newID(), UserID: user.ID, AAL: store.AAL1, NotAfter: c.notAfter(), UserAgent: c.r.UserAgent(), IP: c.ip,
		RefreshKey: c.h.refresh.newKey(),
	}
	if err := tx.CreateSession(c.ctx(), session); err != nil {
		return nil, err
	}
	if err := tx.AddAMR(c.ctx(), session.ID, method); err != nil {
		return nil, err
	}
	user.LastSignInAt = &c.now
	if err := tx.SaveUser(c.ctx(), user); err != nil {
		return nil, err
	}
	return c.show(tx, user, session)
}

// show issues a session's tokens.
func (c *call) show(tx *store.Tx, user *store.User, session *store.Session) (*sessionView, error) {
	refresh, err := c.h.refresh.make(session, session.RefreshCounter)
	if err != nil {
		return nil, err
	}
	access, expiresAt, err := c.accessToken(tx, user, session)
	if err != nil {
		return nil, err
	}
	view, err := c.view(tx, user)
	if err != nil {
		return nil, err
	}
	header := c.w.Header()
	header.Set("Sb-Auth-User-Id", user.ID)
	header.Set("Sb-Auth-Session-Id", session.ID)
	header.Set("Sb-Auth-Refresh-Token-Counter", strconv.FormatInt(session.RefreshCounter, 10))
	// Neither caches nor histories may keep tokens (RFC 6749, section 5.1).
	header.Set("Cache-Control", "no-store")
	return &sessionView{
		AccessToken: access, TokenType: "bearer", ExpiresIn: expiresAt - c.now.Unix(), ExpiresAt: expiresAt,
		RefreshToken: refresh, User: view,
	}, nil
}

// amrClaim is one of the ways in which a session was authenticated.
type amrClaim struct {
	Method    string `json:"method"`
	Timestamp int64  `json:"timestamp"`
}

// accessToken issues the token that acts as the user; its claims are those of GoTrue's.
func (c *call) accessToken(tx *store.Tx, user *store.User, session *store.Session) (token string, expiresAt int64, err error) {
	methods, err := tx.AMRs(c.ctx(), session.ID)
	if err != nil {
		return "", 0, err
	}
	amr := make([]amrClaim, len(methods))
	for i, m := range methods {
		amr[i] = amrClaim{m.Method, m.UpdatedAt.Unix()}
	}
	expiresAt = c.now.Add(c.h.cfg.AccessTTL).Unix()
	all := map[string]any{
		"iss": c.h.cfg.issuer(), "sub": user.ID, "aud": user.Aud, "exp": expiresAt, "iat": c.now.Unix(),
		"email": user.Email, "phone": user.Phone, "app_metadata": user.AppMetadata, "user_metadata": user.UserMetadata,
		"role": user.Role, "aal": session.AAL, "amr": amr, "session_id": session.ID, "is_anonymous": user.IsAnonymous,
	}
	if all, err = c.hook(tx, user, all, methods); err != nil {
		return "", 0, err
	}
	token, err = c.h.keys().Current().Sign(all)
	return token, expiresAt, err
}

// keptClaims are those that the hook may neither remove nor change.
var keptClaims = []string{"sub", "aud", "exp", "iat", "iss", "role", "aal", "session_id", "is_anonymous", "email", "phone"}

// hook lets the database's own function add claims
// (https://supabase.com/docs/guides/auth/auth-hooks/custom-access-token-hook).
func (c *call) hook(tx *store.Tx, user *store.User, all map[string]any, methods []store.AMR) (map[string]any, error) {
	event := map[string]any{"user_id": user.ID, "claims": all}
	if len(methods) > 0 {
		event["authentication_method"] = methods[0].Method
	}
	answer, err := tx.Hook(c.ctx(), event)
	if err != nil {
		return nil, fmt.Errorf("auth.custom_access_token_hook: %w", err)
	}
	if answer == nil {
		return all, nil
	}
	added, ok := answer["claims"].(map[string]any)
	if !ok {
		return nil, unexpected(fmt.Errorf("auth.custom_access_token_hook: its answer has no claims"))
	}
	for _, name := range keptClaims {
		added[name] = all[name]
	}
	return added, nil
}

// within reports whether something that was sent is still valid.
func (c *call) within(sentAt *time.Time, life time.Duration) bool {
	return sentAt != nil && c.now.Before(sentAt.Add(life))
}
