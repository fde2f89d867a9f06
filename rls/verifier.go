package rls

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// VerifierConfig says which tokens are accepted and which role they give. The names in parentheses are PostgREST's options.
type VerifierConfig struct {
	// Secret is a plain secret for HS256 of at least 32 bytes, a JWK or a JWK set (jwt-secret). Without it, Keys and JWKSURL
	// every token is refused with PGRST300.
	Secret []byte
	// SecretIsBase64 decodes Secret first (jwt-secret-is-base64).
	SecretIsBase64 bool
	// Keys are those that tokens are signed with here. They count beside those of Secret; UseKeys replaces them.
	Keys *KeySet
	// JWKSURL is where a JWK set is fetched from and kept fresh; its public keys count, too.
	JWKSURL string
	// HTTPClient fetches JWKSURL; the default follows no redirection from https to http.
	HTTPClient *http.Client
	// Audience must be named by tokens that have an aud claim (jwt-aud); empty accepts any.
	Audience string
	// RoleClaimKey is the path of the role in the claims (jwt-role-claim-key); default ".role".
	RoleClaimKey string
	// AnonRole is the role of requests without a token, or whose token names none (db-anon-role); empty refuses them.
	AnonRole string
	// CacheEntries is how many verified tokens are remembered (jwt-cache-max-entries); 0 or less turns the cache off.
	CacheEntries int
	// Credentials reads the classes of credentials that this server issues, and holds agents' tokens to their rules.
	Credentials bool
	// Clock tells the time; default time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Verifier checks tokens. It is safe for concurrent use. Its keys can change while it runs; other configuration makes a new
// Verifier, whose cache is empty.
type Verifier struct {
	// ring is made of the sources whenever one of them changes, and is nil as long as there are none.
	ring        atomic.Pointer[keyring]
	sources     keySources
	remote      *remoteKeys // nil without a URL
	audience    string
	rolePath    RolePath
	anonymous   *Identity // nil without an anonymous role
	anonRole    string
	credentials bool
	clock       func() time.Time
	counters    cacheCounters
}

// NewVerifier reads the keys. It fails on a secret, URL or role path that cannot be used; remote keys are fetched in the
// background. Close it when it is no longer needed.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	if cfg.RoleClaimKey == "" {
		cfg.RoleClaimKey = ".role"
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := ParseRolePath(cfg.RoleClaimKey)
	if err != nil {
		return nil, err
	}
	v := &Verifier{audience: cfg.Audience, rolePath: path, anonRole: cfg.AnonRole, credentials: cfg.Credentials, clock: cfg.Clock}
	if cfg.AnonRole != "" {
		if v.anonymous, err = newIdentity(map[string]any{}, cfg.AnonRole); err != nil {
			return nil, err
		}
		v.anonymous.Anonymous = true
	}
	if err := v.openKeys(&cfg); err != nil {
		return nil, err
	}
	return v, nil
}

// openKeys makes the first keyring, if there is to be one, and has it replaced whenever remote keys change.
func (v *Verifier) openKeys(cfg *VerifierConfig) error {
	var secret []key
	if len(cfg.Secret) > 0 {
		var err error
		if secret, err = parseSecret(cfg.Secret, cfg.SecretIsBase64); err != nil {
			return err
		}
	}
	v.sources.cacheEntries = cfg.CacheEntries
	v.renew(func(s *keySources) {
		s.secret, s.awaited = secret, cfg.JWKSURL != ""
		s.use(cfg.Keys)
	})
	if cfg.JWKSURL == "" {
		return nil
	}
	var err error
	v.remote, err = startRemoteKeys(cfg.JWKSURL, cfg.HTTPClient, cfg.Logger, func(remote []key) {
		v.renew(func(s *keySources) { s.remote, s.awaited = remote, false })
	})
	return err
}

// UseKeys replaces VerifierConfig.Keys; nil leaves none. When it returns, tokens of keys that are no longer there are
// refused, even if they were accepted before.
func (v *Verifier) UseKeys(set *KeySet) {
	v.renew(func(s *keySources) { s.use(set) })
}

// renew changes the sources of keys and makes a keyring of them, with a cache that knows no token.
func (v *Verifier) renew(change func(*keySources)) {
	s := &v.sources
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
	keys := slices.Concat(s.secret, s.signing, s.remote)
	if len(keys) == 0 && !s.awaited {
		v.ring.Store(nil)
		return
	}
	v.ring.Store(&keyring{keys: keys, cache: newCache(s.cacheEntries, &v.counters), complete: !s.awaited})
}

// Close ends the fetching of remote keys, and returns when it has ended.
func (v *Verifier) Close() {
	if v.remote != nil {
		v.remote.close()
	}
}

// CacheStats are the counters of the cache of verified tokens since the start.
type CacheStats struct {
	Hits, Misses, Evictions int64
}

// CacheStats returns the cache's counters; they stay zero without one.
func (v *Verifier) CacheStats() CacheStats {
	c := &v.counters
	return CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load()}
}

// Authenticate tells who sends the Authorization header's value. Its errors are *Error. A header of another scheme than
// Bearer counts as none.
func (v *Verifier) Authenticate(ctx context.Context, authorization string) (*Identity, error) {
	token, ok := bearer(authorization)
	if !ok {
		if v.anonymous == nil {
			return nil, errTokenRequired
		}
		return v.anonymous, nil
	}
	ring := v.ring.Load()
	if ring == nil {
		return nil, errNoSecret
	}
	identity, refused := v.identify(ctx, ring, token)
	if refused != nil {
		return nil, refused
	}
	return identity, nil
}

// identify looks a token up in the cache, or verifies it and remembers what came out. Tokens with a good signature are
// remembered even if their claims are refused, because clients come back with expired tokens.
func (v *Verifier) identify(ctx context.Context, ring *keyring, token string) (*Identity, *Error) {
	var hash tokenHash
	if ring.cache != nil {
		hash = hashToken(token)
		if known := ring.cache.get(&hash); known != nil {
			return known.at(v.clock())
		}
	}
	parsed, refused := parseCompact(token)
	if refused != nil {
		return nil, refused
	}
	if ring, refused = v.verify(ctx, ring, parsed); refused != nil {
		return nil, refused
	}
	found, refused := v.judge(parsed.payload)
	if refused != nil {
		return nil, refused
	}
	if ring.cache != nil {
		ring.cache.add(&hash, found)
	}
	return found.at(v.clock())
}

// verify checks the signature, with fresh remote keys if that may help. It returns the keyring that decided.
func (v *Verifier) verify(ctx context.Context, ring *keyring, c *compact) (*keyring, *Error) {
	refused := ring.verify(c)
	if refused == nil || v.remote == nil || !mayBeRotated(c, refused) {
		return ring, refused
	}
	v.remote.refetch(ctx)
	if fresh := v.ring.Load(); fresh != ring {
		ring, refused = fresh, fresh.verify(c)
	}
	if refused != nil && !ring.complete {
		return ring, errNoRemoteKeys
	}
	return ring, refused
}

// mayBeRotated is true of a refusal that a newer set of public keys could lift.
func mayBeRotated(c *compact, refused *Error) bool {
	switch c.algorithm {
	case jwa.HS256, jwa.HS384, jwa.HS512:
		return false
	}
	return refused == errNoKey || c.keyID == ""
}
