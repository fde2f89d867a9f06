package postgrest

import (
	"net/url"
	"strings"

	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
)

// LogLevel is what is logged (log-level): requests by their status, and the server's own doings.
type LogLevel string

// The log levels, from the fewest lines to the most.
const (
	LogCrit  LogLevel = "crit"
	LogError LogLevel = "error"
	LogWarn  LogLevel = "warn"
	LogInfo  LogLevel = "info"
	LogDebug LogLevel = "debug"
)

// Verbosity is how much of an error clients are told (client-error-verbosity).
type Verbosity string

// The values of Verbosity: with or without details and hint.
const (
	VerbosityVerbose Verbosity = "verbose"
	VerbosityMinimal Verbosity = "minimal"
)

// Config holds every option of PostgREST 14, under PostgREST's names and with its defaults
// (https://docs.postgrest.org/en/v14/references/configuration.html), and those that came in 16, which change nothing
// unless they are set. Times are whole seconds.
type Config struct {
	AppSettings              []schema.Setting // app.settings.*
	DBAggregatesEnabled      bool
	DBAnonRole               string
	DBChannel                string
	DBChannelEnabled         bool
	DBConfig                 bool
	DBExtraSearchPath        []string
	DBHoistedTxSettings      []string
	DBMaxRows                *int64
	DBPlanEnabled            bool
	DBPool                   int64
	DBPoolAcquisitionTimeout int64
	DBPoolAutomaticRecovery  bool
	DBPoolMaxIdletime        int64
	DBPoolMaxLifetime        int64
	DBPreConfig              string
	DBPreRequest             string
	DBPreparedStatements     bool
	DBRootSpec               string
	DBSchemas                []string
	DBTxEnd                  rest.TxEnd
	DBURI                    string
	JWTAud                   string
	JWTCacheMaxEntries       int64
	JWTRoleClaimKey          rls.RolePath
	// JWTSecret is decoded from base64 if JWTSecretIsBase64, and read from its file.
	JWTSecret                []byte
	JWTSecretIsBase64        bool
	LogLevel                 LogLevel
	LogQuery                 bool
	OpenAPIMode              rest.OpenAPIMode
	OpenAPISecurityActive    bool
	OpenAPIServerProxyURI    string
	ServerCORSAllowedOrigins []string
	ServerHost               string
	ServerPort               int64
	ServerTimingEnabled      bool
	ServerTraceHeader        string
	ServerUnixSocket         string
	ServerUnixSocketMode     uint32
	AdminServerHost          string
	AdminServerPort          *int64

	// Options of PostgREST 16 (https://docs.postgrest.org/en/v16/references/configuration.html).
	AdminServerUnixSocket     string
	AdminServerUnixSocketMode uint32
	ClientErrorVerbosity      Verbosity
	ServerReuseport           bool
	// URLUseLegacyTargetNames is nil when it is not set: 14 takes the names without the warning of 16.
	URLUseLegacyTargetNames *bool

	// RoleSettings come from the database, not from the configuration.
	RoleSettings map[string]rest.RoleSettings
}

// rest turns the configuration into that of the API.
func (c *Config) rest() *rest.Config {
	out := rest.DefaultConfig()
	out.Schemas, out.ExtraSearchPath, out.AnonRole = c.DBSchemas, c.DBExtraSearchPath, c.DBAnonRole
	out.MaxRows, out.TxEnd, out.HoistedTxSettings = c.DBMaxRows, c.DBTxEnd, c.DBHoistedTxSettings
	out.PreRequest, out.RootSpec = identOrNil(c.DBPreRequest), identOrNil(c.DBRootSpec)
	out.AggregatesEnabled, out.PlanEnabled, out.PreparedStatements = c.DBAggregatesEnabled, c.DBPlanEnabled, c.DBPreparedStatements
	out.ServerTimingEnabled, out.ServerTraceHeader = c.ServerTimingEnabled, c.ServerTraceHeader
	out.CORSAllowedOrigins = c.ServerCORSAllowedOrigins
	out.OpenAPIMode, out.OpenAPISecurityActive = c.OpenAPIMode, c.OpenAPISecurityActive
	out.OpenAPIServerProxyURI = c.OpenAPIServerProxyURI
	out.ServerHost, out.ServerPort = c.ServerHost, int(c.ServerPort)
	out.ErrorVerbosityMinimal = c.ClientErrorVerbosity == VerbosityMinimal
	if legacy := c.URLUseLegacyTargetNames; legacy != nil {
		out.TargetNames = rest.TargetAlias
		if *legacy {
			out.TargetNames = rest.TargetAnyNameWarn
		}
	}
	out.AppSettings, out.RoleSettings = c.AppSettings, c.RoleSettings
	return &out
}

func identOrNil(name string) *schema.Ident {
	if name == "" {
		return nil
	}
	id := schema.ParseIdent(name)
	return &id
}

// libpqOnly are connection parameters of libpq that have no meaning here, and would be taken for settings of the server.
var libpqOnly = map[string]bool{
	"keepalives": true, "keepalives_idle": true, "keepalives_interval": true, "keepalives_count": true, "tcp_user_timeout": true,
	"gssencmode": true, "gsslib": true, "gssdelegation": true, "krbsrvname": true, "channel_binding": true, "hostaddr": true,
	"sslcompression": true, "sslcrl": true, "sslcrldir": true, "requirepeer": true, "ssl_max_protocol_version": true,
	"replication": true, "load_balance_hosts": true, "fallback_application_name": true,
}

// connectionString is the database's URI without what only libpq understands.
func (c *Config) connectionString() string {
	if !strings.HasPrefix(c.DBURI, "postgres://") && !strings.HasPrefix(c.DBURI, "postgresql://") {
		return c.DBURI
	}
	base, query, found := strings.Cut(c.DBURI, "?")
	values, err := url.ParseQuery(query)
	if !found || err != nil {
		return c.DBURI
	}
	for name := range values {
		if libpqOnly[name] {
			values.Del(name)
		}
	}
	if len(values) == 0 {
		return base
	}
	return base + "?" + values.Encode()
}
