package rest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/rest"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// numbersSQL has rows enough for many pieces, a view whose last row waits for a lock, and one that fails in the middle.
const numbersSQL = `
do $$ begin
	if not exists (select from pg_roles where rolname = 'authenticator') then create role authenticator login noinherit; end if;
	if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
	grant anon to authenticator;
end $$;
create table numbers (id int primary key, text text, at timestamptz default '2024-01-01 12:00+00');
insert into numbers select n, 'number ' || n || ' "quoted"' from generate_series(1, 20000) n;
create function wait_for_lock() returns int language plpgsql as $$ begin
	perform pg_advisory_xact_lock_shared(42);
	return 0;
end $$;
create view waiting as select id, text from numbers union all select wait_for_lock(), 'end';
create view broken as select id, text, 1 / (19000 - id) as n from numbers;
create function mark() returns void language sql as $$ select set_config('response.headers', '[{"X-Mark":"set"}]', true) $$;
grant select on numbers, waiting, broken to anon;
`

// streamServer serves numbersSQL over real connections, and streams what exceeds 32 KiB unless change says otherwise.
func streamServer(t *testing.T, change func(*rest.Config)) (*httptest.Server, *pgtest.DB) {
	t.Helper()
	database := pgtest.New(t, numbersSQL)
	server := httptest.NewServer(serve(t, database, func(cfg *rest.Config) {
		cfg.StreamAbove = 32 << 10
		if change != nil {
			change(cfg)
		}
	}))
	t.Cleanup(server.Close)
	return server, database
}

func get(t *testing.T, url string, header map[string]string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestStreamedBytes compares streamed answers with those that were sent whole.
func TestStreamedBytes(t *testing.T) {
	t.Parallel()
	streaming, _ := streamServer(t, nil)
	whole, _ := streamServer(t, func(cfg *rest.Config) { cfg.StreamAbove = 0 })
	for name, c := range map[string]struct {
		path          string
		header        map[string]string
		status        int
		streamedRange string
		wholeRange    string
	}{
		"json":          {"/numbers?order=id", nil, 200, "", "0-19999/*"},
		"csv":           {"/numbers?order=id", map[string]string{"Accept": "text/csv"}, 200, "", "0-19999/*"},
		"lines":         {"/numbers?order=id", map[string]string{"Accept": "application/x-ndjson"}, 200, "", "0-19999/*"},
		"counted":       {"/numbers?order=id", map[string]string{"Prefer": "count=exact"}, 200, "0-19999/20000", "0-19999/20000"},
		"counted page":  {"/numbers?order=id&limit=9000&offset=5", map[string]string{"Prefer": "count=exact"}, 206, "5-9004/20000", "5-9004/20000"},
		"counted end":   {"/numbers?order=id&limit=9000&offset=15000", map[string]string{"Prefer": "count=exact"}, 206, "15000-19999/20000", "15000-19999/20000"},
		"planned count": {"/numbers?order=id", map[string]string{"Prefer": "count=planned"}, 206, "0-19999/20000", "0-19999/20000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := get(t, whole.URL+c.path, c.header), get(t, streaming.URL+c.path, c.header)
			wantBody, err := io.ReadAll(want.Body)
			if err != nil {
				t.Fatal(err)
			}
			gotBody, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if string(gotBody) != string(wantBody) {
				t.Errorf("streamed body of %d bytes differs from the whole one of %d", len(gotBody), len(wantBody))
			}
			if name == "planned count" {
				if got.ContentLength < 0 {
					t.Error("was streamed before all rows were there")
				}
				return
			}
			if got.ContentLength >= 0 || want.ContentLength < 0 {
				t.Errorf("lengths %d and %d, want only the whole one's", got.ContentLength, want.ContentLength)
			}
			if got.StatusCode != c.status || want.StatusCode != c.status {
				t.Errorf("status %d and %d, want %d", got.StatusCode, want.StatusCode, c.status)
			}
			if r := got.Header.Get("Content-Range"); r != c.streamedRange {
				t.Errorf("streamed range %q, want %q", r, c.streamedRange)
			}
			if r := want.Header.Get("Content-Range"); r != c.wholeRange {
				t.Errorf("whole range %q, want %q", r, c.wholeRange)
			}
			for _, header := range []string{"Content-Type", "Content-Location"} {
				if got.Header.Get(header) != want.Header.Get(header) {
					t.Errorf("%s %q, want %q", header, got.Header.Get(header), want.Header.Get(header))
				}
			}
		})
	}
}

