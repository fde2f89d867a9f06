package engine

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"

	"nexus/engine/app/seal"
	"nexus/engine/mail"
	"nexus/engine/password"
)

// tools are what several surfaces work with.
type tools struct {
	hasher    *password.Hasher
	mailer    mail.Sender
	templates *mail.Templates
	// box keeps credentials of third parties unreadable in the database.
	box *seal.Box
}

func (s *Server) openTools(b *backend, kept *secrets) (*tools, error) {
	mailer, err := s.openMailer()
	if err != nil {
		return nil, err
	}
	templates, err := mail.LoadTemplates(templateConfig(&s.cfg.Auth))
	if err != nil {
		return nil, err
	}
	hasher := password.New(password.Config{})
	b.onClose(func(context.Context) error { hasher.Close(); return nil })
	key, err := s.sealKey(kept)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(key)
	if err != nil {
		return nil, err
	}
	return &tools{hasher: hasher, mailer: mailer, templates: templates, box: box}, nil
}

// sealKey derives what credentials are sealed with (HKDF, RFC 5869): of the configured secret, which all servers of a database have,
// or else of the data directory's.
func (s *Server) sealKey(kept *secrets) (string, error) {
	secret := kept.JWTSecret
	if s.cfg.JWTSecret != "" && !isJWK(s.cfg.JWTSecret) {
		secret = s.cfg.JWTSecret
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "nexus credentials", seal.KeySize)
	return base64.StdEncoding.EncodeToString(key), err
}
