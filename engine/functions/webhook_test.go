package functions_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // goose takes a database/sql connection

	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/limits"
	"nexus/migrations"
	"nexus/rls"
	"nexus/schema/pgtest"
)

type delivery struct {
	ID string `json:"id" jsonschema:"the provider's id of the delivery" min:"1"`
}

type received struct {
	New bool `json:"new" jsonschema:"whether it was not delivered before"`
}

// A delivery that a third party proves to be its own has its effect once, however often it comes.
func TestWebhook(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, "create table effects (id text)")
	conn, err := sql.Open("pgx", database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	provider, err := migrations.Core(conn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	sessions, err := db.OpenSessions(t.Context(), db.Config{URL: database.URL, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sessions.Close)
	limiter := limits.New(limits.NewPostgres(sessions.Pool()), slog.New(slog.DiscardHandler))
	t.Cleanup(limiter.Close)
	verify := func(r *http.Request, body []byte) error {
		if r.Header.Get("X-Signature") != strings.ToUpper(string(body)) {
			return errors.New("the signature is another one")
		}
		return nil
	}
	registry, err := functions.NewRegistry(functions.Define(functions.Spec{
		Name: "provider-webhook", Tag: "Integrations", Summary: "Take deliveries of a provider", Access: functions.Webhook(verify),
		Tier: functions.WebhookTier, Example: `{"id": "1"}`,
	}, func(ctx context.Context, c *functions.Call, d delivery) (out received, err error) {
		err = c.AsServer(ctx, func(tx pgx.Tx) error {
			if out.New, err = functions.FirstDelivery(ctx, tx, "provider", d.ID); err != nil || !out.New {
				return err
			}
			_, err = tx.Exec(ctx, "insert into effects values ($1)", d.ID)
			return err
		})
		return out, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := rls.NewVerifier(rls.VerifierConfig{AnonRole: "anon", Credentials: true})
	if err != nil {
		t.Fatal(err)
	}
	handler := functions.New(functions.Options{
		Config: functions.Config{Rates: functions.DefaultRates(), SearchPath: []string{"public"}}, Registry: registry,
		Verifier: func() *rls.Verifier { return verifier }, Sessions: sessions, Limiter: limiter,
	})
	deliver := func(body, signature string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/provider-webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Signature", signature)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	const body = `{"id": "d1"}`
	if w := deliver(body, "forged"); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "another one") {
		t.Errorf("a forged delivery: %d %s", w.Code, w.Body)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if w := deliver(body, strings.ToUpper(body)); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if n := database.QueryString(t, "select count(*) from effects"); n != "1" {
		t.Errorf("20 deliveries had %s effects", n)
	}
}
