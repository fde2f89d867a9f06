package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"nexus/engine/rest"
)

// Formats of the log.
const (
	LogText = "text"
	LogJSON = "json"
)

// Config is everything that can be set about a server. DefaultConfig gives the defaults; the README has a table of all
// options.
type Config struct {
	// Listen is the address of the HTTP server, host:port; port 0 takes a free one.
	Listen string
	// PublicURL is how clients reach the server, for what it prints; empty means http:// and the listening address.
	PublicURL string
	// DataDir holds the secrets and the embedded PostgreSQL.
	DataDir string

	// DatabaseURL is a PostgreSQL connection string of a role that may create roles; empty runs the embedded PostgreSQL.
	DatabaseURL string
	// AuthenticatorPassword logs the role authenticator in to the database of DatabaseURL; empty lets the server set the
	// password that its data directory keeps.
	AuthenticatorPassword string
	// Migrate runs the core migrations at the start.
	Migrate bool
	// PGBin is the directory of PostgreSQL's programs; empty searches the usual places.
	PGBin string

	// Schemas are served, the first by default.
	Schemas []string
	// ExtraSearchPath holds schemas whose functions and types requests find without naming the schema.
	ExtraSearchPath []string
	// MaxRows limits the rows of one answer; 0 is no limit.
	MaxRows int64
	// Aggregates allows aggregate functions in select.
	Aggregates bool
	// Plan allows clients to ask for the execution plan.
	Plan bool
	// OpenAPIMode is what the root of rest/v1 describes.
	OpenAPIMode string

	// PoolSize is the number of database connections for requests.
	PoolSize int
	// PoolTimeout is how long a request waits for one of them.
	PoolTimeout time.Duration
	// Prepared keeps statements prepared on each connection; a transaction pooler needs it off.
	Prepared bool

	// JWTSecret verifies tokens: a secret of at least 32 bytes, a JWK or a JWK set. Empty uses the data directory's.
	JWTSecret string
	// JWKSURL is where more keys are fetched from, and kept fresh.
	JWKSURL string
	// JWTAudience is the audience that tokens with an aud claim must name; empty accepts any.
	JWTAudience string
	// AnonKey and ServiceRoleKey are shown instead of keys of our own when somebody else issues the tokens.
	AnonKey        string
	ServiceRoleKey string

	// MaxBodyBytes and MaxHeaderBytes limit requests.
	MaxBodyBytes   int64
	MaxHeaderBytes int
	// RequestTimeout ends a request and its query; 0 is no limit.
	RequestTimeout time.Duration
	// CORSOrigins may use the API from a browser; empty allows any.
	CORSOrigins []string
	// TraceHeader is a request header that answers repeat.
	TraceHeader string
	// ServerTiming adds a Server-Timing header to answers.
	ServerTiming bool

	LogLevel  slog.Level
	LogFormat string
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8000", DataDir: "./nexus-data", Migrate: true,
		Schemas: []string{"public"}, ExtraSearchPath: []string{"public", "extensions"},
		OpenAPIMode: string(rest.OpenAPIFollowPrivileges),
		PoolSize:    10, PoolTimeout: 10 * time.Second, Prepared: true,
		MaxBodyBytes: 64 << 20, MaxHeaderBytes: 64 << 10, RequestTimeout: time.Minute,
		LogLevel: slog.LevelInfo, LogFormat: LogText,
	}
}

// minSecretBytes is the least that HS256 is safe with (RFC 7518, section 3.2).
const minSecretBytes = 32

// Validate reports everything that is wrong, by the names of the options.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(option, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", option, fmt.Sprintf(format, args...)))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		wrong("listen", "%v; want host:port, such as 127.0.0.1:8000", err)
	}
	if c.PublicURL != "" && !isWebURL(c.PublicURL) {
		wrong("public-url", "want an http or https URL")
	}
	if c.DataDir == "" {
		wrong("data-dir", "must not be empty")
	}
	if c.DatabaseURL == "" && c.AuthenticatorPassword != "" {
		wrong("authenticator-password", "is only of use with db-url")
	}
	if len(c.Schemas) == 0 || hasEmpty(c.Schemas) {
		wrong("schemas", "name at least one schema, and no empty ones")
	}
	if hasEmpty(c.ExtraSearchPath) {
		wrong("extra-search-path", "must not hold empty names")
	}
	if c.MaxRows < 0 {
		wrong("max-rows", "must not be negative")
	}
	switch rest.OpenAPIMode(c.OpenAPIMode) {
	case rest.OpenAPIFollowPrivileges, rest.OpenAPIIgnorePrivileges, rest.OpenAPIDisabled:
	default:
		wrong("openapi-mode", "want follow-privileges, ignore-privileges or disabled, not %q", c.OpenAPIMode)
	}
	if c.PoolSize < 1 {
		wrong("db-pool", "must be at least 1")
	}
	if c.PoolTimeout <= 0 {
		wrong("db-pool-timeout", "must be positive")
	}
	if c.JWKSURL != "" && !isWebURL(c.JWKSURL) {
		wrong("jwks-url", "want an http or https URL")
	}
	if n := len(c.JWTSecret); n > 0 && n < minSecretBytes {
		wrong("jwt-secret", "has %d bytes, must have at least %d", n, minSecretBytes)
	}
	if c.MaxBodyBytes < 1 {
		wrong("max-body-bytes", "must be positive")
	}
	if c.MaxHeaderBytes < 1024 {
		wrong("max-header-bytes", "must be at least 1024")
	}
	if c.RequestTimeout < 0 {
		wrong("request-timeout", "must not be negative")
	}
	if c.LogFormat != LogText && c.LogFormat != LogJSON {
		wrong("log-format", "want text or json, not %q", c.LogFormat)
	}
	return errors.Join(errs...)
}

func hasEmpty(names []string) bool {
	for _, name := range names {
		if name == "" {
			return true
		}
	}
	return false
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
