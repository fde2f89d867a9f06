// Package migrations holds what Nexus installs in a database: SQL files, embedded in the binary and applied with goose.
//
// The core set makes a database ready to be served: roles, functions for policies, default privileges and notifications of
// schema changes. It leaves alone what it finds, and its down migrations remove only what it added.
//
// The application set is the Nexus application in the schema public: tenants, their agents and their data. It stands on the
// core set and owns its tables, so it needs a database without others of the same names.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed core/*.sql app/*.sql
var files embed.FS

const (
	coreTable = "nexus.core_migrations"
	appTable  = "nexus.app_migrations"
	// lockID is of our own, so that an application that uses goose on the same database does not wait for us.
	lockID int64 = 0x6e65787573 // "nexus"
	// lockSeconds is how long to wait for another process that is migrating, asking once a second.
	lockSeconds = 120
)

// Core returns the provider of the core set. db must log in as the role that will create the tables to serve: a superuser,
// or the database's owner with the right to create roles. Several processes may migrate at once; all but one wait.
// PostgreSQL 14 or newer is required.
func Core(db *sql.DB, log *slog.Logger) (*goose.Provider, error) {
	return newProvider(db, log, "core", coreTable, "Versions of the core migrations, kept by goose")
}

// App returns the provider of the application's set, under the same conditions. PostgreSQL 15 or newer is required, and the
// core set must have been applied.
func App(db *sql.DB, log *slog.Logger) (*goose.Provider, error) {
	return newProvider(db, log, "app", appTable, "Versions of the migrations of the application, kept by goose",
		goose.WithGoMigrations(jobTables()))
}

func newProvider(db *sql.DB, log *slog.Logger, dir, table, meaning string, more ...goose.ProviderOption) (*goose.Provider, error) {
	set, err := fs.Sub(files, dir)
	if err != nil {
		return nil, err
	}
	inner, err := database.NewStore(database.DialectPostgres, table)
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, lockSeconds))
	if err != nil {
		return nil, err
	}
	options := append([]goose.ProviderOption{
		goose.WithStore(&store{inner, meaning}), goose.WithSessionLocker(locker), goose.WithSlog(log), goose.WithDisableGlobalRegistry(true),
	}, more...)
	return goose.NewProvider(goose.DialectCustom, db, set, options...)
}

// store keeps the versions in the schema nexus, which it creates first.
type store struct {
	database.Store
	meaning string
}

// TableExists implements database.StoreExtender.
func (s *store) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	var exists bool
	err := db.QueryRowContext(ctx, "select pg_catalog.to_regclass($1) is not null", s.Tablename()).Scan(&exists)
	return exists, err
}

// CreateVersionTable implements database.Store.
func (s *store) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	var exists bool
	if err := db.QueryRowContext(ctx, "select pg_catalog.to_regnamespace('nexus') is not null").Scan(&exists); err != nil {
		return err
	}
	if !exists {
		for _, statement := range []string{
			"create schema nexus",
			"comment on schema nexus is 'What Nexus keeps for itself; not for applications'",
		} {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("create schema nexus: %w", err)
			}
		}
	}
	if err := s.Store.CreateVersionTable(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "comment on table "+s.Tablename()+" is '"+s.meaning+"'")
	return err
}
