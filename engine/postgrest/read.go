package postgrest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"nexus/engine/rest"
	"nexus/engine/rest/openapi"
	"nexus/rls"
	"nexus/schema"
)

// Source is where a configuration is read from. A setting of the database wins over the environment, that over the file.
type Source struct {
	// Path is the configuration file, "" for none.
	Path string
	// Environ holds "NAME=value" entries, as os.Environ returns them.
	Environ []string
	// Database holds the in-database settings by their names there, such as "db_schemas".
	Database map[string]string
}

// Read reads and checks a configuration. Its errors are meant for the operator.
func Read(src Source) (*Config, error) {
	r := reader{environ: make(map[string]string), database: src.Database}
	for _, entry := range src.Environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			r.environ[name] = text
		}
	}
	if src.Path != "" {
		var err error
		if r.file, err = readFile(src.Path, r.environ); err != nil {
			return nil, fmt.Errorf("Error in config %w", err)
		}
	}
	cfg := r.config()
	if len(r.errs) == 0 {
		r.fail(readFiles(cfg))
	}
	if len(r.errs) > 0 {
		return nil, fmt.Errorf("Error in config %w", errors.Join(r.errs...))
	}
	return cfg, nil
}

// reader looks options up and collects what is wrong.
type reader struct {
	file     map[string]value
	environ  map[string]string
	database map[string]string
	errs     []error
}

func (r *reader) fail(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// lookup finds an option under its name or an older one.
func (r *reader) lookup(names ...string) (value, bool) {
	for _, name := range names {
		inDatabase := strings.ReplaceAll(name, "-", "_")
		if text, ok := r.database[inDatabase]; ok {
			return value{text: text, isString: true}, true
		}
		if text, ok := r.environ["PGRST_"+strings.ToUpper(inDatabase)]; ok {
			return value{text: text, isString: true}, true
		}
		if v, ok := r.file[name]; ok {
			return v, true
		}
	}
	return value{}, false
}

// text returns an option's text, "" when it is not set.
func (r *reader) text(names ...string) string {
	for _, name := range names {
		if v, ok := r.lookup(name); ok && v.text != "" {
			return v.text
		}
	}
	return ""
}

func (r *reader) textOr(otherwise string, names ...string) string {
	if text := r.text(names...); text != "" {
		return text
	}
	return otherwise
}

// integer returns a whole number; anything else counts as not set.
func (r *reader) integer(names ...string) *int64 {
	for _, name := range names {
		if v, ok := r.lookup(name); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64); err == nil {
				return &n
			}
		}
	}
	return nil
}

func (r *reader) integerOr(otherwise int64, names ...string) int64 {
	if n := r.integer(names...); n != nil {
		return *n
	}
	return otherwise
}

// optionalBoolean is nil for an option that is not set.
func (r *reader) optionalBoolean(name string) *bool {
	on := r.boolean(true, name)
	if on && !r.boolean(false, name) {
		return nil
	}
	return &on
}

// boolean takes true and false in any spelling with letters of them alone, and numbers above zero; anything else counts as not
// set.
func (r *reader) boolean(otherwise bool, names ...string) bool {
	for _, name := range names {
		v, ok := r.lookup(name)
		if !ok {
			continue
		}
		letters := strings.Map(func(c rune) rune {
			if unicode.IsLetter(c) {
				return unicode.ToLower(c)
			}
			return -1
		}, v.text)
		if letters == "true" || letters == "false" {
			return letters == "true"
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64); err == nil {
			return n > 0
		}
	}
	return otherwise
}

// list splits at commas.
func (r *reader) list(otherwise []string, names ...string) []string {
	if text := r.text(names...); text != "" {
		return splitCommas(text)
	}
	return otherwise
}

