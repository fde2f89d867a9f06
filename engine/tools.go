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
}

func (s *Server) openTools(b *backend) (*tools, error) {
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
	return &tools{hasher: hasher, mailer: mailer, templates: templates}, nil
}
