package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

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
	// DirectURL leads past a transaction pooler that DatabaseURL leads to, for what needs a session: migrations and the
	// notifications of schema changes. Empty means DatabaseURL.
	DirectURL string
	// ReplicaURLs are connection strings of DatabaseURL's replicas; requests that only read go there in turn.
	ReplicaURLs []string
	// AuthenticatorPassword logs the role authenticator in to the database of DatabaseURL; empty lets the server set the
	// password that its data directory keeps.
	AuthenticatorPassword string
	// App is what is installed beside the tables of users: AppNexus or AppNone. Empty is AppNexus in the embedded PostgreSQL, and
	// AppNone in a database that is not ours.
	App string
	// CheckCredentials asks at every statement whether memberships and agents' keys still hold, instead of trusting tokens, which
	// live an hour at most.
	CheckCredentials bool
	// Migrate runs the migrations at the start.
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
	// ErrorVerbosity is "verbose", or "minimal" to leave details and hints, which may tell names, out of errors.
	ErrorVerbosity string
	// LegacyTargetNames is whether an embedded resource with an alias may be called by its relation's name as well: "true"
	// answers so with a Warning header, "false" refuses, and "" takes both names in silence.
	LegacyTargetNames string

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
	// Compress encodes answers for clients that accept it.
	Compress bool
	// MaxEmbedDepth is how many levels a request may embed in one another; 0 is no limit.
	MaxEmbedDepth int
	// StreamAbove and StreamTimeout are those of rest.Config.
	StreamAbove   int
	StreamTimeout time.Duration
	// FunctionsDir holds functions in TypeScript, DIR/<name>/index.ts; empty for none.
	FunctionsDir string
	// DenoBinary is the Deno that runs them; empty searches for it.
	DenoBinary string
	// FunctionSecrets is a file of NAME=value lines that they see; empty is FunctionsDir/.env.
	FunctionSecrets string
	// Meta is the server's app for WhatsApp, Messenger and Instagram.
	Meta MetaConfig
	// ShopifyURL is where the Admin API of all shops is; empty is each shop's own domain.
	ShopifyURL string
	// BostaURL is where the courier Bosta's API is; empty is courier.BostaURL.
	BostaURL string
	// RateLimits says which tiers of functions/v1 are counted: RateLimitsAll or RateLimitsPublic. Empty is the latter in the
	// embedded PostgreSQL, and the former in a database of one's own.
	RateLimits string
	// RedisURL is where calls are counted instead of in the database, such as redis://localhost:6379; empty for the database.
	RedisURL string
	// CORSOrigins may use the API from a browser; empty allows any.
	CORSOrigins []string
	// TraceHeader is a request header that answers repeat.
	TraceHeader string
	// ServerTiming adds a Server-Timing header to answers.
	ServerTiming bool

	// Auth is what can be set about auth/v1.
	Auth AuthConfig

	// Storage is what can be set about storage/v1.
	Storage StorageConfig

	LogLevel  slog.Level
	LogFormat string
}

// The values of Config.App.
const (
	// AppNexus is the Nexus application: organizations, agents, and the tables of their business.
	AppNexus = "nexus"
	AppNone  = "none"
)

// The values of Config.RateLimits.
const (
	// RateLimitsAll has all tiers of functions/v1 counted.
	RateLimitsAll = "all"
	// RateLimitsPublic has those counted that need no token.
	RateLimitsPublic = "public"
)

// app resolves App.
func (c *Config) app() string {
	switch {
	case c.App != "":
		return c.App
	case c.DatabaseURL != "":
		return AppNone
	default:
		return AppNexus
	}
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8000", DataDir: "./nexus-data", Migrate: true,
		Schemas: []string{"public"}, ExtraSearchPath: []string{"public", "extensions"},
		OpenAPIMode: string(rest.OpenAPIFollowPrivileges), ErrorVerbosity: verboseErrors,
		PoolSize: 10, PoolTimeout: 10 * time.Second, Prepared: true,
		MaxBodyBytes: 64 << 20, MaxHeaderBytes: 64 << 10, RequestTimeout: time.Minute,
		Compress: true, MaxEmbedDepth: 10, StreamAbove: 1 << 20, StreamTimeout: 30 * time.Second,
		Auth:     defaultAuthConfig(),
		Storage:  StorageConfig{MaxObject: 5 << 30},
		LogLevel: slog.LevelInfo, LogFormat: LogText,
	}
}

// The values of Config.ErrorVerbosity.
const (
	verboseErrors = "verbose"
	minimalErrors = "minimal"
)

// targetNames are the values of Config.LegacyTargetNames.
var targetNames = map[string]rest.TargetNames{
	"": rest.TargetAnyName, "true": rest.TargetAnyNameWarn, "false": rest.TargetAlias,
}

const (
	// minSecretBytes is the least that HS256 is safe with (RFC 7518, section 3.2).
	minSecretBytes = 32
	// minHeaderBytes leaves room for a token.
	minHeaderBytes = 1024
)