func splitCommas(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// extraSearchPath may be set to nothing on purpose.
func (r *reader) extraSearchPath() []string {
	v, ok := r.lookup("db-extra-search-path")
	switch {
	case !ok:
		return []string{"public"}
	case v.text == "":
		return []string{}
	default:
		return splitCommas(v.text)
	}
}

// oneOf returns an option that has to be one of a few words; the first is the default.
func oneOf[T ~string](r *reader, name, problem string, allowed ...T) T {
	text := T(r.text(name))
	switch {
	case text == "":
		return allowed[0]
	case !slices.Contains(allowed, text):
		r.fail(errors.New(problem))
	}
	return text
}

func (r *reader) config() *Config {
	defaults := rest.DefaultConfig()
	c := &Config{
		AppSettings:              r.appSettings(),
		DBAggregatesEnabled:      r.boolean(false, "db-aggregates-enabled"),
		DBAnonRole:               r.text("db-anon-role"),
		DBChannel:                r.textOr("pgrst", "db-channel"),
		DBChannelEnabled:         r.boolean(true, "db-channel-enabled"),
		DBConfig:                 r.boolean(true, "db-config"),
		DBExtraSearchPath:        r.extraSearchPath(),
		DBHoistedTxSettings:      r.list(defaults.HoistedTxSettings, "db-hoisted-tx-settings"),
		DBMaxRows:                r.integer("db-max-rows", "max-rows"),
		DBPlanEnabled:            r.boolean(false, "db-plan-enabled"),
		DBPool:                   r.integerOr(10, "db-pool"),
		DBPoolAcquisitionTimeout: r.integerOr(10, "db-pool-acquisition-timeout"),
		DBPoolAutomaticRecovery:  r.boolean(true, "db-pool-automatic-recovery"),
		DBPoolMaxIdletime:        r.integerOr(30, "db-pool-timeout", "db-pool-max-idletime"),
		DBPoolMaxLifetime:        r.integerOr(1800, "db-pool-max-lifetime"),
		DBPreConfig:              r.text("db-pre-config"),
		DBPreRequest:             r.text("db-pre-request", "pre-request"),
		DBPreparedStatements:     r.boolean(true, "db-prepared-statements"),
		DBRootSpec:               r.text("db-root-spec", "root-spec"),
		DBSchemas:                r.list([]string{"public"}, "db-schemas", "db-schema"),
		DBURI:                    r.textOr("postgresql://", "db-uri"),
		JWTAud:                   r.text("jwt-aud"),
		JWTCacheMaxEntries:       r.integerOr(1000, "jwt-cache-max-entries"),
		JWTSecret:                []byte(r.text("jwt-secret")),
		JWTSecretIsBase64:        r.boolean(false, "jwt-secret-is-base64", "secret-is-base64"),
		LogQuery:                 r.boolean(false, "log-query"),
		OpenAPISecurityActive:    r.boolean(false, "openapi-security-active"),
		OpenAPIServerProxyURI:    r.text("openapi-server-proxy-uri"),
		ServerHost:               r.textOr("!4", "server-host"),
		ServerPort:               r.integerOr(3000, "server-port"),
		ServerTimingEnabled:      r.boolean(false, "server-timing-enabled"),
		ServerTraceHeader:        r.text("server-trace-header"),
		ServerUnixSocket:         r.text("server-unix-socket"),
		AdminServerHost:          r.textOr("!4", "admin-server-host", "server-host"),
		AdminServerPort:          r.integer("admin-server-port"),
		AdminServerUnixSocket:    r.text("admin-server-unix-socket"),
		ServerReuseport:          r.boolean(false, "server-reuseport"),
		URLUseLegacyTargetNames:  r.optionalBoolean("url-use-legacy-target-names"),
	}
	c.DBTxEnd = oneOf(r, "db-tx-end", "Invalid transaction termination. Check your configuration.",
		rest.TxCommit, rest.TxCommitAllowOverride, rest.TxRollback, rest.TxRollbackAllowOverride)
	c.LogLevel = oneOf(r, "log-level", "Invalid logging level. Check your configuration.",
		LogError, LogCrit, LogWarn, LogInfo, LogDebug)
	c.OpenAPIMode = oneOf(r, "openapi-mode", "Invalid openapi-mode. Check your configuration.",
		rest.OpenAPIFollowPrivileges, rest.OpenAPIIgnorePrivileges, rest.OpenAPIDisabled)
	c.ClientErrorVerbosity = oneOf(r, "client-error-verbosity", "Invalid client-error-verbosity. Check your configuration.",
		VerbosityVerbose, VerbosityMinimal)
	if origins := r.text("server-cors-allowed-origins"); origins != "" {
		c.ServerCORSAllowedOrigins = splitCommas(origins)
	}
	r.check(c)
	return c
}

// check reads and checks the options that have a form of their own.
func (r *reader) check(c *Config) {
	var err error
	c.JWTRoleClaimKey, err = rls.ParseRolePath(r.textOr(".role", "jwt-role-claim-key", "role-claim-key"))
	r.fail(err)
	if strings.Contains(c.JWTAud, ":") {
		if u, err := url.Parse(c.JWTAud); err != nil || u.Scheme == "" {
			r.fail(errors.New("jwt-aud should be a string or a valid URI"))
		}
	}
	if c.OpenAPIServerProxyURI != "" {
		_, err := openapi.ParseProxyURI(c.OpenAPIServerProxyURI)
		r.fail(err)
	}
	if c.AdminServerPort != nil && *c.AdminServerPort == c.ServerPort {
		r.fail(errors.New("admin-server-port cannot be the same as server-port"))
	}
	c.ServerUnixSocketMode, err = r.socketMode("server-unix-socket-mode")
	r.fail(err)
	c.AdminServerUnixSocketMode, err = r.socketMode("admin-server-unix-socket-mode")
	r.fail(err)
	for name, text := range map[string]string{
		"db-pre-config": c.DBPreConfig, "db-pre-request": c.DBPreRequest, "db-root-spec": c.DBRootSpec,
	} {
		if strings.Contains(text, "\x00") {
			r.fail(fmt.Errorf("%s is not a name", name))
		}
	}
}

// defaultSocketMode lets the owner and the group use the socket.
const defaultSocketMode = 0o660

func (r *reader) socketMode(name string) (uint32, error) {
	text := r.text(name)
	if text == "" {
		return defaultSocketMode, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	switch {
	case err != nil:
		return 0, fmt.Errorf("Invalid %s: not an octal", name) //nolint:staticcheck // PostgREST's words
	case mode < 0o600 || mode > 0o777:
		return 0, fmt.Errorf("Invalid %s: needs to be between 600 and 777", name) //nolint:staticcheck // PostgREST's words
	}
	return uint32(mode), nil
}

// appSettings collects app.settings.* of the file and PGRST_APP_SETTINGS_* of the environment, sorted by name.
func (r *reader) appSettings() []schema.Setting {
	const inFile, inEnviron = "app.settings.", "PGRST_APP_SETTINGS_"
	found := make(map[string]string)
	for name, v := range r.file {
		if strings.HasPrefix(name, inFile) {
			found[name] = v.text
		}
	}
	for name, text := range r.environ {
		if rest, ok := strings.CutPrefix(name, inEnviron); ok {
			found[inFile+rest] = text
		}
	}
	settings := make([]schema.Setting, 0, len(found))
	for name, text := range found {
		settings = append(settings, schema.Setting{Name: name, Value: text})
	}
	slices.SortFunc(settings, func(a, b schema.Setting) int { return strings.Compare(a.Name, b.Name) })
	return settings
}

// readFiles replaces the secret and the URI by what is in the files they may name, and decodes the secret.
func readFiles(c *Config) error {
	if name, ok := strings.CutPrefix(string(c.JWTSecret), "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		c.JWTSecret = []byte(strings.TrimSuffix(string(text), "\n"))
	}
	if name, ok := strings.CutPrefix(c.DBURI, "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		c.DBURI = strings.TrimSpace(string(text))
	}
	if c.JWTSecretIsBase64 && len(c.JWTSecret) > 0 {
		text := strings.NewReplacer("-", "+", "_", "/", ".", "=").Replace(strings.TrimSpace(string(c.JWTSecret)))
		secret, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("jwt-secret is not base64: %w", err)
		}
		c.JWTSecret = secret
	}
	// The verifier knows which secrets can be used.
	v, err := c.verifier()
	if err != nil {
		return err
	}
	v.Close()
	return nil
}

// verifier makes what checks tokens.
func (c *Config) verifier() (*rls.Verifier, error) {
	return rls.NewVerifier(rls.VerifierConfig{
		Secret: c.JWTSecret, Audience: c.JWTAud, RoleClaimKey: c.JWTRoleClaimKey.String(), AnonRole: c.DBAnonRole,
		CacheEntries: int(c.JWTCacheMaxEntries),
	})
}
