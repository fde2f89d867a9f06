package engine

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// number asks the database for one.
func number(t testing.TB, url, query string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(context.WithoutCancel(t.Context()), conn)
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (r *running) keyed(path, token, key string, body any) response {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.call("POST", "/functions/v1/"+path, map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer " + token, "Idempotency-Key": key,
	}, strings.NewReader(string(text)))
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	psql(t, r.cfg.DatabaseURL, `create table public.effects (n int)`,
		`create function functions.affect(n int) returns int language plpgsql as $$
		begin
			insert into public.effects values (n);
			perform pg_sleep(0.02);
			if n < 0 then raise sqlstate 'PT409' using message = 'negative'; end if;
			return n;
		end $$`)
	ann, bob := r.signUp("ann@example.com").found("Ann's", "growth"), r.signUp("bob@example.com")
	r.until("the function is served", func() bool { return r.call("GET", "/functions/v1/affect", nil, nil).status == 405 })
	organizations := func() int {
		return number(t, r.cfg.DatabaseURL, "select count(*) from public.organizations where name = 'Second'")
	}
	effects := func() int { return number(t, r.cfg.DatabaseURL, "select count(*) from public.effects") }
	for name, c := range map[string]struct {
		path          string
		body, another any
		status        int
		count         func() int
	}{
		"in Go":  {"organization-create", map[string]any{"name": "Second"}, map[string]any{"name": "Third"}, 201, organizations},
		"in SQL": {"affect", map[string]any{"n": 1}, map[string]any{"n": 2}, 200, effects},
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			answers := make([]response, 20)
			for i := range answers {
				all.Go(func() { answers[i] = r.keyed(c.path, ann.access, "key 1", c.body) })
			}
			all.Wait()
			if n := c.count(); n != 1 {
				t.Fatalf("20 calls with one key had %d effects", n)
			}
			first := r.keyed(c.path, ann.access, "key 1", c.body)
			if first.status != c.status || first.header.Get("Idempotency-Replayed") != "true" {
				t.Fatalf("%d %v %s", first.status, first.header, first.body)
			}
			for _, a := range answers {
				if a.status == 409 && strings.Contains(a.body, "idempotency_in_progress") {
					continue
				}
				if a.status != first.status || a.body != first.body || a.header.Get("Content-Type") != first.header.Get("Content-Type") {
					t.Errorf("%d %s, want %d %s", a.status, a.body, first.status, first.body)
				}
			}
			if got := r.keyed(c.path, ann.access, "key 1", c.another); got.status != 422 || !strings.Contains(got.body, "idempotency_key_reused") {
				t.Errorf("another request: %d %s", got.status, got.body)
			}
			if got := r.keyed(c.path, bob.access, "key 1", c.body); got.status != c.status || got.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("somebody else: %d %s", got.status, got.body)
			}
			if n := c.count(); n != 2 {
				t.Errorf("%d effects, want those of two people", n)
			}
			// As if the server were between the effect and the answer, and then had died there.
			psql(t, r.cfg.DatabaseURL, "update nexus.idempotency_keys set status = null, headers = null, body = null, running_until = now() + interval '1 minute'")
			if got := r.keyed(c.path, ann.access, "key 1", c.body); got.status != 409 || !strings.Contains(got.body, "idempotency_in_progress") {
				t.Errorf("an answer that may come: %d %s", got.status, got.body)
			}
			psql(t, r.cfg.DatabaseURL, "update nexus.idempotency_keys set running_until = now()")
			if got := r.keyed(c.path, ann.access, "key 1", c.body); got.status != 409 || !strings.Contains(got.body, "idempotency_outcome_unknown") {
				t.Errorf("a lost answer: %d %s", got.status, got.body)
			}
			psql(t, r.cfg.DatabaseURL, "update nexus.idempotency_keys set expires_at = now()")
			if got := r.keyed(c.path, ann.access, "key 1", c.body); got.status != c.status || got.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("after a day: %d %s", got.status, got.body)
			}
		})
	}
	t.Run("refusals are not kept", func(t *testing.T) {
		before := effects()
		for range 2 {
			if got := r.keyed("affect", ann.access, "key 2", map[string]any{"n": -1}); got.status != 409 || !strings.Contains(got.body, "negative") {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		if got := r.keyed("affect", ann.access, "key 2", map[string]any{"n": 5}); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		if n := effects(); n != before+1 {
			t.Errorf("%d effects, want %d", n, before+1)
		}
	})
	t.Run("secrets are not kept", func(t *testing.T) {
		body := map[string]any{"name": "Agent", "scopes": []string{"read"}}
		first := r.keyed("agent-api-key-create", ann.access, "key 3", body)
		if first.status != 201 {
			t.Fatalf("%d %s", first.status, first.body)
		}
		if got := r.keyed("agent-api-key-create", ann.access, "key 3", body); got.status != 409 || !strings.Contains(got.body, "idempotency_answer_withheld") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if n := number(t, r.cfg.DatabaseURL, "select count(*) from public.agent_api_keys"); n != 1 {
			t.Errorf("%d keys", n)
		}
		if n := number(t, r.cfg.DatabaseURL, "select count(*) from nexus.idempotency_keys where position('nxs_ak_'::bytea in body) > 0"); n != 0 {
			t.Error("a key is in the table of answers")
		}
	})
	t.Run("keys must be printable", func(t *testing.T) {
		for _, key := range []string{strings.Repeat("k", 256), "k\u00e9"} {
			if got := r.keyed("affect", ann.access, key, map[string]any{"n": 1}); got.status != 400 {
				t.Errorf("%q: %d %s", key, got.status, got.body)
			}
		}
	})
	t.Run("clients cannot claim", func(t *testing.T) {
		got := r.call("POST", "/functions/v1/affect", map[string]string{
			"Content-Type": "application/json", "Authorization": "Bearer " + ann.access,
			"Nexus-Idempotency": `{"scope": "s", "key": "k", "fingerprint": "00"}`,
		}, strings.NewReader(`{"n": 7}`))
		if n := number(t, r.cfg.DatabaseURL, "select count(*) from nexus.idempotency_keys where scope = 's'"); got.status != 200 || n != 0 {
			t.Errorf("%d %s, %d claimed", got.status, got.body, n)
		}
	})
	psql(t, r.cfg.DatabaseURL, "update nexus.idempotency_keys set expires_at = now() - interval '1 second'")
	if n := number(t, r.cfg.DatabaseURL, "select nexus.forget_calls(1000)"); n < 3 {
		t.Errorf("%d keys were forgotten", n)
	}
}
