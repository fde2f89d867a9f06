package postgrest

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata")

// everything sets each option to something that is not its default.
const everything = `
db-aggregates-enabled = true
db-anon-role = "nobody"
db-channel = "news"
db-channel-enabled = false
db-config = false
db-extra-search-path = "one, two"
db-hoisted-tx-settings = "statement_timeout"
db-max-rows = 1000
db-plan-enabled = true
db-pool = 3
db-pool-acquisition-timeout = 4
db-pool-automatic-recovery = false
db-pool-max-idletime = 5
db-pool-max-lifetime = 6
db-pre-config = "admin.configure"
db-pre-request = "admin.check"
db-prepared-statements = false
db-root-spec = "admin.root"
db-schemas = "api, private"
db-tx-end = "rollback-allow-override"
db-uri = "postgresql://me@db.example.org/app"
jwt-aud = "https://example.org"
jwt-cache-max-entries = 7
jwt-role-claim-key = ".claims[0].role"
jwt-secret = "a secret of thirty-two bytes, or more"
log-level = "debug"
log-query = true
openapi-mode = "ignore-privileges"
openapi-security-active = true
openapi-server-proxy-uri = "https://api.example.org/v1"
server-cors-allowed-origins = "https://a.example.org, https://b.example.org"
server-host = "127.0.0.1"
server-port = 8080
server-timing-enabled = true
server-trace-header = "X-Trace"
server-unix-socket = "/tmp/api.sock"
server-unix-socket-mode = "600"
admin-server-host = "localhost"
admin-server-port = 8081
client-error-verbosity = "minimal"
server-reuseport = true
url-use-legacy-target-names = false
admin-server-unix-socket = "/tmp/admin.sock"
admin-server-unix-socket-mode = "600"
app.settings.two = "2 \"quoted\""
app.settings.one = "1"
`

// TestDump compares what is dumped with testdata, and reads it again to the same configuration.
func TestDump(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"defaults": "", "everything": everything} {
		cfg, err := Read(Source{Path: write(t, name+".conf", text)})
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name+".conf")
		dump := cfg.Dump()
		if *update {
			if err := os.WriteFile(golden, []byte(dump), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || dump != string(want) {
			t.Errorf("%s: error %v, dump\n%s\nwant\n%s", name, err, dump, want)
		}
		again, err := Read(Source{Path: write(t, "again.conf", dump)})
		if err != nil || !reflect.DeepEqual(again, cfg) {
			t.Errorf("%s: error %v, read again as\n%+v\nwant\n%+v", name, err, again, cfg)
		}
	}
}

