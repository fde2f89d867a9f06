package postgrest

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Dump writes the configuration in the form of a configuration file, as PostgREST's --dump-config does.
func (c *Config) Dump() string {
	var out strings.Builder
	line := func(name, text string) { fmt.Fprintf(&out, "%s = %s\n", name, text) }
	text := func(name, s string) { line(name, `"`+strings.ReplaceAll(s, `"`, `\"`)+`"`) }
	list := func(name string, s []string) { text(name, strings.Join(s, ",")) }
	boolean := func(name string, b bool) { line(name, strconv.FormatBool(b)) }
	number := func(name string, n int64) { line(name, strconv.FormatInt(n, 10)) }
	optional := func(name string, n *int64) {
		if n == nil {
			text(name, "")
			return
		}
		number(name, *n)
	}
	secret := string(c.JWTSecret)
	if c.JWTSecretIsBase64 {
		secret = base64.StdEncoding.EncodeToString(c.JWTSecret)
	}
	boolean("db-aggregates-enabled", c.DBAggregatesEnabled)
	text("db-anon-role", c.DBAnonRole)
	text("db-channel", c.DBChannel)
	boolean("db-channel-enabled", c.DBChannelEnabled)
	list("db-extra-search-path", c.DBExtraSearchPath)
	list("db-hoisted-tx-settings", c.DBHoistedTxSettings)
	optional("db-max-rows", c.DBMaxRows)
	boolean("db-plan-enabled", c.DBPlanEnabled)
	number("db-pool", c.DBPool)
	number("db-pool-acquisition-timeout", c.DBPoolAcquisitionTimeout)
	number("db-pool-max-lifetime", c.DBPoolMaxLifetime)
	number("db-pool-max-idletime", c.DBPoolMaxIdletime)
	boolean("db-pool-automatic-recovery", c.DBPoolAutomaticRecovery)
	text("db-pre-request", c.DBPreRequest)
	boolean("db-prepared-statements", c.DBPreparedStatements)
	text("db-root-spec", c.DBRootSpec)
	list("db-schemas", c.DBSchemas)
	boolean("db-config", c.DBConfig)
	text("db-pre-config", c.DBPreConfig)
	text("db-tx-end", string(c.DBTxEnd))
	text("db-uri", c.DBURI)
	text("jwt-aud", c.JWTAud)
	text("jwt-role-claim-key", inFile(c.JWTRoleClaimKey.String()))
	text("jwt-secret", secret)
	boolean("jwt-secret-is-base64", c.JWTSecretIsBase64)
	number("jwt-cache-max-entries", c.JWTCacheMaxEntries)
	text("log-level", string(c.LogLevel))
	boolean("log-query", c.LogQuery)
	text("openapi-mode", string(c.OpenAPIMode))
	boolean("openapi-security-active", c.OpenAPISecurityActive)
	text("openapi-server-proxy-uri", c.OpenAPIServerProxyURI)
	list("server-cors-allowed-origins", c.ServerCORSAllowedOrigins)
	text("server-host", c.ServerHost)
	number("server-port", c.ServerPort)
	text("server-trace-header", c.ServerTraceHeader)
	boolean("server-timing-enabled", c.ServerTimingEnabled)
	text("server-unix-socket", c.ServerUnixSocket)
	text("server-unix-socket-mode", strconv.FormatUint(uint64(c.ServerUnixSocketMode), 8))
	text("admin-server-host", c.AdminServerHost)
	optional("admin-server-port", c.AdminServerPort)
	// The options of PostgREST 16 are not in the dumps of 14, so they are shown only where they say something.
	if c.ClientErrorVerbosity != VerbosityVerbose {
		text("client-error-verbosity", string(c.ClientErrorVerbosity))
	}
	if c.ServerReuseport {
		boolean("server-reuseport", c.ServerReuseport)
	}
	if c.URLUseLegacyTargetNames != nil {
		boolean("url-use-legacy-target-names", *c.URLUseLegacyTargetNames)
	}
	if c.AdminServerUnixSocket != "" {
		text("admin-server-unix-socket", c.AdminServerUnixSocket)
		text("admin-server-unix-socket-mode", strconv.FormatUint(uint64(c.AdminServerUnixSocketMode), 8))
	}
	for _, s := range c.AppSettings {
		text(s.Name, s.Value)
	}
	return out.String()
}

// hidden stands in the place of secrets.
const hidden = "(hidden)"

// withoutSecrets returns the configuration as it may be shown: without the secret of tokens, the password of the database and
// the values of app.settings, which are whatever the application needs.
func (c *Config) withoutSecrets() *Config {
	shown := *c
	if len(c.JWTSecret) > 0 {
		shown.JWTSecret, shown.JWTSecretIsBase64 = []byte(hidden), false
	}
	shown.DBURI = hidePassword(c.DBURI)
	shown.AppSettings = slices.Clone(c.AppSettings)
	for i := range shown.AppSettings {
		shown.AppSettings[i].Value = hidden
	}
	return &shown
}

// hidePassword takes the password out of a connection string; of one that is not a URI nothing is shown, as its parts may be
// quoted in ways that only libpq tells apart.
func hidePassword(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return hidden
	}
	if _, has := u.User.Password(); has {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for _, name := range []string{"password", "sslpassword"} {
		query.Del(name)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// inFile doubles the dollar signs of a JSON Path, which a configuration file would take for its own. Paths in the form of
// PostgREST 14 are dumped as it dumps them.
func inFile(path string) string {
	if !strings.HasPrefix(path, "$") {
		return path
	}
	return strings.ReplaceAll(path, "$", "$$")
}
