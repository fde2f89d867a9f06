package engine

import (
	"net/http"
	"testing"
)

// TestOptionsOfPostgREST16 serves with options that PostgREST has since 16, under their names there.
func TestOptionsOfPostgREST16(t *testing.T) {
	t.Parallel()
	r := serve(t, func(cfg *Config) {
		cfg.ErrorVerbosity, cfg.LegacyTargetNames = minimalErrors, "false"
		psql(t, cfg.DatabaseURL, "create table public.lists (id int primary key)",
			"create table public.notes (id int primary key, list int references public.lists)")
	})
	header := map[string]string{"Authorization": "Bearer " + r.token("service_role")}
	got := r.call(http.MethodGet, "/rest/v1/lists?select=id,n:notes(id)&notes.id=eq.1", header, nil)
	const want = `{"code":"PGRST108","message":"'notes' is not an embedded resource in this request"}`
	if got.status != http.StatusBadRequest || got.body != want {
		t.Errorf("%d %s, want %s", got.status, got.body, want)
	}
}
