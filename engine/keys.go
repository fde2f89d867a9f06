package engine

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nexus/rls"
	"nexus/schema/cluster"
)

// Roles that the keys of a data directory stand for.
const (
	anonRole    = "anon"
	serviceRole = "service_role"
)

const (
	// issuer is the iss claim of tokens that are made here.
	issuer = "nexus"
	// keyLifetime is how long the keys are valid; like Supabase's, about ten years.
	keyLifetime = 10 * 365 * 24 * time.Hour
)

// ErrForeignKeys means that tokens are verified with public keys, so that only their owner can issue any.
var ErrForeignKeys = errors.New("jwt-secret is a JWK or a JWK set: whoever has the private key issues the tokens")

// Keys are what an app or an operator needs to use a server.
type Keys struct {
	URL            string `json:"url"`
	AnonKey        string `json:"anon_key"`
	ServiceRoleKey string `json:"service_role_key"`
	JWTSecret      string `json:"jwt_secret"`
	// S3AccessKey and S3SecretKey let tools of the S3 protocol in to storage/v1 as the service role.
	S3AccessKey string `json:"s3_access_key"`
	S3SecretKey string `json:"s3_secret_key"`
	// DatabaseURL connects as the owner of the database, who is above all policies. It is empty if the server was given a
	// database and LoadKeys is not.
	DatabaseURL string `json:"db_url"`
}

// Token is what MintToken makes.
type Token struct {
	Role    string
	Subject string
	// Claims are further claims; role, iat and exp are not theirs to set.
	Claims map[string]any
	// TTL is how long the token is valid.
	TTL time.Duration
}

// LoadKeys returns the keys of the data directory. The error wraps ErrNoDataDir if no server was ever started on it.
func LoadKeys(cfg Config) (*Keys, error) {
	s, err := loadSecrets(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	k, err := makeKeys(&cfg, s)
	if err != nil {
		return nil, err
	}
	if k.URL = runningURL(cfg.DataDir); k.URL == "" {
		k.URL = baseURL(&cfg, cfg.Listen)
	}
	k.S3AccessKey, k.S3SecretKey = cfg.Storage.keys(ownSecret(k, s))
	k.DatabaseURL = cfg.DatabaseURL
	if k.DatabaseURL == "" {
		if k.DatabaseURL, err = cluster.Locate(cfg.DataDir); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return k, err
}

// MintToken issues a token with the current key of the data directory, or with the secret of the configuration.
func MintToken(cfg Config, t Token) (string, error) {
	keys, err := tokenKeys(&cfg)
	if err != nil {
		return "", err
	}
	if t.TTL <= 0 {
		return "", errors.New("ttl: must be positive")
	}
	if t.Role == "" {
		return "", errors.New("role: must not be empty")
	}
	claims := map[string]any{"iss": issuer}
	maps.Copy(claims, t.Claims)
	if t.Subject != "" {
		claims["sub"] = t.Subject
	}
	return keys.Current().Issue(t.Role, claims, time.Now(), t.TTL)
}

// makeKeys issues the keys that the configuration does not give. They are the same each time, because they are dated by
// the data directory, and signed with its secret whatever signing keys there are: apps that are deployed have them built in.
func makeKeys(cfg *Config, s *secrets) (*Keys, error) {
	k := &Keys{AnonKey: cfg.AnonKey, ServiceRoleKey: cfg.ServiceRoleKey, JWTSecret: cfg.JWTSecret}
	if k.JWTSecret == "" {
		k.JWTSecret = s.JWTSecret
	}
	if isJWK(k.JWTSecret) {
		return k, nil
	}
	for _, key := range []struct {
		into *string
		role string
	}{{&k.AnonKey, anonRole}, {&k.ServiceRoleKey, serviceRole}} {
		if *key.into != "" {
			continue
		}
		token, err := rls.Issue([]byte(k.JWTSecret), key.role, map[string]any{"iss": issuer}, s.CreatedAt, keyLifetime)
		if err != nil {
			return nil, err
		}
		*key.into = token
	}
	return k, nil
}

// isJWK tells a JWK or JWK set from a plain secret.
func isJWK(secret string) bool { return strings.HasPrefix(strings.TrimSpace(secret), "{") }

// urlFile keeps the URL of the running server in the data directory, for LoadKeys.
const urlFile = "url"

func runningURL(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, urlFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
