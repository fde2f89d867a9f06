package rest_test

import (
	"net/http"
	"os"
	"testing"

	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

// The tests of reference_*_test.go go through the pages of https://docs.postgrest.org/en/v14/references one by one. Each
// test is named after its page and section.

// harbour serves a fresh copy of testdata/reference.sql.
func harbour(t *testing.T, change func(*rest.Config)) http.Handler {
	t.Helper()
	return rest.New(harbourOptions(t, change))
}

// harbourOptions are what harbour works with.
func harbourOptions(t *testing.T, change func(*rest.Config)) rest.Options {
	t.Helper()
	return options(t, harbourDB(t), func(cfg *rest.Config) {
		cfg.Schemas = []string{"harbour", "depot"}
		if change != nil {
			change(cfg)
		}
	})
}

func harbourDB(t *testing.T) *pgtest.DB {
	t.Helper()
	text, err := os.ReadFile("testdata/reference.sql")
	if err != nil {
		t.Fatal(err)
	}
	return pgtest.New(t, string(text))
}
