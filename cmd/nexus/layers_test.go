package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// loadConfig runs the layers as a command does, in a directory with the given nexus.toml.
func loadConfig(t *testing.T, file string, env map[string]string, args ...string) (*configOptions, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range os.Environ() {
		// The machine's own settings must not get in.
		if name, _, _ := strings.Cut(name, "="); strings.HasPrefix(name, "NEXUS_") || name == "DATABASE_URL" {
			t.Setenv(name, "")
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	if file != "" {
		if err := os.WriteFile(defaultConfigFile, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := newConfigOptions()
	cmd := &cobra.Command{Use: "test", SilenceErrors: true, SilenceUsage: true}
	o.bindCommon(cmd.Flags())
	o.bindServer(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return o.load(cmd) }
	cmd.SetArgs(args)
	return o, cmd.ExecuteContext(t.Context())
}

func TestPrecedence(t *testing.T) {
	const file = `
listen = "127.0.0.1:1001"
db-pool = 11
schemas = ["file", "public"]
request-timeout = "11s"
server-timing = true
`
	env := map[string]string{
		"NEXUS_LISTEN": "127.0.0.1:1002", "NEXUS_DB_POOL": "12", "NEXUS_SCHEMAS": "env, public",
		"NEXUS_REQUEST_TIMEOUT": "12s", "NEXUS_SERVER_TIMING": "false",
	}
	args := []string{
		"--listen=127.0.0.1:1003", "--db-pool=13", "--schemas=flag,public", "--request-timeout=13s", "--server-timing=true",
	}
	type values struct {
		Listen  string
		Pool    int
		Schemas []string
		Timeout time.Duration
		Timing  bool
	}
	tests := []struct {
		name string
		file string
		env  map[string]string
		args []string
		want values
	}{
		{"defaults", "", nil, nil, values{"127.0.0.1:8000", 10, []string{"public"}, time.Minute, false}},
		{"file", file, nil, nil, values{"127.0.0.1:1001", 11, []string{"file", "public"}, 11 * time.Second, true}},
		{"environment over file", file, env, nil, values{"127.0.0.1:1002", 12, []string{"env", "public"}, 12 * time.Second, false}},
		{"flags over all", file, env, args, values{"127.0.0.1:1003", 13, []string{"flag", "public"}, 13 * time.Second, true}},
		{
			"an empty variable is none", file,
			map[string]string{"NEXUS_DB_POOL": ""},
			nil,
			values{"127.0.0.1:1001", 11, []string{"file", "public"}, 11 * time.Second, true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := loadConfig(t, tt.file, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := values{o.Listen, o.PoolSize, o.Schemas, o.RequestTimeout, o.ServerTiming}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDatabaseURL(t *testing.T) {
	tests := []struct {
		name string
		file string
		env  map[string]string
		args []string
		want string
	}{
		{"none", "", nil, nil, ""},
		{"file", `db-url = "postgres://file/"`, nil, nil, "postgres://file/"},
		{
			"DATABASE_URL over file", `db-url = "postgres://file/"`,
			map[string]string{"DATABASE_URL": "postgres://general/"},
			nil,
			"postgres://general/",
		},
		{
			"NEXUS_DB_URL over DATABASE_URL", "",
			map[string]string{"DATABASE_URL": "postgres://general/", "NEXUS_DB_URL": "postgres://own/"},
			nil,
			"postgres://own/",
		},
		{"flag", "", map[string]string{"NEXUS_DB_URL": "postgres://own/"}, []string{"--db-url", "postgres://flag/"}, "postgres://flag/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := loadConfig(t, tt.file, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if o.DatabaseURL != tt.want {
				t.Errorf("db-url = %q, want %q", o.DatabaseURL, tt.want)
			}
		})
	}
}

func TestNamedConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.toml")
	if err := os.WriteFile(path, []byte(`db-pool = 7`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"flag": {"--config", path}, "environment": nil} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{}
			if args == nil {
				env["NEXUS_CONFIG"] = path
			}
			o, err := loadConfig(t, `db-pool = 3`, env, args...)
			if err != nil {
				t.Fatal(err)
			}
			if o.PoolSize != 7 {
				t.Errorf("db-pool = %d, want that of the named file, 7", o.PoolSize)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name string
		file string
		env  map[string]string
		args []string
		want string
	}{
		{"unknown option in the file", "db-pol = 3\nlistne = \"x\"", nil, nil, "nexus.toml: unknown options: db-pol, listne"},
		{"wrong type in the file", `db-pool = "many"`, nil, nil, "nexus.toml: db-pool: "},
		{"list for a single value", `listen = ["a", "b"]`, nil, nil, "nexus.toml: listen: want one value, not a list"},
		{"list of numbers", `schemas = [1]`, nil, nil, "nexus.toml: schemas: want a list of strings"},
		{"table", "[listen]\na = 1", nil, nil, "nexus.toml: listen: want a string"},
		{"not TOML", "listen", nil, nil, "nexus.toml: toml: "},
		{"wrong environment", "", map[string]string{"NEXUS_DB_POOL": "many"}, nil, "NEXUS_DB_POOL: "},
		{"named file is missing", "", nil, []string{"--config", "missing.toml"}, "missing.toml: no such file"},
		{"listen", "", nil, []string{"--listen", "8000"}, "listen: "},
		{"schemas", "", nil, []string{"--schemas", ""}, "schemas: "},
		{"short secret", "", nil, []string{"--jwt-secret", "short"}, "jwt-secret: has 5 bytes"},
		{"two at once", "", nil, []string{"--db-pool", "0", "--max-rows", "-1"}, "db-pool: must be at least 1\nmax-rows: must not be negative"},
		{"log format", "", nil, []string{"--log-format", "xml"}, "log-format: "},
		{"openapi mode", "", nil, []string{"--openapi-mode", "on"}, "openapi-mode: "},
		{"error verbosity", "", nil, []string{"--client-error-verbosity", "loud"}, "client-error-verbosity: "},
		{"target names", "", nil, []string{"--url-use-legacy-target-names", "maybe"}, "url-use-legacy-target-names: "},
		{"public url", "", nil, []string{"--public-url", "example.org"}, "public-url: "},
		{"password without database", "", nil, []string{"--authenticator-password", "x"}, "authenticator-password: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(t, tt.file, tt.env, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestParseClaims(t *testing.T) {
	t.Parallel()
	got, err := parseClaims([]string{"org=acme", "n=1", `app={"a":["b"]}`, "quoted=\"1\"", "empty=", "eq=a=b", "yes=true"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"org": "acme", "n": json.RawMessage("1"), "app": json.RawMessage(`{"a":["b"]}`), "quoted": json.RawMessage(`"1"`),
		"empty": "", "eq": "a=b", "yes": json.RawMessage("true"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	for _, text := range []string{"noequals", "=value"} {
		if _, err := parseClaims([]string{text}); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"": "''", "./nexus-data": "./nexus-data", "my data": "'my data'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "~": "'~'",
	} {
		if got := shellQuote(word); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestReadmeListsEveryOption(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	o := newConfigOptions()
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.bindCommon(all)
	o.bindServer(all)
	o.bindAuth(all)
	listed := regexp.MustCompile("(?m)^\\| (`--[^|]+) \\|").FindAllStringSubmatch(string(readme), -1)
	var names []string
	for _, row := range listed {
		names = append(names, regexp.MustCompile("--[a-z0-9-]+").FindAllString(row[1], -1)...)
	}
	all.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(names, "--"+f.Name) {
			t.Errorf("the README's table has no --%s", f.Name)
		}
	})
	for _, name := range names {
		if all.Lookup(strings.TrimPrefix(name, "--")) == nil {
			t.Errorf("the README's table has %s, which is no option", name)
		}
	}
}

// TestReadmeListsEveryCommand holds the table of commands to the commands, and the flags in it to theirs.
func TestReadmeListsEveryCommand(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	root := newRootCommand()
	listed := map[string]string{} // by command what follows it
	for _, row := range regexp.MustCompile("(?m)^\\| (`nexus .*?`) \\| ").FindAllStringSubmatch(string(readme), -1) {
		for _, code := range regexp.MustCompile("`nexus ([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			cmd, rest, err := root.Find(strings.Fields(code[1]))
			if err != nil || cmd == root {
				t.Errorf("the README has nexus %s: %v", code[1], err)
				continue
			}
			listed[cmd.CommandPath()] += " " + strings.Join(rest, " ")
			for _, flag := range regexp.MustCompile("--([a-z-]+)").FindAllStringSubmatch(code[1], -1) {
				if !slices.ContainsFunc(append(cmd.Commands(), cmd), func(c *cobra.Command) bool { return c.Flags().Lookup(flag[1]) != nil }) {
					t.Errorf("%s has no --%s", cmd.CommandPath(), flag[1])
				}
			}
		}
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			// As in nexus migrate up|down|status, a command may be among the words after the one above it.
			words := strings.FieldsFunc(listed[cmd.CommandPath()], func(r rune) bool { return strings.ContainsRune(` |\`, r) })
			if listed[c.CommandPath()] == "" && !slices.Contains(words, c.Name()) && c.Runnable() {
				t.Errorf("the README's table has no %s", c.CommandPath())
			}
			walk(c)
		}
	}
	walk(root)
}
