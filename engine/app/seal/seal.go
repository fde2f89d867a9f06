// Package seal keeps credentials of third parties in the database so that nobody who reads the database can use them: encrypted
// with AES-256-GCM (NIST SP 800-38D) under a key that the server alone has, and bound to the place that they are kept in.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrOpen says that a text was sealed with another key or for another place, or was changed.
var ErrOpen = errors.New("seal: the text cannot be opened")

// version begins every sealed text, so that another form can follow.
const version = 1

// Box seals and opens texts. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
}

// New makes a box of a secret of any length, of which its key is derived (HKDF, RFC 5869). The error tells that the secret is empty.
func New(secret []byte) (*Box, error) {
	if len(secret) == 0 {
		return nil, errors.New("seal: the secret is empty")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "nexus credentials", 32)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Box{aead: aead}, nil
}

// Seal encrypts a text for a place, such as the organization and the integration that it belongs to.
func (b *Box) Seal(text []byte, place string) []byte {
	return b.aead.Seal([]byte{version}, nil, text, []byte(place)) //nolint:gosec // the cipher makes its nonces itself
}

// Open decrypts what Seal made for the same place; the error is ErrOpen.
func (b *Box) Open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, ErrOpen
	}
	text, err := b.aead.Open(nil, nil, sealed[1:], []byte(place))
	if err != nil {
		return nil, ErrOpen
	}
	return text, nil
}

// Token returns a random text of 43 capital letters and digits for third parties to prove themselves with.
func Token() string { return rand.Text() + rand.Text()[:17] }
