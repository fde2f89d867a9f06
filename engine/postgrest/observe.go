package postgrest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/schema"
)

// noteLoad counts and logs a catalog that was read.
func (s *Server) noteLoad(snap *schema.Snapshot, took time.Duration) {
	s.metrics.loaded(took)
	relationships := 0
	for _, list := range snap.Relationships {
		relationships += len(list)
	}
	const perMajor = 10000 // PostgreSQL 15.14 calls itself 150014
	s.log.Info(fmt.Sprintf("Successfully connected to PostgreSQL %d.%d", snap.ServerVersion/perMajor, snap.ServerVersion%perMajor))
	s.log.Info("Schema cache queried in " + milliseconds(took))
	s.log.Info(fmt.Sprintf("Schema cache loaded %d Relations, %d Relationships, %d Functions, %d Domain Representations, "+
		"%d Media Type Handlers, %d Timezones", len(snap.Tables), relationships, len(snap.Routines), len(snap.Representations),
		len(snap.MediaHandlers), len(snap.TimeZones)))
}

// unreachable counts a catalog that could not be read, and ends the server where trying again is of no use.
func (s *Server) unreachable(err error) {
	s.metrics.failed()
	cfg := s.Config()
	s.log.Error(fmt.Sprintf("Failed to load the schema cache using db-schemas=%s and db-extra-search-path=%s. %s",
		strings.Join(cfg.DBSchemas, ","), strings.Join(cfg.DBExtraSearchPath, ","), oneLine(err)))
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == "28P01":
		s.fatal(fmt.Errorf("Failed to establish a connection. %w", err)) //nolint:staticcheck // PostgREST's words
	case !s.first.DBPoolAutomaticRecovery:
		s.fatal(ErrUnreachable)
	}
}

// unheard notes that nothing is heard of changes.
func (s *Server) unheard(err error, retryIn time.Duration) {
	s.log.Warn(fmt.Sprintf("Failed listening for database notifications on the %q channel. %s", s.first.DBChannel, oneLine(err)))
	if !s.first.DBPoolAutomaticRecovery {
		s.fatal(ErrUnreachable)
	}
	s.log.Warn(fmt.Sprintf("Retrying listening for database notifications in %s", retryIn))
}

// noteMessage logs what a notification asks for.
func (s *Server) noteMessage(schemaCache, config bool) {
	if schemaCache {
		s.log.Info(fmt.Sprintf("Received a schema cache reload message on the %q channel", s.first.DBChannel))
	}
	if config {
		s.log.Info(fmt.Sprintf("Received a config reload message on the %q channel", s.first.DBChannel))
	}
}

// oneLine is the text of an error without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
