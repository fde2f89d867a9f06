package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

const guardSQL = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
	if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
	if not exists (select from pg_roles where rolname = 'guard_free') then create role guard_free nologin; end if;
	grant anon, guard_free to authenticator;
end $$;
create table things (id int primary key, parent int references things, name text);
insert into things select n, nullif(n / 10, 0), 'thing ' || n from generate_series(1, 20000) n;
create sequence calls;
create function expensive() returns setof things language sql volatile rows 1000000 as $$ select nextval('calls'); select * from things limit 1 $$;
grant all on things, calls to anon, guard_free;
analyze things;
`

// TestPlanCostCeiling asks for cheap and costly things as a role with a ceiling and as one without.
func TestPlanCostCeiling(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, guardSQL)
	handler := serve(t, database, func(cfg *rest.Config) {
		cfg.TxEnd, cfg.RoleSettings = rest.TxCommit, map[string]rest.RoleSettings{"anon": {MaxPlanCost: 100}}
	})
	for _, c := range []struct {
		method, path, body string
		anon, free         int
	}{
		{"GET", "/things?id=eq.5", "", 200, 200},
		{"GET", "/things", "", 422, 200},
		{"GET", "/things?limit=10", "", 200, 200},
		{"GET", "/things?select=id,name.count()", "", 400, 400},
		{"GET", "/things?id=lt.10", "", 200, 200},
		{"PATCH", "/things?id=eq.7", `{"name":"seven"}`, 204, 204},
		{"PATCH", "/things?name=like.*9", `{"name":"nine"}`, 422, 204},
		{"DELETE", "/things?id=eq.19999", "", 204, 204},
		{"POST", "/rpc/expensive", "{}", 422, 200},
	} {
		for role, want := range map[string]int{"anon": c.anon, "guard_free": c.free} {
			calls := database.QueryString(t, "select last_value || ' ' || is_called from calls")
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			r.Header.Set("Authorization", "Bearer "+token(t, role, nil))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s %s as %s: status %d, want %d: %.200s", c.method, c.path, role, w.Code, want, w.Body)
			}
			if want != http.StatusUnprocessableEntity {
				continue
			}
			if !strings.Contains(w.Body.String(), `"code":"NEXUS101"`) {
				t.Errorf("%s %s: %s", c.method, c.path, w.Body)
			}
			if after := database.QueryString(t, "select last_value || ' ' || is_called from calls"); after != calls {
				t.Errorf("%s %s was refused after it had run", c.method, c.path)
			}
		}
	}
}

func TestMaxEmbedDepth(t *testing.T) {
	t.Parallel()
	handler := serve(t, pgtest.New(t, guardSQL), func(cfg *rest.Config) { cfg.MaxEmbedDepth = 2 })
	for path, want := range map[string]int{
		"/things?select=id,parent(id,parent(id))&limit=1":            200,
		"/things?select=id,parent(id,parent(id,parent(id)))&limit=1": 400,
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), `"code":"NEXUS100"`) {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}