// TestEveryOptionHasAnEffect sets one option at a time and expects the configuration to differ from the default one.
func TestEveryOptionHasAnEffect(t *testing.T) {
	t.Parallel()
	defaults, err := Read(Source{})
	if err != nil {
		t.Fatal(err)
	}
	options := 0
	for line := range strings.Lines(everything) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		options++
		cfg, err := Read(Source{Path: write(t, "one.conf", line)})
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if reflect.DeepEqual(cfg, defaults) {
			t.Errorf("%s changes nothing", line)
		}
	}
	if options < 40 {
		t.Errorf("only %d options", options)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := write(t, "nexus.conf", "db-schemas = \"file\"\ndb-anon-role = \"file\"\nserver-port = 1\napp.settings.a = \"file\"")
	cfg, err := Read(Source{
		Path: path, Environ: []string{"PGRST_DB_SCHEMAS=environment", "PGRST_DB_ANON_ROLE=environment", "PGRST_APP_SETTINGS_b=environment", "OTHER=x", "broken"},
		Database: map[string]string{"db_schemas": "database"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DBSchemas[0] != "database" || cfg.DBAnonRole != "environment" || cfg.ServerPort != 1 || len(cfg.AppSettings) != 2 {
		t.Errorf("schemas %q, anon role %q, port %d, app settings %v", cfg.DBSchemas, cfg.DBAnonRole, cfg.ServerPort, cfg.AppSettings)
	}
}

// TestSpellings reads values as PostgREST reads them: older names, booleans and numbers in other forms, and what cannot be read
// as the default.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for text, check := range map[string]func(*Config) bool{
		`db-schema = "old"`:                     func(c *Config) bool { return c.DBSchemas[0] == "old" },
		`max-rows = 5`:                          func(c *Config) bool { return *c.DBMaxRows == 5 },
		`pre-request = "f"`:                     func(c *Config) bool { return c.DBPreRequest == "f" },
		`root-spec = "f"`:                       func(c *Config) bool { return c.DBRootSpec == "f" },
		`role-claim-key = ".r"`:                 func(c *Config) bool { return c.JWTRoleClaimKey.String() == `."r"` },
		`db-pool-timeout = 9`:                   func(c *Config) bool { return c.DBPoolMaxIdletime == 9 },
		`db-channel-enabled = "1"`:              func(c *Config) bool { return c.DBChannelEnabled },
		`db-channel-enabled = "FALSE"`:          func(c *Config) bool { return !c.DBChannelEnabled },
		`db-channel-enabled = 0`:                func(c *Config) bool { return !c.DBChannelEnabled },
		`db-channel-enabled = "perhaps"`:        func(c *Config) bool { return c.DBChannelEnabled },
		`db-max-rows = "12"`:                    func(c *Config) bool { return *c.DBMaxRows == 12 },
		`db-max-rows = true`:                    func(c *Config) bool { return c.DBMaxRows == nil },
		`db-max-rows = ""`:                      func(c *Config) bool { return c.DBMaxRows == nil },
		`db-extra-search-path = ""`:             func(c *Config) bool { return len(c.DBExtraSearchPath) == 0 },
		`server-host = "*6"`:                    func(c *Config) bool { return c.AdminServerHost == "*6" },
		`log-level = "crit"`:                    func(c *Config) bool { return c.LogLevel == LogCrit },
		`db-tx-end = "commit-allow-override"`:   func(c *Config) bool { return c.rest().AllowsTxOverride() },
		`db-pre-request = "my schema.my check"`: func(c *Config) bool { return c.rest().PreRequest.Name == "my check" },
	} {
		cfg, err := Read(Source{Path: write(t, "nexus.conf", text)})
		if err != nil || !check(cfg) {
			t.Errorf("%s: error %v, configuration %+v", text, err, cfg)
		}
	}
}

func TestInvalidValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`log-level = "never"`:                             "Invalid logging level. Check your configuration.",
		`db-tx-end = "random"`:                            "Invalid transaction termination. Check your configuration.",
		`openapi-mode = "test"`:                           "Invalid openapi-mode. Check your configuration.",
		`openapi-server-proxy-uri = "random"`:             "Malformed proxy uri, a correct example: https://example.com:8443/basePath",
		`jwt-aud = "http://%%localhorst.invalid"`:         "jwt-aud should be a string or a valid URI",
		`jwt-secret = "short"`:                            "The JWT secret must be at least 32 characters long.",
		`jwt-role-claim-key = "role"`:                     "failed to parse role-claim-key value (role)",
		`server-unix-socket-mode = "800"`:                 "Invalid server-unix-socket-mode: not an octal",
		`server-unix-socket-mode = "577"`:                 "Invalid server-unix-socket-mode: needs to be between 600 and 777",
		"admin-server-port = 3000\nserver-port = 3000":    "admin-server-port cannot be the same as server-port",
		"jwt-secret = \"#\"\njwt-secret-is-base64 = true": "jwt-secret is not base64",
		`jwt-secret = "@/nowhere"`:                        "no such file",
		"a":                                               "expected =",
	} {
		_, err := Read(Source{Path: write(t, "nexus.conf", text)})
		if err == nil || !strings.HasPrefix(err.Error(), "Error in config ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	const secret = "a secret of thirty-two bytes, or more"
	encoded := base64.RawURLEncoding.EncodeToString([]byte(secret))
	for name, c := range map[string]struct{ text, file string }{
		"plain":           {`jwt-secret = "@FILE"`, secret},
		"with newline":    {`jwt-secret = "@FILE"`, secret + "\n"},
		"base64 for URLs": {"jwt-secret = \"@FILE\"\njwt-secret-is-base64 = true", encoded + strings.Repeat("=", -len(encoded)&3) + "\n"},
		"older name":      {"jwt-secret = \"@FILE\"\nsecret-is-base64 = true", base64.StdEncoding.EncodeToString([]byte(secret))},
	} {
		text := strings.ReplaceAll(c.text, "FILE", write(t, "secret", c.file))
		cfg, err := Read(Source{Path: write(t, "nexus.conf", text)})
		if err != nil || string(cfg.JWTSecret) != secret {
			t.Errorf("%s: error %v, secret %q", name, err, cfg.JWTSecret)
		}
	}
	uri := write(t, "uri", "postgresql://db/app\n")
	cfg, err := Read(Source{Environ: []string{"PGRST_DB_URI=@" + uri}})
	if err != nil || cfg.DBURI != "postgresql://db/app" {
		t.Errorf("error %v, URI %q", err, cfg.DBURI)
	}
}

// TestConnectionString leaves out what only libpq understands.
func TestConnectionString(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"postgresql://": "postgresql://",
		"postgresql://u:p@h/d?keepalives_idle=3&sslmode=prefer": "postgresql://u:p@h/d?sslmode=prefer",
		"postgres://h/d?gssencmode=disable":                     "postgres://h/d",
		"host=h keepalives=1":                                   "host=h keepalives=1",
	} {
		if got := (&Config{DBURI: uri}).connectionString(); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"postgresql://": "postgresql:",
		"postgresql://me:secret@h/d?sslmode=require": "postgresql://me@h/d?sslmode=require",
		"postgres://me@h/d?password=secret":          "postgres://me@h/d",
		"host=h password=secret":                     hidden,
		"postgresql://me:%zz@h":                      hidden,
	} {
		if got := hidePassword(uri); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
	cfg, err := Read(Source{Path: write(t, "all.conf", everything)})
	if err != nil {
		t.Fatal(err)
	}
	before := cfg.Dump()
	dump := cfg.withoutSecrets().Dump()
	for _, secret := range []string{"thirty-two", "quoted"} {
		if strings.Contains(dump, secret) {
			t.Errorf("shows %q:\n%s", secret, dump)
		}
	}
	if cfg.Dump() != before {
		t.Error("the configuration itself was changed")
	}
}
