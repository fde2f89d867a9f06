package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"nexus/engine/functions"
	"nexus/engine/functions/deno"
	"nexus/schema/cluster"
)

// edge lets functions/v1 serve what Deno runs.
type edge struct{ runtime *deno.Runtime }

// Lookup implements functions.Edge.
func (e edge) Lookup(name string) (verifyJWT, ok bool) {
	f, ok := e.runtime.Lookup(name)
	return f.VerifyJWT, ok
}

// Serve implements functions.Edge.
func (e edge) Serve(w http.ResponseWriter, r *http.Request, name string) { e.runtime.Serve(w, r, name) }

// openEdge prepares the functions in TypeScript, if there is a directory of them.
func (s *Server) openEdge(b *backend) (functions.Edge, error) {
	if s.cfg.FunctionsDir == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	if info, err := os.Stat(s.cfg.FunctionsDir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("functions: %s is no directory", s.cfg.FunctionsDir)
	}
	env, err := s.functionEnvironment(b)
	if err != nil {
		return nil, err
	}
	// The path of a socket must be short, and that of a data directory may not be.
	state, err := os.MkdirTemp("", "nexus-functions-")
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { return os.RemoveAll(state) })
	runtime, err := deno.New(deno.Config{
		Dir: s.cfg.FunctionsDir, Binary: s.cfg.DenoBinary, CacheDir: filepath.Join(s.cfg.DataDir, "deno"), StateDir: state,
		Env: env, EnvFile: s.cfg.FunctionSecrets, Logger: s.log,
	})
	if err != nil {
		return nil, err
	}
	b.onClose(runtime.Close)
	return edge{runtime}, nil
}

// functionEnvironment is what functions see, as at Supabase
// (https://supabase.com/docs/guides/functions/secrets#default-secrets).
func (s *Server) functionEnvironment(b *backend) (map[string]string, error) {
	keys, err := LoadKeys(s.cfg)
	if err != nil {
		return nil, err
	}
	url := s.cfg.DatabaseURL
	if url == "" {
		if url, err = cluster.Locate(s.cfg.DataDir); err != nil {
			return nil, err
		}
	}
	env := map[string]string{
		"SUPABASE_URL": b.info.URL, "SUPABASE_PUBLIC_URL": b.info.URL, "SUPABASE_ANON_KEY": keys.AnonKey,
		"SUPABASE_SERVICE_ROLE_KEY": keys.ServiceRoleKey, "SUPABASE_DB_URL": url,
	}
	if set := b.keys.Load(); set != nil {
		env["SUPABASE_JWKS"] = string(set.PublicJWKS())
	}
	return env, nil
}
