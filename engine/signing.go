package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"nexus/rls"
)

// DefaultAlgorithm is that of new signing keys: its public keys let others verify tokens without a secret, and it is cheap.
const DefaultAlgorithm = rls.ES256

// Errors of signing keys.
var (
	// ErrForeignRotation means that the keys of tokens are made and published elsewhere.
	ErrForeignRotation = errors.New("jwks-url is set: whoever publishes the keys there rotates them")
	// ErrConfiguredSecret means that the server does not use the data directory's keys at all.
	ErrConfiguredSecret = errors.New("jwt-secret is set, and takes the place of the data directory's signing keys; change it instead")
)

// SigningKey is what may be shown of a key that tokens are signed with.
type SigningKey struct {
	// ID is the kid of the key's tokens; the data directory's jwt_secret has none.
	ID        string    `json:"kid,omitempty"`
	Algorithm string    `json:"alg"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

func shown(k *rls.SigningKey) SigningKey {
	return SigningKey{ID: k.ID(), Algorithm: k.Algorithm(), State: string(k.State()), CreatedAt: k.CreatedAt()}
}

// SigningKeys lists the data directory's keys, the current one first. It fails with ErrNoDataDir and ErrConfiguredSecret.
func SigningKeys(cfg Config) ([]SigningKey, error) {
	if cfg.JWTSecret != "" {
		return nil, ErrConfiguredSecret
	}
	set, err := tokenKeys(&cfg)
	if err != nil {
		return nil, err
	}
	var all []SigningKey
	for _, k := range set.Keys() {
		all = append(all, shown(k))
	}
	return all, nil
}

// RotateKeys makes a new key of the data directory, HS256, ES256 or RS256, that signs from now on. What the older ones signed
// stays valid. A running server takes it up within a second. It fails with ErrNoDataDir, ErrConfiguredSecret,
// ErrForeignRotation and rls.ErrAlgorithm.
func RotateKeys(cfg Config, algorithm string) (SigningKey, error) {
	if cfg.JWKSURL != "" {
		return SigningKey{}, ErrForeignRotation
	}
	next, err := rls.NewSigningKey(algorithm)
	if err != nil {
		return SigningKey{}, err
	}
	return shown(next), changeKeys(&cfg, func(set *rls.KeySet) (*rls.KeySet, error) { return set.Rotate(next) })
}

// DropKey removes a previous key of the data directory; a running server refuses its tokens within a second. It fails with
// ErrNoDataDir, ErrConfiguredSecret, rls.ErrUnknownKey and rls.ErrCurrentKey.
func DropKey(cfg Config, id string) error {
	return changeKeys(&cfg, func(set *rls.KeySet) (*rls.KeySet, error) { return set.Drop(id) })
}

// changeKeys replaces the data directory's signing keys. Of several processes that do so at once, each waits for the other.
func changeKeys(cfg *Config, change func(*rls.KeySet) (*rls.KeySet, error)) error {
	if cfg.JWTSecret != "" {
		return ErrConfiguredSecret
	}
	unlock, err := lockSecrets(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	set, err := tokenKeys(cfg)
	if err != nil {
		return err
	}
	if set, err = change(set); err != nil {
		return err
	}
	return storeKeys(cfg.DataDir, set)
}

// lockSecrets keeps others from changing the secrets. The lock is on the directory, because the file is replaced.
func lockSecrets(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoDataDir)
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// storeKeys writes the keys into the file of secrets, and leaves what else is there as it is, also what it does not know.
func storeKeys(dir string, set *rls.KeySet) error {
	path := filepath.Join(dir, secretsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read secrets: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("read secrets: %s: %w", path, err)
	}
	if members[signingKeysMember], err = json.Marshal(set); err != nil {
		return fmt.Errorf("write signing keys: %w", err)
	}
	if text, err = json.MarshalIndent(members, "", "  "); err != nil {
		return fmt.Errorf("write signing keys: %w", err)
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write signing keys: %w", err)
	}
	return nil
}

// tokenKeys are the keys that tokens are signed with: of the configuration, or else of the data directory. It fails with
// ErrForeignKeys and ErrNoDataDir.
func tokenKeys(cfg *Config) (*rls.KeySet, error) {
	if isJWK(cfg.JWTSecret) {
		return nil, ErrForeignKeys
	}
	if cfg.JWTSecret == "" {
		s, err := loadSecrets(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		return s.keySet()
	}
	k, err := rls.SecretKey([]byte(cfg.JWTSecret), time.Time{}, rls.Current)
	if err != nil {
		return nil, fmt.Errorf("jwt-secret: %w", err)
	}
	return rls.NewKeySet(k)
}
