package agents

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"math/big"
	"time"

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/mail"
	"nexus/engine/password"
	"nexus/rls"
)

const (
	// keyPrefix begins every key, so that leaked ones can be found by scanners.
	keyPrefix = "nxs_ak_"
	// keyRandom is how many random letters and digits follow.
	keyRandom = 48
	// shownPrefix is how much of a key is kept in the clear, to find it by and for people to tell keys apart.
	shownPrefix = len(keyPrefix) + 8
	// inviteLife is how long an invite can be accepted.
	inviteLife = 7 * 24 * time.Hour
)

// Options are what the functions work with.
type Options struct {
	Sessions *db.Sessions
	Keys     func() *rls.KeySet
	// Issuer is the iss claim of agents' tokens.
	Issuer string
	Hasher *password.Hasher
	// Mailer sends what Templates make of invites.
	Mailer    mail.Sender
	Templates *mail.Templates
	// SiteURL is where the links of invites lead, and BaseURL where the server is reached.
	SiteURL, BaseURL string
	Logger           *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

type service struct {
	Options
	plans planCache
}

// Functions are those of agents and organizations; Quota tells what their plans allow.
func Functions(o Options) ([]*functions.Function, functions.Quota) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &service{Options: o}
	s.plans = planCache{ask: s.callsPerDay, now: o.Now}
	return []*functions.Function{
		s.register(), s.exchange(), s.createKey(), s.listKeys(), s.revokeKey(), s.rotateKey(), s.usage(),
		s.agentInvite(), s.invite(), s.acceptInvite(),
		s.createOrganization(), s.switchOrganization(), s.listOrganizations(),
	}, &s.plans
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomText returns n letters and digits.
func randomText(n int) string {
	out := make([]byte, n)
	for i := range out {
		k, _ := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet)))) // never fails
		out[i] = alphabet[k.Int64()]
	}
	return string(out)
}

// newKey makes an agent's key with its bcrypt hash.
func (s *service) newKey(ctx context.Context) (key, hash string, err error) {
	key = keyPrefix + randomText(keyRandom)
	hash, err = s.Hasher.Hash(ctx, key)
	return key, hash, err
}

// hashToken is what is stored of a token with too much entropy to be guessed.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// milliseconds writes a time as JavaScript does.
func milliseconds(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &text
}
