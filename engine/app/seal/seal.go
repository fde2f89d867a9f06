// Package seal keeps secrets of tenants, such as tokens of third parties, unreadable in the database: AES-256-GCM (NIST SP
// 800-38D) with a key that the database does not have.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size of keys, in bytes.
const KeySize = 32

// What every sealed text begins with: the version of its form, and which key it was sealed with.
const (
	version     = 1
	keyIDSize   = 4
	headerSize  = 1 + keyIDSize
	minimumSize = headerSize + 12 + 16 // with the nonce and the tag
)

var (
	// ErrKey means that a text is no key.
	ErrKey = errors.New("seal: a key has 32 bytes, in base64")
	// ErrOtherKey means that something was sealed with another key than this one.
	ErrOtherKey = errors.New("seal: sealed with another key")
	// ErrForged means that something was not sealed by us for this purpose, or changed since.
	ErrForged = errors.New("seal: not sealed for this purpose, or changed since")
)

// Box seals and opens. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
	id   [keyIDSize]byte
}

// NewKey makes a key of random bytes, in base64.
func NewKey() string {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// New makes a box of a key in base64; it fails with ErrKey.
func New(key string) (*Box, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key))
	if err != nil || len(raw) != KeySize {
		return nil, ErrKey
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	b := &Box{aead: aead}
	sum := sha256.Sum256(append([]byte("nexus seal key "), raw...))
	copy(b.id[:], sum[:])
	return b, nil
}

// Seal encrypts a text. The purpose, such as a table with the id of a row, is not part of what is returned; the same one is
// needed to open it, so that nobody can move a sealed text to another place.
func (b *Box) Seal(plain []byte, purpose string) []byte {
	header := make([]byte, 0, minimumSize+len(plain))
	header = append(append(header, version), b.id[:]...)
	return b.aead.Seal(header, nil, plain, []byte(purpose)) //nolint:gosec // this AEAD makes the nonces itself
}

// Open decrypts what Seal returned. It fails with ErrOtherKey or ErrForged.
func (b *Box) Open(sealed []byte, purpose string) ([]byte, error) {
	if len(sealed) < minimumSize || sealed[0] != version {
		return nil, ErrForged
	}
	if [keyIDSize]byte(sealed[1:headerSize]) != b.id {
		return nil, ErrOtherKey
	}
	plain, err := b.aead.Open(nil, nil, sealed[headerSize:], []byte(purpose))
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}
