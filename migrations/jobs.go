package migrations

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// JobsSchema holds the tables of background jobs, which River keeps (https://riverqueue.com/docs/migrations).
	JobsSchema = "nexus_jobs"
	// jobsVersion is that of the application's migration that makes them, and riverVersion River's own. A newer River that needs
	// more of its migrations gets another migration here.
	jobsVersion  = 14
	riverVersion = 8
)

// jobTables is the migration that makes River's tables. River wants no transaction around its migrations, of which one uses a
// value of an enum that another adds; what was broken off is taken up again where it ended.
func jobTables() *goose.Migration {
	return goose.NewGoMigration(jobsVersion,
		&goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
			err := run(ctx, db, "create schema if not exists "+JobsSchema, "revoke all on schema "+JobsSchema+" from public",
				"comment on schema "+JobsSchema+" is 'Background jobs, in tables of River'")
			if err != nil {
				return err
			}
			return migrateRiver(ctx, db, rivermigrate.DirectionUp, riverVersion)
		}},
		&goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
			const all = -1 // River's way to say that nothing stays
			if err := migrateRiver(ctx, db, rivermigrate.DirectionDown, all); err != nil {
				return err
			}
			return run(ctx, db, "drop schema "+JobsSchema)
		}},
	)
}

func migrateRiver(ctx context.Context, db *sql.DB, direction rivermigrate.Direction, target int) error {
	migrator, err := rivermigrate.New(riverdatabasesql.New(db), &rivermigrate.Config{Schema: JobsSchema})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: target})
	return err
}

func run(ctx context.Context, db *sql.DB, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
