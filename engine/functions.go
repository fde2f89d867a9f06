package engine

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/jobs"
	"nexus/engine/limits"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
)

// functionsPath is where functions/v1 is mounted.
const functionsPath = "/functions/v1"

// functionConnections are those of functions in Go, beside the ones that requests of rest/v1 and functions in SQL share.
const functionConnections = 8

// liveSetting is that policies of the application look at (migrations/app/00001_organizations.sql).
const liveSetting = "nexus.check_credentials"

// openFunctions makes the handler of functions/v1.
func (s *Server) openFunctions(ctx context.Context, b *backend, to logins, verifier *rls.Verifier, with *tools) error {
	sessions, err := s.openSessions(ctx, b, to.requests)
	if err != nil {
		return err
	}
	cfg := functions.Config{
		Rates: s.rates(), IPHeader: s.cfg.Auth.Flows.IPHeader, SearchPath: slices.Concat(s.cfg.Schemas[:1], s.cfg.ExtraSearchPath),
		MaxBody: s.cfg.MaxBodyBytes, Timeout: s.cfg.RequestTimeout,
	}
	if s.cfg.Auth.Flows.RefuseBrowserAdmins {
		cfg.ServerRoles = s.cfg.Auth.Flows.AdminRoles
	}
	s.keepUp(ctx, b, "answers of calls that are long past were not removed", func(ctx context.Context) error {
		_, err := sessions.Pool().Exec(ctx, "select nexus.forget_calls($1)", cleanupBatch)
		return err
	})
	background := jobs.NewRegistry()
	all, quota, err := s.ownFunctions(b, sessions, with, background)
	if err != nil {
		return err
	}
	registry, err := functions.NewRegistry(all...)
	if err != nil {
		return fmt.Errorf("functions/v1: %w", err)
	}
	limiter, err := s.openLimiter(b, sessions)
	if err != nil {
		return err
	}
	edge, err := s.openEdge(b)
	if err != nil {
		return err
	}
	b.functions = http.StripPrefix(functionsPath, functions.New(functions.Options{
		Config: cfg, Registry: registry, Verifier: func() *rls.Verifier { return verifier }, Sessions: sessions,
		Limiter: limiter, Quota: quota, SQL: s.sqlFunctions(b, verifier), Edge: edge, Logger: s.log,
		Mounts: s.openMCP(ctx, b, verifier, sessions), Authenticated: setRole,
	}))
	if len(all) == 0 {
		return nil
	}
	return s.runJobs(ctx, b, to.sessions, background)
}

func (s *Server) openSessions(ctx context.Context, b *backend, url string) (*db.Sessions, error) {
	cfg := db.Config{
		URL: url, MaxConns: functionConnections, Prepared: s.cfg.Prepared, ApplicationName: "nexus functions", Logger: s.log,
		Settings: s.sessionSettings(),
	}
	sessions, err := db.OpenSessions(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { sessions.Close(); return nil })
	return sessions, nil
}

// sessionSettings are those of every connection for requests.
func (s *Server) sessionSettings() []schema.Setting {
	if !s.cfg.CheckCredentials {
		return nil
	}
	return []schema.Setting{{Name: liveSetting, Value: "on"}}
}

// rates are those of the tiers. Whoever tries things out on their own machine is not held to those of people.
func (s *Server) rates() functions.Rates {
	rates := functions.DefaultRates()
	if s.cfg.RateLimits == RateLimitsPublic || (s.cfg.RateLimits == "" && s.cfg.DatabaseURL == "") {
		rates.Standard, rates.Bulk = limits.Rate{}, limits.Rate{}
	}
	return rates
}

// sqlFunctions serves the schema functions, if the database has it.
func (s *Server) sqlFunctions(b *backend, verifier *rls.Verifier) *functions.SQL {
	if !slices.Contains(b.loaded, functions.Schema) {
		return nil
	}
	config := func() *rest.Config {
		cfg := *b.config.Load()
		cfg.Schemas, cfg.BasePath, cfg.OpenAPIMode = []string{functions.Schema}, "", rest.OpenAPIDisabled
		return &cfg
	}
	claiming := func() *rest.Config {
		cfg := config()
		cfg.PreRequest = &functions.ClaimForRequest
		return cfg
	}
	handler := func(config func() *rest.Config) http.Handler {
		return rest.New(rest.Options{
			Config: config, Snapshot: b.snapshot, Verifier: func() *rls.Verifier { return verifier }, DB: b.database,
			Logger: s.log, MaxBody: s.cfg.MaxBodyBytes,
		})
	}
	return functions.NewSQL(b.snapshot, handler(config), handler(claiming), s.log)
}

// serveFunctions passes a request to functions/v1.
func (s *Server) serveFunctions(w http.ResponseWriter, r *http.Request) {
	b := s.backend.Load()
	if b == nil {
		fail(w, r, errStarting)
		return
	}
	b.functions.ServeHTTP(w, r)
}
