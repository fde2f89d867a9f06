package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexus/rls"
)

// newDataDir is the configuration of a data directory with secrets.
func newDataDir(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	if _, err := ensureSecrets(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func rotate(t *testing.T, cfg Config, algorithm string) SigningKey {
	t.Helper()
	k, err := RotateKeys(cfg, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mint(t *testing.T, cfg Config) string {
	t.Helper()
	token, err := MintToken(cfg, Token{Role: serviceRole, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// kidOf is the kid in a token's header.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var members struct{ Kid string }
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members.Kid
}

func TestRotateKeys(t *testing.T) {
	t.Parallel()
	cfg := newDataDir(t)
	before, err := LoadKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if kid := kidOf(t, mint(t, cfg)); kid != "" {
		t.Errorf("a token names %q before there are keys with names", kid)
	}
	want := []string{""}
	for _, algorithm := range []string{rls.ES256, rls.RS256, rls.HS256} {
		made := rotate(t, cfg, algorithm)
		want = append([]string{made.ID}, want...)
		all, err := SigningKeys(cfg)
		if err != nil || len(all) != len(want) || all[0] != made || made.Algorithm != algorithm {
			t.Fatalf("made %+v; there are %+v, %v", made, all, err)
		}
		for i, k := range all {
			if k.ID != want[i] || (k.State == string(rls.Current)) != (i == 0) || k.CreatedAt.IsZero() {
				t.Errorf("key %d: %+v, want the kid %q", i, k, want[i])
			}
		}
		if kid := kidOf(t, mint(t, cfg)); kid != made.ID {
			t.Errorf("a token names %q, want %s", kid, made.ID)
		}
	}
	for id, want := range map[string]error{want[0]: rls.ErrCurrentKey, "": rls.ErrUnknownKey, "x": rls.ErrUnknownKey, want[1]: nil} {
		if err := DropKey(cfg, id); !errors.Is(err, want) {
			t.Errorf("drop %q: %v, want %v", id, err, want)
		}
	}
	if all, err := SigningKeys(cfg); err != nil || len(all) != 3 || all[1].ID != want[2] {
		t.Errorf("left are %+v, %v", all, err)
	}
	if after, err := LoadKeys(cfg); err != nil || *after != *before {
		t.Errorf("the anon and service keys changed: %v", err)
	}
}

func TestRotationIsRefused(t *testing.T) {
	t.Parallel()
	cfg := newDataDir(t)
	path := filepath.Join(cfg.DataDir, secretsFile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"jwt-secret":        {func(c *Config) { c.JWTSecret = testSecret }, ErrConfiguredSecret},
		"JWK":               {func(c *Config) { c.JWTSecret = `{"keys":[]}` }, ErrConfiguredSecret},
		"jwks-url":          {func(c *Config) { c.JWKSURL = "https://issuer.example/jwks" }, ErrForeignRotation},
		"no data directory": {func(c *Config) { c.DataDir = filepath.Join(c.DataDir, "none") }, ErrNoDataDir},
		"no secrets":        {func(c *Config) { c.DataDir = t.TempDir() }, ErrNoDataDir},
	} {
		changed := cfg
		c.change(&changed)
		if _, err := RotateKeys(changed, rls.ES256); !errors.Is(err, c.want) {
			t.Errorf("%s: rotate: %v, want %v", name, err, c.want)
		}
		if errors.Is(c.want, ErrForeignRotation) {
			continue
		}
		if err := DropKey(changed, "x"); !errors.Is(err, c.want) {
			t.Errorf("%s: drop: %v, want %v", name, err, c.want)
		}
		if _, err := SigningKeys(changed); !errors.Is(err, c.want) {
			t.Errorf("%s: list: %v, want %v", name, err, c.want)
		}
	}
	if _, err := RotateKeys(cfg, "none"); !errors.Is(err, rls.ErrAlgorithm) {
		t.Errorf("none: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// TestRotationKeepsTheFile sees that what else is in the file stays, and that nobody else can read it.
func TestRotationKeepsTheFile(t *testing.T) {
	t.Parallel()
	cfg := newDataDir(t)
	path := filepath.Join(cfg.DataDir, secretsFile)
	read := func() map[string]any {
		text, err := os.ReadFile(path)
		var members map[string]any
		if err = errors.Join(err, json.Unmarshal(text, &members)); err != nil {
			t.Fatal(err)
		}
		return members
	}
	before := read()
	if before[signingKeysMember] != nil {
		t.Errorf("a new file has signing keys")
	}
	before["of_a_later_version"] = "a<b"
	text, err := json.Marshal(before)
	if err = errors.Join(err, os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	rotate(t, cfg, rls.ES256)
	after := read()
	for name, value := range before {
		if after[name] != value {
			t.Errorf("%s was changed", name)
		}
	}
	if keys, _ := after[signingKeysMember].([]any); len(keys) != 1 {
		t.Errorf("%d signing keys", len(keys))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(cfg.DataDir); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

func TestRotateConcurrently(t *testing.T) {
	t.Parallel()
	cfg := newDataDir(t)
	const times = 8
	var wg sync.WaitGroup
	for range times {
		wg.Go(func() {
			if _, err := RotateKeys(cfg, rls.HS256); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := SigningKeys(cfg); err != nil || len(all) != times+1 {
		t.Errorf("%d keys, %v; want %d", len(all), err, times+1)
	}
}

func TestDamagedSigningKeys(t *testing.T) {
	t.Parallel()
	k, err := rls.NewSigningKey(rls.HS256)
	if err != nil {
		t.Fatal(err)
	}
	one, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]string{
		"no list": `{}`, "null in it": `[null]`, "no key": `[{}]`, "twice the same": `[` + string(one) + `,` + string(one) + `]`,
		"no current one": `[` + strings.Replace(string(one), `"current"`, `"previous"`, 1) + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newDataDir(t)
			path := filepath.Join(cfg.DataDir, secretsFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := strings.TrimSuffix(strings.TrimSpace(string(text)), "}") + `,"signing_keys":` + list + `}`
			if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := RotateKeys(cfg, rls.ES256); err == nil {
				t.Error("rotated")
			}
			if _, err := MintToken(cfg, Token{Role: anonRole, TTL: time.Hour}); err == nil {
				t.Error("made a token")
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != damaged {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// TestServerTakesKeysUp changes the keys of a running server, in order and not.
func TestServerTakesKeysUp(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) { cfg.JWTSecret = "" })
	status := func(token string) int {
		return r.call(http.MethodGet, "/rest/v1/", map[string]string{"Authorization": "Bearer " + token}, nil).status
	}
	tokens := []string{mint(t, r.cfg)}
	for _, algorithm := range []string{rls.ES256, rls.RS256} {
		rotate(t, r.cfg, algorithm)
		token := mint(t, r.cfg)
		tokens = append(tokens, token)
		r.until("the new key is taken up", func() bool { return status(token) == http.StatusOK })
		for i, token := range tokens {
			if got := status(token); got != http.StatusOK {
				t.Errorf("token %d: %d", i, got)
			}
		}
	}
	path := filepath.Join(r.cfg.DataDir, secretsFile)
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	warnings := func() int { return strings.Count(r.log.String(), "keys cannot be read") }
	for i, damage := range []func() error{
		func() error { return os.WriteFile(path, []byte("{"), 0o600) }, func() error { return os.Remove(path) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		r.until("the damage is noticed", func() bool { return warnings() == i+1 })
		for i, token := range tokens {
			if got := status(token); got != http.StatusOK {
				t.Errorf("damaged file, token %d: %d", i, got)
			}
		}
	}
	if err := replaceFile(path, kept); err != nil {
		t.Fatal(err)
	}
	if err := DropKey(r.cfg, kidOf(t, tokens[1])); err != nil {
		t.Fatal(err)
	}
	r.until("the key is dropped", func() bool { return status(tokens[1]) == http.StatusUnauthorized })
	for _, token := range []string{tokens[0], tokens[2], r.info.AnonKey} {
		if got := status(token); got != http.StatusOK {
			t.Errorf("a token of another key: %d", got)
		}
	}
	if warnings() != 2 {
		t.Errorf("%d warnings of 2 kinds of damage", warnings())
	}
	if strings.Contains(r.log.String(), tokens[0]) {
		t.Error("the log has a token")
	}
}

func TestKeyWatchEndsWithTheServer(t *testing.T) {
	newDatabase(t) // so that what it starts does not count
	ignored := goleak.IgnoreCurrent()
	r := serve(t, func(cfg *Config) { cfg.JWTSecret = "" })
	r.stop()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, ignored)
}

func TestReplacedFileStaysItsOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := replaceFile(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	const uid, gid = 4711, 4712
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("second")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != uid || owner.Gid != gid || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("belongs to %d:%d with mode %v", owner.Uid, owner.Gid, info.Mode())
	}
}