// Validate reports everything that is wrong, by the names of the options.
func (c *Config) Validate() error {
	var p problems
	_, _, err := net.SplitHostPort(c.Listen)
	p.add(err != nil, "listen: want host:port, such as 127.0.0.1:8000, not %q", c.Listen)
	p.add(c.PublicURL != "" && !isWebURL(c.PublicURL), "public-url: want an http or https URL")
	p.add(c.DataDir == "", "data-dir: must not be empty")
	p.add(c.LogFormat != LogText && c.LogFormat != LogJSON, "log-format: want text or json, not %q", c.LogFormat)
	c.validateDatabase(&p)
	c.validateTokens(&p)
	c.validateRequests(&p)
	c.validateAuth(&p)
	c.validateStorage(&p)
	return errors.Join(p...)
}

func (c *Config) validateDatabase(p *problems) {
	password := c.AuthenticatorPassword
	p.add(password != "" && c.DatabaseURL == "", "authenticator-password: is only of use with db-url")
	p.add(c.DirectURL != "" && c.DatabaseURL == "", "db-direct-url: is only of use with db-url")
	p.add(len(c.ReplicaURLs) > 0 && c.DatabaseURL == "", "db-replica-url: is only of use with db-url")
	p.add(slices.Contains(c.ReplicaURLs, ""), "db-replica-url: must not be empty")
	p.add(!isASCII(password), "authenticator-password: must be ASCII")
	p.add(len(c.Schemas) == 0 || slices.Contains(c.Schemas, ""), "schemas: name at least one schema, and no empty ones")
	p.add(slices.Contains(c.ExtraSearchPath, ""), "extra-search-path: must not hold empty names")
	p.add(c.PoolSize < 1 || c.PoolSize > math.MaxInt32, "db-pool: must be at least 1")
	p.add(c.App != "" && c.App != AppNexus && c.App != AppNone, "app: want nexus or none, not %q", c.App)
	p.add(c.PoolTimeout <= 0, "db-pool-timeout: must be positive")
}

func (c *Config) validateTokens(p *problems) {
	p.add(c.JWKSURL != "" && !isWebURL(c.JWKSURL), "jwks-url: want an http or https URL")
	n := len(c.JWTSecret)
	p.add(n > 0 && n < minSecretBytes && !isJWK(c.JWTSecret), "jwt-secret: has %d bytes, must have at least %d", n, minSecretBytes)
}

func (c *Config) validateRequests(p *problems) {
	p.add(c.MaxRows < 0, "max-rows: must not be negative")
	modes := []rest.OpenAPIMode{rest.OpenAPIFollowPrivileges, rest.OpenAPIIgnorePrivileges, rest.OpenAPIDisabled}
	p.add(!slices.Contains(modes, rest.OpenAPIMode(c.OpenAPIMode)),
		"openapi-mode: want follow-privileges, ignore-privileges or disabled, not %q", c.OpenAPIMode)
	p.add(c.ErrorVerbosity != verboseErrors && c.ErrorVerbosity != minimalErrors,
		"client-error-verbosity: want verbose or minimal, not %q", c.ErrorVerbosity)
	_, known := targetNames[c.LegacyTargetNames]
	p.add(!known, "url-use-legacy-target-names: want true or false, not %q", c.LegacyTargetNames)
	p.add(c.MaxBodyBytes < 1, "max-body-bytes: must be positive")
	p.add(c.MaxHeaderBytes < minHeaderBytes, "max-header-bytes: must be at least %d", minHeaderBytes)
	p.add(c.RequestTimeout < 0, "request-timeout: must not be negative")
	p.add(c.MaxEmbedDepth < 0, "max-embed-depth: must not be negative")
	p.add(c.RateLimits != "" && c.RateLimits != RateLimitsAll && c.RateLimits != RateLimitsPublic,
		"function-rate-limits: want all or public, not %q", c.RateLimits)
	p.add(c.Meta.GraphURL != "" && !isWebURL(c.Meta.GraphURL), "meta-graph-url: want an http or https URL")
	p.add(c.StreamAbove < 0, "stream-above: must not be negative")
	p.add(c.StreamTimeout < 0, "stream-timeout: must not be negative")
}

func (c *Config) validateStorage(p *problems) {
	cfg := &c.Storage
	p.add(cfg.MaxObject < 1, "storage-max-object: must be positive")
	p.add((cfg.AccessKey == "") != (cfg.SecretKey == ""), "storage-access-key, storage-secret-key: set both or neither")
	p.add(cfg.S3.URL != "" && !isWebURL(cfg.S3.URL), "storage-s3-url: want an http or https URL")
	p.add(cfg.S3.URL != "" && cfg.S3.Bucket == "", "storage-s3-bucket: must not be empty with storage-s3-url")
	p.add(cfg.S3.URL == "" && cfg.S3.Bucket != "", "storage-s3-bucket: is only of use with storage-s3-url")
	p.add(cfg.S3.URL != "" && cfg.Dir != "", "storage-dir: is of no use with storage-s3-url")
}

// problems collects what is wrong.
type problems []error

func (p *problems) add(wrong bool, format string, args ...any) {
	if wrong {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
