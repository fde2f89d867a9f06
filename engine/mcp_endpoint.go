package engine

import (
	"context"
	"net/http"
	"runtime/debug"

	"nexus/engine/db"
	"nexus/engine/mcp"
	"nexus/rls"
)

// openMCP makes the endpoint of the Model Context Protocol, whose tools call rest/v1 and functions/v1 in this process.
func (s *Server) openMCP(ctx context.Context, b *backend, verifier *rls.Verifier, sessions *db.Sessions) map[string]http.Handler {
	s.keepUp(ctx, b, "calls of tools that are long past were not removed", func(ctx context.Context) error {
		_, err := sessions.Pool().Exec(ctx, "select nexus.forget_mcp_calls($1)", cleanupBatch)
		return err
	})
	b.mcp = mcp.New(mcp.Options{
		Rest: b.rest, Functions: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.functions.ServeHTTP(w, r) }),
		Snapshot: b.snapshot, Schemas: s.cfg.Schemas, Verifier: func() *rls.Verifier { return verifier }, Sessions: sessions,
		BaseURL: b.info.URL, Origins: s.cfg.CORSOrigins, MaxBody: s.cfg.MaxBodyBytes, Version: version(), Logger: s.log, Authenticated: setRole,
	})
	return map[string]http.Handler{mcp.Path: b.mcp}
}

// version is that of the program, as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// describeMCP answers where tokens for the endpoint come from (RFC 9728).
func (s *Server) describeMCP(w http.ResponseWriter, r *http.Request) {
	b := s.backend.Load()
	if b == nil {
		fail(w, r, errStarting)
		return
	}
	b.mcp.Metadata(w, r)
}