// TestStreamedWhileQueryRuns reads the beginning of an answer whose last row is still to come.
func TestStreamedWhileQueryRuns(t *testing.T) {
	t.Parallel()
	server, database := streamServer(t, nil)
	lock, err := pgx.Connect(t.Context(), database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close(context.Background())
	if _, err := lock.Exec(t.Context(), "select pg_advisory_lock(42)"); err != nil {
		t.Fatal(err)
	}
	res := get(t, server.URL+"/waiting", nil)
	body := bufio.NewReader(res.Body)
	if first, err := body.ReadString('\n'); err != nil || !strings.HasPrefix(first, `[{"id":1,"text":"number 1 \"quoted\""}`) {
		t.Fatalf("first line %q, error %v", first, err)
	}
	if _, err := lock.Exec(t.Context(), "select pg_advisory_unlock(42)"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(body)
	if err != nil || !strings.HasSuffix(string(rest), `{"id":0,"text":"end"}]`) {
		t.Errorf("error %v", err)
	}
}

// TestStreamCutShort expects that a client notices an error after the head is out, and that one before it is an error.
func TestStreamCutShort(t *testing.T) {
	t.Parallel()
	server, _ := streamServer(t, nil)
	res := get(t, server.URL+"/broken", nil)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, want the head before the error", res.StatusCode)
	}
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want an unexpected end", err)
	}
	if res := get(t, server.URL+"/broken?id=gte.18990", nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d for an error before the head", res.StatusCode)
	}
}

// TestSlowReaderGivesConnectionBack opens more answers than there are connections and reads none of them.
func TestSlowReaderGivesConnectionBack(t *testing.T) {
	t.Parallel()
	server, _ := streamServer(t, func(cfg *rest.Config) { cfg.StreamTimeout = 200 * time.Millisecond })
	for range 6 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /numbers?select=id,text,a:text,b:text,c:text,d:text,e:text,f:text,g:text,h:text HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	res := get(t, server.URL+"/numbers?id=eq.1", nil)
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("status %d, body %s, error %v", res.StatusCode, body, err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v to get a connection", took)
	}
}

// TestLostReaderCancels goes away in the middle of answers; their connections serve others at once.
func TestLostReaderCancels(t *testing.T) {
	t.Parallel()
	server, _ := streamServer(t, nil)
	for range 8 {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/numbers?select=id,text,a:text,b:text,c:text,d:text", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		leave()
		_ = res.Body.Close()
	}
	if res := get(t, server.URL+"/numbers?id=eq.1", nil); res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}

// TestStreamKeepsHeadersOfPreRequest sets a header before each request, which a streamed answer has, too.
func TestStreamKeepsHeadersOfPreRequest(t *testing.T) {
	t.Parallel()
	server, _ := streamServer(t, func(cfg *rest.Config) { cfg.PreRequest = &schema.Ident{Schema: "public", Name: "mark"} })
	for _, path := range []string{"/numbers", "/numbers?limit=1"} {
		res := get(t, server.URL+path, map[string]string{"Prefer": "count=exact"})
		if mark := res.Header.Get("X-Mark"); mark != "set" || res.StatusCode != http.StatusPartialContent && path != "/numbers" {
			t.Errorf("%s: status %d, X-Mark %q", path, res.StatusCode, mark)
		}
		if streamed := res.ContentLength < 0; streamed != (path == "/numbers") {
			t.Errorf("%s: streamed %v", path, streamed)
		}
	}
}
