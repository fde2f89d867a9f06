package generative

import (
	"context"
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
	"nexus/schema/pgtest"
)

//go:embed testdata/library.sql
var library string

const (
	secret = "a-secret-of-at-least-32-bytes-length!!"
	// maxRows is the cap of the server that has one.
	maxRows = 7
)

// identity is who asks.
type identity struct {
	name   string
	role   string
	claims map[string]any
	token  string
}

func (i *identity) claimsJSON() string {
	claims := map[string]any{"role": i.role}
	maps.Copy(claims, i.claims)
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// world is what requests are made of and made to.
type world struct {
	identities []*identity
	tables     []*table
	store      *store
	// server answers without a cap on rows, capped with one; both allow aggregates.
	server, capped http.Handler
}

var schemas = []string{"shop", "odd", "library"}

func newWorld(t testing.TB) *world {
	t.Helper()
	database := pgtest.New(t, pgtest.Fixture(t, "fixture.sql"), library)
	w := &world{identities: []*identity{
		{name: "anon", role: "anon"},
		{name: "first tenant", role: "authenticated", claims: map[string]any{"organization_id": 1}},
		{name: "second tenant", role: "authenticated", claims: map[string]any{"organization_id": 2}},
		{name: "service", role: "service_role"},
	}}
	for _, who := range w.identities {
		if who.role == "anon" {
			continue
		}
		token, err := rls.Issue([]byte(secret), who.role, who.claims, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		who.token = token
	}
	w.store = newStore(t, database.URL, w.identities)
	snap := w.serve(t, database)
	w.explore(t, database, snap)
	return w
}

// serve starts the handlers and returns the schema that they serve.
func (w *world) serve(t testing.TB, database *pgtest.DB) *schema.Snapshot {
	t.Helper()
	cfg := rest.DefaultConfig()
	cfg.Schemas, cfg.AnonRole, cfg.AggregatesEnabled, cfg.TxEnd = schemas, "anon", true, rest.TxRollback
	conn, err := pgx.Connect(t.Context(), database.URLAs("authenticator"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	snap, err := schema.Load(t.Context(), conn, schema.LoadOptions{Schemas: cfg.Schemas, ExtraSearchPath: cfg.ExtraSearchPath})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := rls.NewVerifier(rls.VerifierConfig{Secret: []byte(secret), AnonRole: cfg.AnonRole, CacheEntries: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	pool, err := db.Open(t.Context(), db.Config{URL: database.URLAs("authenticator"), MaxConns: 4, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	handler := func(cfg *rest.Config) http.Handler {
		return rest.New(rest.Options{
			Config:   func() *rest.Config { return cfg },
			Snapshot: func() *schema.Snapshot { return snap },
			Verifier: func() *rls.Verifier { return verifier },
			DB:       pool,
		})
	}
	limited, limit := cfg, int64(maxRows)
	limited.MaxRows = &limit
	w.server, w.capped = handler(&cfg), handler(&limited)
	return snap
}

// explore finds the tables with rows, their fields and relationships.
func (w *world) explore(t testing.TB, database *pgtest.DB, snap *schema.Snapshot) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	x := &explorer{t: t, conn: conn}
	byName := map[schema.Ident]*table{}
	for _, id := range slices.SortedFunc(maps.Keys(snap.Tables), func(a, b schema.Ident) int { return strings.Compare(a.String(), b.String()) }) {
		table := &table{id: id, readers: map[*identity]bool{}}
		if x.try("select 1 from "+table.sql()) == nil {
			continue // no rows
		}
		for _, who := range w.identities {
			_, err := w.store.column(t.Context(), who, table, "t")
			table.readers[who] = err == nil
		}
		x.fields(table, snap.Tables[id], snap)
		byName[id] = table
		w.tables = append(w.tables, table)
	}
	for _, table := range w.tables {
		x.relations(table, byName, snap)
		x.functions(table, snap)
	}
}

// explorer asks the database, as superuser, which expressions work on which rows. What fails for no row under any role can
// be put into a request.
type explorer struct {
	t    testing.TB
	conn *pgx.Conn
}

// ask runs a query and returns its first column.
func (x *explorer) ask(sql string) ([]*string, error) {
	rows, err := texts(context.Background(), x.conn, sql)
	var values []*string
	for _, row := range rows {
		values = append(values, row[0])
	}
	return values, err
}

// try is ask for queries that may fail; without rows it returns nil as well.
func (x *explorer) try(sql string) []*string {
	values, err := x.ask(sql)
	if err != nil {
		return nil
	}
	return values
}

// must is ask for queries that cannot fail.
func (x *explorer) must(sql string) []*string {
	x.t.Helper()
	values, err := x.ask(sql)
	if err != nil {
		x.t.Fatal(err)
	}
	return values
}
