package rest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

// call is a request and what is wanted of its answer.
type call struct {
	method string // GET if empty
	target string
	header map[string]string
	role   string // signs a token for this role
	body   string

	status int // 200 if 0
	// want is the whole body: JSON in any spacing, or else the exact text. With "~" in front, it is a part of the body.
	want string
	// wantHeader holds whole values; "" wants the header absent, and "~" in front a part of the value.
	wantHeader map[string]string
}

// museum serves a fresh copy of testdata/changelog.sql.
func museum(t *testing.T, change func(*rest.Config)) http.Handler {
	t.Helper()
	return serve(t, pgtest.New(t, museumSQL(t)), func(cfg *rest.Config) {
		cfg.Schemas = []string{"museum", "annex"}
		if change != nil {
			change(cfg)
		}
	})
}

// run makes each call as a test of its own.
func run(t *testing.T, server http.Handler, calls map[string]call) {
	t.Helper()
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, c.send(t, server))
		})
	}
}

func (c *call) send(t *testing.T, server http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(t.Context(), method, c.target, strings.NewReader(c.body))
	for name, text := range c.header {
		r.Header.Set(name, text)
	}
	if c.role != "" {
		r.Header.Set("Authorization", "Bearer "+token(t, c.role, nil))
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

func (c *call) check(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	status := c.status
	if status == 0 {
		status = http.StatusOK
	}
	if got.Code != status {
		t.Errorf("status %d, want %d; body %s", got.Code, status, got.Body)
	}
	if body := got.Body.String(); !wanted(body, c.want) && !sameJSON([]byte(body), []byte(c.want)) {
		t.Errorf("body %s\nwant %s", body, c.want)
	}
	for name, want := range c.wantHeader {
		if text := strings.Join(got.Header().Values(name), ", "); !wanted(text, want) {
			t.Errorf("header %s: %q, want %q", name, text, want)
		}
	}
}

// wanted compares with a whole text, or a part if want begins with "~".
func wanted(text, want string) bool {
	if part, ok := strings.CutPrefix(want, "~"); ok {
		return strings.Contains(text, part)
	}
	return text == want
}

func museumSQL(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/changelog.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
