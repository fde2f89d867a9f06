package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/schema/cluster"
)

// openDatabase starts the embedded PostgreSQL, or waits for the one it is given, and returns the owner's connection string.
func (s *Server) openDatabase(ctx context.Context, b *backend) (ownerURL string, err error) {
	if s.cfg.DatabaseURL != "" {
		ownerURL = cmp.Or(s.cfg.DirectURL, s.cfg.DatabaseURL)
		return ownerURL, s.awaitDatabase(ctx, ownerURL)
	}
	embedded, err := startEmbedded(ctx, &s.cfg, s.log)
	if err != nil {
		return "", err
	}
	b.onClose(embedded.Stop)
	return embedded.SocketURL(), nil // cheaper than TCP, for both sides
}

func startEmbedded(ctx context.Context, cfg *Config, log *slog.Logger) (*cluster.Cluster, error) {
	embedded, err := cluster.Start(ctx, cluster.Config{Dir: cfg.DataDir, BinDir: cfg.PGBin, Logger: log})
	if errors.Is(err, cluster.ErrInUse) {
		return nil, fmt.Errorf("another nexus is using the data directory %s: stop it or choose another one with --data-dir: %w",
			cfg.DataDir, err)
	}
	return embedded, err
}

// logins are connection strings.
type logins struct {
	// requests logs in as authenticator, auth as the owner of schema auth's tables.
	requests string
	auth     string
	// sessions are for what a transaction pooler cannot do.
	sessions string
}

// prepareDatabase brings the database up to date and returns the ways to log in.
func (s *Server) prepareDatabase(ctx context.Context, ownerURL string, kept *secrets) (to logins, err error) {
	if s.cfg.Migrate {
		if _, err := migrate(ctx, ownerURL, s.cfg.app(), MigrateUp, s.log); err != nil {
			return logins{}, err
		}
	}
	l := login{OwnerURL: ownerURL, Password: s.cfg.AuthenticatorPassword, Ours: s.cfg.DatabaseURL == ""}
	if l.Password == "" {
		l.Password = kept.AuthenticatorPassword
	}
	if to.sessions, err = l.open(ctx); err != nil {
		return logins{}, err
	}
	to.requests = to.sessions
	if s.cfg.DirectURL != "" {
		if to.requests, err = withUser(s.cfg.DatabaseURL, authenticator, l.Password); err != nil {
			return logins{}, err
		}
	}
	if s.cfg.Auth.Enabled && !isJWK(s.cfg.JWTSecret) {
		to.auth, err = s.authLogin(ctx, l)
	}
	return to, err
}

// authLogin returns the way to log in for auth/v1.
func (s *Server) authLogin(ctx context.Context, l login) (string, error) {
	l.Role = authAdmin
	if s.cfg.Auth.DatabasePassword != "" {
		l.Password = s.cfg.Auth.DatabasePassword
	}
	direct, err := l.open(ctx)
	if err != nil || s.cfg.DirectURL == "" {
		return direct, err
	}
	return withUser(s.cfg.DatabaseURL, authAdmin, l.Password)
}

// Times between attempts to reach a database.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// passing are the SQLSTATEs of a server that refuses connections only for now: it stops, starts or is full.
var passing = []string{"57P01", "57P02", "57P03", "53300"}

// awaitDatabase waits for a database that is down or starts as we do. It fails when the database answers but refuses us.
func (s *Server) awaitDatabase(ctx context.Context, url string) error {
	if _, err := pgx.ParseConfig(url); err != nil {
		return fmt.Errorf("db-url: %w", err)
	}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			closeConn(ctx, conn)
			return nil
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && !hasCode(err, passing...) {
			return fmt.Errorf("connect to the database: %w", err)
		}
		s.log.Warn("the database cannot be reached, trying again", "error", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// existing returns those of the schemas that the database has.
func existing(ctx context.Context, url string, schemas []string) ([]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer closeConn(ctx, conn)
	rows, err := conn.Query(ctx, `
		select s from unnest($1::text[]) with ordinality as s (s, position)
		where pg_catalog.to_regnamespace(pg_catalog.quote_ident(s)) is not null order by position`, schemas)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for the schemas of extra-search-path: %w", err)
	}
	return found, nil
}
