package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"nexus/rls"
)

// secretsFile is the file in the data directory that holds what must not get out and must not change.
const secretsFile = "secrets.json"

// ErrNoDataDir means that the data directory has no secrets: no server was ever started on it.
var ErrNoDataDir = errors.New("no server was started on this data directory yet; run nexus serve first")

// secrets are created with the data directory and kept for its life.
type secrets struct {
	// JWTSecret signs the anon and service keys, and the tokens as long as there are no SigningKeys.
	JWTSecret string `json:"jwt_secret"`
	// AuthenticatorPassword logs the server in to PostgreSQL.
	AuthenticatorPassword string `json:"authenticator_password"`
	// CreatedAt dates the keys, which makes them the same each time they are signed.
	CreatedAt time.Time `json:"created_at"`
	// SigningKeys were made since, the newest first; it is the current one.
	SigningKeys []*rls.SigningKey `json:"signing_keys,omitempty"`
}

// signingKeysMember is the name of secrets.SigningKeys in the file.
const signingKeysMember = "signing_keys"

// keySet are all keys that sign tokens, or signed some.
func (s *secrets) keySet() (*rls.KeySet, error) {
	state := rls.Current
	if len(s.SigningKeys) > 0 {
		state = rls.Previous
	}
	plain, err := rls.SecretKey([]byte(s.JWTSecret), s.CreatedAt, state)
	if err != nil {
		return nil, fmt.Errorf("jwt_secret: %w", err)
	}
	return rls.NewKeySet(slices.Concat(s.SigningKeys, []*rls.SigningKey{plain})...)
}

// loadSecrets reads the secrets of a data directory; the error wraps ErrNoDataDir if it has none.
func loadSecrets(dir string) (*secrets, error) {
	path := filepath.Join(dir, secretsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoDataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	var s secrets
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read secrets: %s: %w", path, err)
	}
	if s.JWTSecret == "" || s.AuthenticatorPassword == "" || s.CreatedAt.IsZero() || slices.Contains(s.SigningKeys, nil) {
		return nil, fmt.Errorf("read secrets: %s is incomplete; restore it from a backup", path)
	}
	return &s, nil
}

// ensureSecrets reads the secrets of a data directory and creates both if need be. Of several processes that do so at
// once, one wins and all get the same secrets.
func ensureSecrets(dir string) (*secrets, error) {
	s, err := loadSecrets(dir)
	if !errors.Is(err, ErrNoDataDir) {
		return s, err
	}
	s = &secrets{JWTSecret: rls.NewSecret(), AuthenticatorPassword: rls.NewSecret(), CreatedAt: time.Now().UTC().Truncate(time.Second)}
	text, err := json.MarshalIndent(s, "", "  ") //nolint:gosec // this is the file of secrets
	if err != nil {
		return nil, err
	}
	err = createOnce(filepath.Join(dir, secretsFile), append(text, '\n'))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create secrets: %w", err)
	}
	return loadSecrets(dir)
}

// createOnce makes a file that only its owner can read. It appears complete or not at all; an existing one stays, and the
// error is fs.ErrExist.
func createOnce(path string, content []byte) (err error) {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp)) }()
	return os.Link(temp, path)
}

// replaceFile is createOnce for a file that may change. It stays its owner's, whoever changes it.
func replaceFile(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := copyOwner(path, temp); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, path)
}

// copyOwner gives one file the owner of another, if there is one.
func copyOwner(from, to string) error {
	before, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	owner, ok := before.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return os.Chown(to, int(owner.Uid), int(owner.Gid))
}

// writeTemp writes content beside path, safely on disk, and returns the file's name.
func writeTemp(path string, content []byte) (name string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return "", errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return "", err
	}
	return f.Name(), nil
}
