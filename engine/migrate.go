package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"nexus/migrations"
	"nexus/schema/cluster"
)

// minServerVersion is the oldest PostgreSQL that the migrations work with, as server_version_num.
const minServerVersion = 140000

// Migration says what Migrate does.
type Migration uint8

// The values of Migration. All of them end with the list of migrations.
const (
	MigrateStatus Migration = iota
	MigrateUp
	MigrateDown // the last one
	MigrateDownAll
)

// MigrationState is one migration and whether the database has it.
type MigrationState struct {
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time
}

// Migrate does what it says to the database of the configuration and returns all migrations in order. Without a database
// URL that is the embedded PostgreSQL: the one that runs, or else it is started for the time being.
func Migrate(ctx context.Context, cfg Config, what Migration, log *slog.Logger) (states []MigrationState, err error) {
	if cfg.DatabaseURL != "" {
		return migrate(ctx, cfg.DatabaseURL, what, log)
	}
	embedded, err := startEmbedded(ctx, &cfg, log)
	if errors.Is(err, cluster.ErrInUse) {
		url, err := cluster.Locate(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		return migrate(ctx, url, what, log)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, embedded.Stop(stop))
	}()
	return migrate(ctx, embedded.URL(), what, log)
}

// migrate does what it says to the database that ownerURL connects to.
func migrate(ctx context.Context, ownerURL string, what Migration, log *slog.Logger) (states []MigrationState, err error) {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, fmt.Errorf("database connection string: %w", err)
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			log.Warn("core migrations", "message", n.Message)
		}
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRowContext(ctx, "select pg_catalog.current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if version < minServerVersion {
		return nil, fmt.Errorf("PostgreSQL %d is too old, the core migrations need %d or newer",
			version/10000, minServerVersion/10000)
	}
	provider, err := migrations.Core(db, log)
	if err != nil {
		return nil, err
	}
	if err := apply(ctx, provider, what, log); err != nil {
		if hasCode(err, "42501") {
			err = fmt.Errorf("%w; run nexus migrate once as a superuser, and nexus serve with --migrate=false", err)
		}
		return nil, fmt.Errorf("core migrations: %w", err)
	}
	return status(ctx, provider)
}

func apply(ctx context.Context, provider *goose.Provider, what Migration, log *slog.Logger) error {
	var results []*goose.MigrationResult
	var err error
	switch what {
	case MigrateUp:
		results, err = provider.Up(ctx)
	case MigrateDown:
		var result *goose.MigrationResult
		if result, err = provider.Down(ctx); result != nil {
			results = append(results, result)
		}
		if errors.Is(err, goose.ErrNoNextVersion) {
			err = nil
		}
	case MigrateDownAll:
		results, err = provider.DownTo(ctx, 0)
	}
	for _, r := range results {
		log.Info("core migration", "direction", r.Direction, "name", path.Base(r.Source.Path), "duration", r.Duration)
	}
	return err
}

func status(ctx context.Context, provider *goose.Provider) ([]MigrationState, error) {
	all, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("core migrations: %w", err)
	}
	states := make([]MigrationState, 0, len(all))
	for _, s := range all {
		states = append(states, MigrationState{
			Version: s.Source.Version, Name: path.Base(s.Source.Path), Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
		})
	}
	return states, nil
}
