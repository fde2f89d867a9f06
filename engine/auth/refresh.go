package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/google/uuid"

	"nexus/engine/auth/store"
)

// A refresh token is the base64url form of: version 0, the session's id (16 bytes), a counter (8), an HMAC of these (16) and
// a checksum of all (4). The key of the HMAC comes from the session's own random key and the server's secret, so that who
// reads the database cannot make a token, and the server can make the live token again for a client that lost it.
const (
	refreshVersion = 0
	refreshMAC     = 16
	refreshSigned  = 1 + len(uuid.UUID{}) + 8
	refreshSize    = refreshSigned + refreshMAC + crc32.Size
)

// refreshTokens makes and checks refresh tokens.
type refreshTokens struct{ secret []byte }

// newKey makes the random part of a session's key.
func (refreshTokens) newKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(key[:])
}

// make returns the session's refresh token with the counter.
func (t refreshTokens) make(s *store.Session, counter int64) (string, error) {
	id, err := uuid.Parse(s.ID)
	if err != nil {
		return "", err
	}
	token := make([]byte, 0, refreshSize)
	token = append(token, refreshVersion)
	token = append(token, id[:]...)
	token = binary.BigEndian.AppendUint64(token, uint64(counter))
	mac, err := t.mac(s, token)
	if err != nil {
		return "", err
	}
	token = append(token, mac...)
	token = binary.BigEndian.AppendUint32(token, crc32.ChecksumIEEE(token))
	return base64.RawURLEncoding.EncodeToString(token), nil
}

func (t refreshTokens) mac(s *store.Session, signed []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, t.secret, []byte(s.RefreshKey), "nexus refresh token", sha256.Size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	return mac.Sum(nil)[:refreshMAC], nil
}

// presented is a refresh token that has the right form; whether it is one is for genuine to say.
type presented struct {
	sessionID string
	counter   int64
	bytes     []byte
}

// parse reads a refresh token; ok is false for what has another form.
func (refreshTokens) parse(text string) (p presented, ok bool) {
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) != refreshSize || token[0] != refreshVersion {
		return presented{}, false
	}
	if binary.BigEndian.Uint32(token[refreshSize-crc32.Size:]) != crc32.ChecksumIEEE(token[:refreshSize-crc32.Size]) {
		return presented{}, false
	}
	id, err := uuid.FromBytes(token[1:17])
	if err != nil {
		return presented{}, false
	}
	counter := binary.BigEndian.Uint64(token[17:refreshSigned])
	if counter > 1<<62 {
		return presented{}, false
	}
	return presented{sessionID: id.String(), counter: int64(counter), bytes: token}, true
}

// genuine reports whether the token was made for the session.
func (t refreshTokens) genuine(p presented, s *store.Session) bool {
	mac, err := t.mac(s, p.bytes[:refreshSigned])
	return err == nil && s.RefreshKey != "" && hmac.Equal(mac, p.bytes[refreshSigned:refreshSigned+refreshMAC])
}

var (
	errRefreshMalformed = invalid("Refresh token is not valid")
	errRefreshUnknown   = newError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
	errRefreshUsed      = newError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
	errSessionExpired   = newError(400, "session_expired", "Invalid Refresh Token: Session Expired")
)

// legacyLength is that of GoTrue's first kind of refresh token.
const legacyLength = 12

// grantRefresh exchanges a refresh token.
func grantRefresh(c *call) error {
	var in struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.RefreshToken == "" {
		return invalid("refresh_token required")
	}
	var out *sessionView
	var reused bool
	err := c.do(func(tx *store.Tx) (err error) {
		out, reused, err = c.exchange(tx, in.RefreshToken)
		return err
	})
	if err != nil {
		return err
	}
	if reused {
		return errRefreshUsed // after what it led to is committed
	}
	c.write(200, out)
	return nil
}

