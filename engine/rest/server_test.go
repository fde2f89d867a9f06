package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// secret signs the tokens of the recorded exchanges.
const secret = "a-secret-of-at-least-32-bytes-length!!"

// shopServer serves a fresh copy of testdata/fixture.sql with the settings of the recorded exchanges.
func shopServer(t *testing.T, change func(*rest.Config)) http.Handler {
	t.Helper()
	return serve(t, pgtest.New(t, pgtest.Fixture(t, "fixture.sql")), func(cfg *rest.Config) {
		cfg.Schemas = []string{"shop", "odd"}
		cfg.ServerHost, cfg.ServerPort = "127.0.0.1", 53201
		if change != nil {
			change(cfg)
		}
	})
}

// extraSettings are those of the recorded exchanges named "extra".
func extraSettings(cfg *rest.Config) {
	rows := int64(3)
	cfg.MaxRows, cfg.AggregatesEnabled, cfg.PlanEnabled = &rows, true, true
}

// commits keeps what requests write.
func commits(cfg *rest.Config) { cfg.TxEnd = rest.TxCommit }

// serve makes a handler over a database. Requests roll back unless change says otherwise.
func serve(t *testing.T, database *pgtest.DB, change func(*rest.Config)) http.Handler {
	t.Helper()
	return rest.New(options(t, database, change))
}

// options are what serve works with.
func options(t *testing.T, database *pgtest.DB, change func(*rest.Config)) rest.Options {
	t.Helper()
	cfg := rest.DefaultConfig()
	cfg.AnonRole, cfg.TxEnd = "anon", rest.TxRollbackAllowOverride
	if change != nil {
		change(&cfg)
	}
	snap := load(t, database, &cfg)
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
	return rest.Options{
		Config:   func() *rest.Config { return &cfg },
		Snapshot: func() *schema.Snapshot { return snap },
		Verifier: func() *rls.Verifier { return verifier },
		DB:       pool,
	}
}

func load(t testing.TB, database *pgtest.DB, cfg *rest.Config) *schema.Snapshot {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.URLAs("authenticator"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	snap, err := schema.Load(t.Context(), conn, schema.LoadOptions{
		Schemas: cfg.Schemas, ExtraSearchPath: cfg.ExtraSearchPath, HoistedTxSettings: cfg.HoistedTxSettings,
	})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// token signs a token for a role.
func token(t *testing.T, role string, claims map[string]any) string {
	t.Helper()
	signed, err := rls.Issue([]byte(secret), role, claims, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
