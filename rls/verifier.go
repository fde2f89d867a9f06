package rls

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// VerifierConfig says which tokens are accepted and which role they give. The names in parentheses are PostgREST's options.
type VerifierConfig struct {
	// Secret is a plain secret for HS256 of at least 32 bytes, a JWK or a JWK set (jwt-secret). Without it and JWKSURL every
	// token is refused with PGRST300.
	Secret []byte
	// SecretIsBase64 decodes Secret first (jwt-secret-is-base64).
	SecretIsBase64 bool
	// JWKSURL is where a JWK set is fetched from and kept fresh; its keys count beside those of Secret.
	JWKSURL string
	// HTTPClient fetches JWKSURL; default http.DefaultClient.
	HTTPClient *http.Client
	// Audience must be named by tokens that have an aud claim (jwt-aud); empty accepts any.
	Audience string
	// RoleClaimKey is the path of the role in the claims (jwt-role-claim-key); default ".role".
	RoleClaimKey string
	// AnonRole is the role of requests without a token, or whose token names none (db-anon-role); empty refuses them.
	AnonRole string
	// CacheEntries is how many verified tokens are remembered (jwt-cache-max-entries); 0 or less turns the cache off.
	CacheEntries int
	// Clock tells the time; default time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Verifier checks tokens. It is safe for concurrent use and does not change: a new configuration makes a new Verifier, whose
// cache is empty.
type Verifier struct {
	keys      []key
	remote    *remoteKeys
	audience  string
	rolePath  RolePath
	anonymous *Identity
	anonRole  string
	cache     *cache
	clock     func() time.Time
}

// NewVerifier reads the keys. It fails on a secret or role path that cannot be used. Close it when it is no longer needed.
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
	v := &Verifier{audience: cfg.Audience, rolePath: path, anonRole: cfg.AnonRole, clock: cfg.Clock}
	if len(cfg.Secret) > 0 {
		if v.keys, err = parseKeys(cfg.Secret, cfg.SecretIsBase64); err != nil {
			return nil, err
		}
	}
	if cfg.JWKSURL != "" {
		v.remote = newRemoteKeys(cfg.JWKSURL, cfg.HTTPClient, cfg.Clock, cfg.Logger)
	}
	if cfg.CacheEntries > 0 {
		v.cache = newCache(cfg.CacheEntries)
	}
	if cfg.AnonRole != "" {
		if v.anonymous, err = identityOf(map[string]any{}, cfg.AnonRole); err != nil {
			return nil, err
		}
		v.anonymous.Anonymous = true
	}
	return v, nil
}

// Close stops the refreshing of remote keys.
func (v *Verifier) Close() {
	if v.remote != nil {
		v.remote.close()
	}
}

// CacheStats are the counters of the cache of verified tokens since the start.
type CacheStats struct {
	Hits, Misses, Evictions int64
}

// CacheStats returns the cache's counters.
func (v *Verifier) CacheStats() CacheStats {
	if v.cache == nil {
		return CacheStats{}
	}
	return CacheStats{Hits: v.cache.hits.Load(), Misses: v.cache.misses.Load(), Evictions: v.cache.evicted.Load()}
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
	if v.keys == nil && v.remote == nil {
		return nil, errNoSecret
	}
	if token == "" {
		return nil, errEmptyToken
	}
	identity, refused := v.authenticate(ctx, token)
	if refused != nil {
		return nil, refused
	}
	return identity, nil
}

func (v *Verifier) authenticate(ctx context.Context, token string) (*Identity, *Error) {
	now := v.clock()
	if v.cache == nil {
		found, refused := v.inspect(ctx, token)
		if refused != nil {
			return nil, refused
		}
		return found.identity, found.validity.check(now)
	}
	hash := hashToken(token)
	found := v.cache.get(hash)
	if found == nil {
		var refused *Error
		if found, refused = v.inspect(ctx, token); refused != nil {
			return nil, refused
		}
		found.hash = hash
		v.cache.add(found)
	}
	if refused := found.validity.check(now); refused != nil {
		return nil, refused
	}
	return found.identity, nil
}

// inspect verifies a token and all of its claims that do not depend on the time.
func (v *Verifier) inspect(ctx context.Context, token string) (*verified, *Error) {
	payload, refused := v.verify(ctx, token)
	if refused != nil {
		return nil, refused
	}
	claims, refused := decodeClaims(payload)
	if refused != nil {
		return nil, refused
	}
	valid, refused := validityOf(claims)
	if refused != nil {
		return nil, refused
	}
	// Of several faults the first counts, and time comes before the audience.
	if refused := valid.check(v.clock()); refused != nil {
		return nil, refused
	}
	if refused := checkAudience(claims["aud"], v.wanted); refused != nil {
		return nil, refused
	}
	role, ok := v.rolePath.role(claims)
	if !ok {
		if role = v.anonRole; role == "" {
			return nil, errTokenRequired
		}
	}
	identity, err := identityOf(claims, role)
	if err != nil {
		return nil, errClaims
	}
	return &verified{identity: identity, validity: valid}, nil
}

func (v *Verifier) wanted(audience string) bool { return v.audience == "" || v.audience == audience }

func (v *Verifier) verify(ctx context.Context, token string) ([]byte, *Error) {
	payload, refused := verify(v.keys, token)
	if refused == nil || v.remote == nil || (refused != errNoKey && refused != errKeysFailed) {
		return payload, refused
	}
	return v.remote.verify(ctx, token)
}

// bearer returns the token of a Bearer header; the scheme is case-insensitive (RFC 9110, section 11.1).
func bearer(authorization string) (token string, ok bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	return strings.TrimLeft(rest, " \t"), true
}

// identityOf makes an identity with "role" among its claims.
func identityOf(claims map[string]any, role string) (*Identity, error) {
	claims["role"] = role
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("rls: claims: %w", err)
	}
	subject, _ := claims["sub"].(string)
	return &Identity{Role: role, Claims: string(text), Subject: subject}, nil
}
