package engine

import (
	"context"

	"nexus/engine/mail"
	"nexus/engine/password"
)

// tools are what several surfaces work with.
type tools struct {
	hasher    *password.Hasher
	mailer    mail.Sender
	templates *mail.Templates
	// sealSecret is what credentials of third parties are sealed with.
	sealSecret []byte
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
	return &tools{hasher: hasher, mailer: mailer, templates: templates, sealSecret: s.sealSecret(kept)}, nil
}

// sealSecret is the configured secret, which all servers of a database have, or else the data directory's.
func (s *Server) sealSecret(kept *secrets) []byte {
	if s.cfg.JWTSecret != "" && !isJWK(s.cfg.JWTSecret) {
		return []byte(s.cfg.JWTSecret)
	}
	return []byte(kept.JWTSecret)
}
