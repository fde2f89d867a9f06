package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestSecretsAreCreatedOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := loadSecrets(dir); !errors.Is(err, ErrNoDataDir) {
		t.Fatalf("before: %v, want ErrNoDataDir", err)
	}
	var wg sync.WaitGroup
	got := make([]*secrets, 8)
	for i := range got {
		wg.Go(func() {
			s, err := ensureSecrets(dir)
			if err != nil {
				t.Error(err)
			}
			got[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, s := range got[1:] {
		if !reflect.DeepEqual(s, got[0]) {
			t.Errorf("two callers got different secrets")
		}
	}
	again, err := loadSecrets(dir)
	if err != nil || !reflect.DeepEqual(again, got[0]) {
		t.Errorf("read again: %v, or other secrets", err)
	}
	if len(again.JWTSecret) < minSecretBytes || again.JWTSecret == again.AuthenticatorPassword {
		t.Errorf("weak secrets: %d bytes", len(again.JWTSecret))
	}
}

func TestSecretsAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ensureSecrets(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != secretsFile {
		t.Errorf("the directory holds %v, want %s alone", entries, secretsFile)
	}
	info, err := os.Stat(filepath.Join(dir, secretsFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o600 {
		t.Errorf("mode %v, want 0600", mode)
	}
}

func TestDamagedSecretsAreNotReplaced(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"not JSON": "{", "empty": "", "incomplete": `{"jwt_secret":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), secretsFile)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ensureSecrets(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one that names %s", err, path)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != content {
				t.Errorf("the file was changed to %q (%v)", got, err)
			}
		})
	}
}

func TestCreateOnceKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := createOnce(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := createOnce(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second: %v, want fs.ErrExist", err)
	}
	if err := replaceFile(path, []byte("third")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "third" {
		t.Errorf("content %q (%v)", got, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

// TestKeysOfADirectoryWithoutDatabase is about servers that were given a database: its URL is not the directory's to know.
func TestKeysOfADirectoryWithoutDatabase(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	if _, err := ensureSecrets(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	keys, err := LoadKeys(cfg)
	if err != nil || keys.ServiceRoleKey == "" || keys.DatabaseURL != "" {
		t.Errorf("keys %+v, error %v", keys, err)
	}
	cfg.DatabaseURL = "postgresql://db.example.org/app"
	if keys, err = LoadKeys(cfg); err != nil || keys.DatabaseURL != cfg.DatabaseURL {
		t.Errorf("keys %+v, error %v", keys, err)
	}
}
