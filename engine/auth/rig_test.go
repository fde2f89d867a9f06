package auth_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"nexus/engine/auth"
	"nexus/engine/auth/limit"
	"nexus/engine/auth/store"
	"nexus/engine/mail"
	"nexus/engine/password"
	"nexus/migrations"
	"nexus/rls"
	"nexus/schema/pgtest"
)

const (
	secret  = "a secret of at least thirty-two bytes"
	siteURL = "http://localhost:3000"
	apiURL  = "http://nexus.test/auth/v1"
	good    = "correct horse"
)

// rig is a handler on a database of its own, with a clock that stands still and a box for its mails.
type rig struct {
	t        testing.TB
	handler  http.Handler
	verifier *rls.Verifier
	keys     *rls.KeySet
	url      string // the owner's connection string

	mu  sync.Mutex
	now time.Time
	box []*mail.Message
	// refuse is what the box answers instead of taking a mail.
	refuse error
}

// Send implements mail.Sender.
func (r *rig) Send(_ context.Context, m *mail.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.box = append(r.box, m)
	return nil
}

// newRig makes a rig without limits.
func newRig(t testing.TB, change func(*auth.Options)) *rig {
	t.Helper()
	database := pgtest.New(t)
	migrate(t, database.URL)
	cfg, err := pgxpool.ParseConfig(database.URLAs("supabase_auth_admin"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 8
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	key, err := rls.SecretKey([]byte(secret), time.Time{}, rls.Current)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, url: database.URL, now: time.Now().UTC().Truncate(time.Second)}
	if r.keys, err = rls.NewKeySet(key); err != nil {
		t.Fatal(err)
	}
	if r.verifier, err = rls.NewVerifier(rls.VerifierConfig{Secret: []byte(secret), AnonRole: "anon", CacheEntries: 100}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.verifier.Close)
	templates, err := mail.LoadTemplates(mail.TemplateConfig{})
	if err != nil {
		t.Fatal(err)
	}
	options := auth.Options{
		Config: auth.DefaultConfig(), Store: store.New(pool), Secret: []byte(secret),
		Keys: func() *rls.KeySet { return r.keys }, Verifier: func() *rls.Verifier { return r.verifier },
		Hasher: hasher(t, 4), Mailer: r, Templates: templates, Now: r.clock,
	}
	options.Config.SiteURL, options.Config.ExternalURL = siteURL, apiURL
	options.Config.Limits = auth.Limits{}
	if change != nil {
		change(&options)
	}
	handler, err := auth.New(options)
	if err != nil {
		t.Fatal(err)
	}
	r.handler = http.StripPrefix("/auth/v1", handler)
	return r
}

func migrate(t testing.TB, databaseURL string) {
	t.Helper()
	conn, err := sql.Open("pgx", databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	provider, err := migrations.Core(conn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (a answer) str(key string) string {
	text, _ := a.body[key].(string)
	return text
}

// code is the error code, of either API version.
func (a answer) code() string {
	if text := a.str("error_code"); text != "" {
		return text
	}
	return a.str("code")
}

// call makes a request. Headers are pairs.
func (r *rig) call(method, path string, body any, headers ...string) answer {
	r.t.Helper()
	var reader *bytes.Reader
	switch b := body.(type) {
	case nil:
		reader = bytes.NewReader(nil)
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	req := httptest.NewRequest(method, "http://nexus.test/auth/v1"+path, reader)
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	req.Header.Set("X-Supabase-Api-Version", "2024-01-01")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.body)
	return a
}

// want makes a request whose status is known.
func (r *rig) want(status int, method, path string, body any, headers ...string) answer {
	r.t.Helper()
	a := r.call(method, path, body, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

// refused makes a request that must fail with a code.
func (r *rig) refused(status int, code, method, path string, body any, headers ...string) answer {
	r.t.Helper()
	a := r.want(status, method, path, body, headers...)
	if a.code() != code {
		r.t.Fatalf("%s %s: code %q, want %q: %s", method, path, a.code(), code, a.text)
	}
	return a
}

func bearer(token string) string { return "Bearer " + token }

// service is the header of a trusted server.
func (r *rig) service() string {
	r.t.Helper()
	token, err := rls.Issue([]byte(secret), "service_role", nil, r.clock(), time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return bearer(token)
}

// member makes a confirmed user and returns the id.
func (r *rig) member(email string) string {
	r.t.Helper()
	return r.want(200, "POST", "/admin/users", map[string]any{"email": email, "password": good, "email_confirm": true},
		"Authorization", r.service()).str("id")
}

// logIn returns a session.
func (r *rig) logIn(email, password string) answer {
	r.t.Helper()
	return r.want(200, "POST", "/token?grant_type=password", map[string]any{"email": email, "password": password})
}

// lastMail returns the newest mail to an address.
func (r *rig) lastMail(to string) *mail.Message {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.box) - 1; i >= 0; i-- {
		if r.box[i].To == to {
			return r.box[i]
		}
	}
	r.t.Fatalf("no mail to %s", to)
	return nil
}

func (r *rig) mails() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.box)
}

// linkOf returns the path of a mail's link below auth/v1.
func linkOf(t testing.TB, m *mail.Message) string {
	t.Helper()
	for _, word := range strings.Fields(m.Text) {
		if i := strings.Index(word, apiURL+"/verify?"); i >= 0 {
			return strings.TrimPrefix(strings.TrimRight(word[i:], ".>)"), apiURL)
		}
	}
	t.Fatalf("no link in %s", m.Text)
	return ""
}

// codeOf returns a mail's code.
func codeOf(t testing.TB, m *mail.Message) string {
	t.Helper()
	for _, word := range strings.Fields(m.Text) {
		word = strings.Trim(word, ".:,")
		if len(word) == 6 && strings.Trim(word, "0123456789") == "" {
			return word
		}
	}
	t.Fatalf("no code in %s", m.Text)
	return ""
}

// opened follows a link and returns where it leads, and the values of its fragment.
func (r *rig) opened(link string) (*url.URL, url.Values) {
	r.t.Helper()
	a := r.want(http.StatusSeeOther, "GET", link, nil)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	values, err := url.ParseQuery(u.Fragment)
	if err != nil {
		r.t.Fatal(err)
	}
	return u, values
}

// query asks the database for a text.
func (r *rig) query(sql string, args ...any) string {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var value any
	if err := conn.QueryRow(r.t.Context(), sql, args...).Scan(&value); err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprint(value)
}

// exec runs statements as the owner.
func (r *rig) exec(sql string) {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(r.t.Context(), sql); err != nil {
		r.t.Fatal(err)
	}
}

// rate is a limit for tests.
func rate(events int) limit.Rate { return limit.Rate{Events: events, Per: time.Hour, Burst: events} }

func hasher(t testing.TB, cost int) *password.Hasher {
	t.Helper()
	h := password.New(password.Config{Cost: cost})
	t.Cleanup(h.Close)
	return h
}
