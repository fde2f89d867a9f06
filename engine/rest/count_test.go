package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

// TestEstimatedCount counts a table that the planner takes for larger than it is.
func TestEstimatedCount(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, guardSQL)
	database.Exec(t, `create table few (id int primary key); insert into few select generate_series(1, 5); grant select on few to anon;
		update pg_class set reltuples = 1000, relpages = 10 where oid = 'few'::regclass`)
	for name, c := range map[string]struct {
		maxRows int64
		prefer  string
		larger  bool
	}{
		"exact":                 {0, "count=exact", false},
		"planned":               {0, "count=planned", true},
		"estimated, no limit":   {0, "count=estimated", true},
		"estimated below limit": {5, "count=estimated", false},
		"estimated above limit": {4, "count=estimated", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := serve(t, database, func(cfg *rest.Config) {
				if c.maxRows > 0 {
					cfg.MaxRows = &c.maxRows
				}
			})
			r := httptest.NewRequest(http.MethodGet, "/few", nil)
			r.Header.Set("Prefer", c.prefer)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			counted := w.Header().Get("Content-Range") == "0-4/5"
			if counted == c.larger || (w.Code == http.StatusPartialContent) != c.larger {
				t.Errorf("status %d, range %s", w.Code, w.Header().Get("Content-Range"))
			}
		})
	}
}
