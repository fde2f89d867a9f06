package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"nexus/engine/auth"
	"nexus/engine/auth/provider"
	"nexus/engine/auth/store"
	"nexus/engine/mail"
	"nexus/rls"
)

const (
	// authConnections are enough for auth/v1, whose time goes into hashing passwords without a connection.
	authConnections = 8
	// cleanupBatch is how many expired rows of a kind are removed at a time.
	cleanupBatch = 1000
	// flowLife is how long a login that was begun can be ended.
	flowLife = 24 * time.Hour
)

// OutboxDir is where mails of a data directory are kept that no server sends.
func OutboxDir(dataDir string) string { return filepath.Join(dataDir, "outbox") }

// openAuth makes the handler of auth/v1, unless it is switched off or somebody else issues the tokens.
func (s *Server) openAuth(ctx context.Context, b *backend, to logins, verifier *rls.Verifier, secret string, with *tools) error {
	cfg := &s.cfg.Auth
	if !cfg.Enabled || b.keys.Load() == nil {
		if cfg.Enabled {
			s.log.Info("auth/v1 is off: jwt-secret is a JWK or a JWK set, so somebody else issues the tokens")
		}
		return nil
	}
	flows, err := cfg.flows(b.info.URL)
	if err != nil {
		return err
	}
	pool, err := s.openAuthPool(ctx, b, to.auth)
	if err != nil {
		return fmt.Errorf("open the database for auth/v1: %w", err)
	}
	providers, err := openProviders(cfg, flows.ExternalURL)
	if err != nil {
		return err
	}
	users := store.New(pool)
	handler, err := auth.New(auth.Options{
		Config: flows, Store: users, Keys: b.keys.Load, Verifier: func() *rls.Verifier { return verifier },
		Secret: []byte(secret), Hasher: with.hasher, Mailer: with.mailer, Templates: with.templates,
		Providers: providers, Logger: s.log, Authenticated: setRole,
	})
	if err != nil {
		return err
	}
	b.auth = http.StripPrefix(authPath, handler)
	s.cleanUp(ctx, b, users, &flows)
	return nil
}

// openAuthPool opens the connections of auth/v1 to the database.
func (s *Server) openAuthPool(ctx context.Context, b *backend, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = authConnections, 0
	cfg.ConnConfig.RuntimeParams["application_name"] = "nexus auth"
	// Columns of GoTrue's tables without a zone hold times of UTC.
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if !s.cfg.Prepared {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { pool.Close(); return nil })
	return pool, nil
}

func (s *Server) openMailer() (mail.Sender, error) {
	smtp := &s.cfg.Auth.SMTP
	if smtp.Host != "" {
		return mail.NewSMTP(mail.SMTPConfig{
			Host: smtp.Host, Port: smtp.Port, User: smtp.User, Pass: smtp.Pass, From: smtp.AdminEmail, SenderName: smtp.SenderName,
		})
	}
	level := slog.LevelInfo
	if s.cfg.PublicURL != "" {
		level = slog.LevelWarn // others use it, and nobody sends them their mails
	}
	s.log.Log(context.Background(), level, "mails are kept in the data directory, because no smtp-host is set: see nexus mail")
	return mail.NewOutbox(OutboxDir(s.cfg.DataDir)), nil
}

func templateConfig(cfg *AuthConfig) mail.TemplateConfig {
	out := mail.TemplateConfig{Subjects: map[mail.Kind]string{}, Templates: map[mail.Kind]string{}}
	for kind, subject := range cfg.MailSubjects {
		out.Subjects[mail.Kind(kind)] = subject
	}
	for kind, path := range cfg.MailTemplates {
		out.Templates[mail.Kind(kind)] = path
	}
	return out
}

func openProviders(cfg *AuthConfig, externalURL string) ([]provider.Provider, error) {
	var all []provider.Provider
	for _, name := range ProviderNames() {
		one := cfg.Providers[name]
		if one == nil || !one.Enabled {
			continue
		}
		p, err := provider.New(provider.Config{
			Name: name, Preset: providerPresets[name], ClientIDs: strings.Split(one.ClientID, ","), Secret: one.Secret,
			RedirectURI: cmp.Or(one.RedirectURI, externalURL+"/callback"), URL: one.URL, SkipNonceCheck: one.SkipNonceCheck,
			EmailOptional: one.EmailOptional,
		})
		if err != nil {
			return nil, fmt.Errorf("external-%s: %w", name, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// cleanUp removes expired rows from time to time, until the backend closes.
func (s *Server) cleanUp(ctx context.Context, b *backend, users *store.Store, flows *auth.Config) {
	s.keepUp(ctx, b, "expired rows of schema auth were not removed", func(ctx context.Context) error {
		return users.Do(ctx, func(tx *store.Tx) error {
			_, err := tx.Cleanup(ctx, time.Now().UTC(), flows.OTPLife, flowLife, cleanupBatch)
			return err
		})
	})
}

// auth passes a request to auth/v1.
func (s *Server) auth(w http.ResponseWriter, r *http.Request) {
	b := s.backend.Load()
	switch {
	case b == nil:
		fail(w, r, errStarting)
	case b.auth == nil:
		notFound(w, r)
	default:
		b.auth.ServeHTTP(w, r)
	}
}