// exchange finds the token's session and issues new tokens. Reused is true of a token that was replaced so long ago that
// somebody else must have it: its session has ended.
func (c *call) exchange(tx *store.Tx, token string) (out *sessionView, reused bool, err error) {
	p, ok := c.h.refresh.parse(token)
	if !ok {
		return c.exchangeLegacy(tx, token)
	}
	session, err := tx.Session(c.ctx(), p.sessionID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !c.h.refresh.genuine(p, session) {
		return nil, false, errRefreshUnknown
	}
	if err != nil {
		return nil, false, err
	}
	user, err := c.refreshable(tx, session)
	if err != nil {
		return nil, false, err
	}
	switch behind := session.RefreshCounter - p.counter; {
	case behind < 0:
		return nil, false, errRefreshUnknown
	case behind == 0:
		session.RefreshCounter++
		session.RefreshedAt = &c.now
		session.UserAgent, session.IP = c.r.UserAgent(), c.ip
		if err := tx.SaveSession(c.ctx(), session); err != nil {
			return nil, false, err
		}
		if err := c.audit(tx, user, "token_refreshed", nil); err != nil {
			return nil, false, err
		}
	case behind == 1 || session.RefreshedAt != nil && c.now.Before(session.RefreshedAt.Add(c.h.cfg.ReuseInterval)):
		// A client that never got the answer, or several at once: they get the live token.
	default:
		if err := c.audit(tx, user, "token_revoked", nil); err != nil || !c.h.cfg.RotateRefreshTokens {
			return nil, true, err
		}
		return nil, true, tx.DeleteSession(c.ctx(), session.ID)
	}
	out, err = c.show(tx, user, session)
	return out, false, err
}

// exchangeLegacy takes a token that GoTrue issued before the database moved. Its session gets a key of ours.
func (c *call) exchangeLegacy(tx *store.Tx, token string) (out *sessionView, reused bool, err error) {
	if len(token) != legacyLength {
		return nil, false, errRefreshMalformed
	}
	old, err := tx.RefreshToken(c.ctx(), token)
	if errors.Is(err, store.ErrNotFound) || err == nil && old.SessionID == nil {
		return nil, false, errRefreshUnknown
	}
	if err != nil {
		return nil, false, err
	}
	if old.Revoked {
		if c.h.cfg.RotateRefreshTokens {
			err = tx.DeleteSession(c.ctx(), *old.SessionID)
		}
		return nil, true, err
	}
	session, err := tx.Session(c.ctx(), *old.SessionID)
	if err != nil {
		return nil, false, errRefreshUnknown
	}
	user, err := c.refreshable(tx, session)
	if err != nil {
		return nil, false, err
	}
	if err := tx.RevokeRefreshToken(c.ctx(), old.ID); err != nil {
		return nil, false, err
	}
	session.RefreshKey, session.RefreshCounter, session.RefreshedAt = c.h.refresh.newKey(), 0, &c.now
	if err := tx.SaveSession(c.ctx(), session); err != nil {
		return nil, false, err
	}
	out, err = c.show(tx, user, session)
	return out, false, err
}

// refreshable returns the session's user, if the session may still be refreshed.
func (c *call) refreshable(tx *store.Tx, session *store.Session) (*store.User, error) {
	user, err := tx.UserSeen(c.ctx(), session.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errRefreshUnknown
	}
	if err != nil {
		return nil, err
	}
	if user.IsBanned(c.now) {
		return nil, newError(400, "user_banned", "Invalid Refresh Token: User Banned")
	}
	if session.NotAfter != nil && c.now.After(*session.NotAfter) {
		return nil, errSessionExpired
	}
	if c.h.cfg.SinglePerUser {
		newest, err := tx.NewestSession(c.ctx(), user.ID)
		if err != nil {
			return nil, err
		}
		if newest.ID != session.ID {
			return nil, newError(400, "session_expired", "Invalid Refresh Token: Session Expired (Revoked by Newer Login)")
		}
	}
	used := session.CreatedAt
	if session.RefreshedAt != nil {
		used = *session.RefreshedAt
	}
	if limit := c.h.cfg.Inactivity; limit > 0 && c.now.After(used.Add(limit)) {
		return nil, newError(400, "session_expired", "Invalid Refresh Token: Session Expired (Inactivity)")
	}
	return user, nil
}

// notAfter is when a session that begins now has to end, nil for never.
func (c *call) notAfter() *time.Time {
	if c.h.cfg.Timebox <= 0 {
		return nil
	}
	end := c.now.Add(c.h.cfg.Timebox)
	return &end
}
