package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
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
	// Set is core, or the name of the application.
	Set       string
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time
}

// Migrate does what it says to the database of the configuration and returns all migrations in order. Without a database
// URL that is the embedded PostgreSQL: the one that runs, or else it is started for the time being.
func Migrate(ctx context.Context, cfg Config, what Migration, log *slog.Logger) (states []MigrationState, err error) {
	if cfg.DatabaseURL != "" {
		return migrate(ctx, cfg.DatabaseURL, cfg.app(), what, log)
	}
	embedded, err := startEmbedded(ctx, &cfg, log)
	if errors.Is(err, cluster.ErrInUse) {
		url, err := cluster.Locate(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		return migrate(ctx, url, cfg.app(), what, log)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, embedded.Stop(stop))
	}()
	return migrate(ctx, embedded.URL(), cfg.app(), what, log)
}

// migrate does what it says to the database that ownerURL connects to.
func migrate(ctx context.Context, ownerURL, app string, what Migration, log *slog.Logger) (states []MigrationState, err error) {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, fmt.Errorf("database connection string: %w", err)
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			log.Warn("migrations", "message", n.Message)
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
	sets, err := migrationSets(db, app, version, log)
	if err != nil {
		return nil, err
	}
	if err := applyAll(ctx, sets, what, log); err != nil {
		if hasCode(err, "42501") {
			err = fmt.Errorf("%w; run nexus migrate once as a superuser, and nexus serve with --migrate=false", err)
		}
		return nil, err
	}
	for _, set := range sets {
		of, err := status(ctx, set)
		if err != nil {
			return nil, err
		}
		states = append(states, of...)
	}
	return states, nil
}

// migrationSet is a set of migrations by its name.
type migrationSet struct {
	name string
	*goose.Provider
}

// minAppVersion is the oldest PostgreSQL that the application works with.
const minAppVersion = 150000

// migrationSets are those that the server needs, each of which stands on the ones before.
func migrationSets(db *sql.DB, app string, version int, log *slog.Logger) ([]migrationSet, error) {
	core, err := migrations.Core(db, log)
	if err != nil || app != AppNexus {
		return []migrationSet{{"core", core}}, err
	}
	if version < minAppVersion {
		return nil, fmt.Errorf("PostgreSQL %d is too old, the application needs %d or newer: use --app none",
			version/10000, minAppVersion/10000)
	}
	application, err := migrations.App(db, log)
	return []migrationSet{{"core", core}, {AppNexus, application}}, err
}

// applyAll goes up from the first set to the last, and down the other way. One step down is one of the last set that has any.
func applyAll(ctx context.Context, sets []migrationSet, what Migration, log *slog.Logger) error {
	sets = slices.Clone(sets)
	if what == MigrateDown || what == MigrateDownAll {
		slices.Reverse(sets)
	}
	for _, set := range sets {
		done, err := apply(ctx, set, what, log)
		if err != nil {
			return fmt.Errorf("%s migrations: %w", set.name, err)
		}
		if what == MigrateDown && done > 0 {
			return nil
		}
	}
	return nil
}

func apply(ctx context.Context, provider migrationSet, what Migration, log *slog.Logger) (done int, err error) {
	var results []*goose.MigrationResult
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
		log.Info("migration", "set", provider.name, "direction", r.Direction, "name", migrationName(r.Source), "duration", r.Duration)
	}
	return len(results), err
}

// migrationName is that of the file, or tells that there is none.
func migrationName(s *goose.Source) string {
	if s.Path == "" {
		return fmt.Sprintf("%05d (in Go)", s.Version)
	}
	return path.Base(s.Path)
}

func status(ctx context.Context, provider migrationSet) ([]MigrationState, error) {
	all, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s migrations: %w", provider.name, err)
	}
	states := make([]MigrationState, 0, len(all))
	for _, s := range all {
		states = append(states, MigrationState{
			Set: provider.name, Version: s.Source.Version, Name: migrationName(s.Source), Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
		})
	}
	return states, nil
}
