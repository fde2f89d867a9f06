package rest_test

import (
	"context"
	"errors"
	"testing"

	"nexus/engine/db"
	"nexus/engine/rest"
	"nexus/rls"
	"nexus/schema"
)

// failing is a database that cannot be worked with.
type failing struct{ err error }

func (f failing) Run(context.Context, *db.Tx) (*db.Result, error) { return nil, f.err }

// TestReferenceErrorsConnection has groups 0 and X, about the connection with the database. What the client library says
// stays inside.
func TestReferenceErrorsConnection(t *testing.T) {
	t.Parallel()
	why := errors.New(`failed to connect to user=authenticator host=10.0.0.5`)
	retry := map[string]string{"Retry-After": "1"}
	for name, c := range map[string]struct {
		failure
		err error
	}{
		"PGRST000": {
			failure: failure{status: 503, message: "Database connection error. Retrying the connection.", wantHeader: retry},
			err:     &db.ConnectionError{Cause: why},
		},
		"PGRST001": {
			failure: failure{status: 503, message: "Database client error. Retrying the connection.", wantHeader: retry},
			err:     &db.ConnectionError{Cause: why, Broken: true},
		},
		"PGRST003": {
			failure: failure{status: 504, message: "Timed out acquiring connection from connection pool."}, err: db.ErrAcquireTimeout,
		},
		"PGRSTX00": {failure: failure{status: 500, message: "Internal server error"}, err: why},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := harbourOptions(t, nil)
			options.DB = failing{c.err}
			c.target, c.code = "/docks", name
			runFailures(t, rest.New(options), map[string]failure{"read": c.failure})
		})
	}
}

func TestReferenceErrorsNoSnapshot(t *testing.T) {
	t.Parallel()
	options := harbourOptions(t, nil)
	options.Snapshot = func() *schema.Snapshot { return nil }
	runFailures(t, rest.New(options), map[string]failure{
		"PGRST002": {
			target: "/docks", status: 503, code: "PGRST002", message: "Could not query the database for the schema cache. Retrying.",
			wantHeader: map[string]string{"Retry-After": "1"},
		},
	})
}

func TestReferenceErrorsNoSecret(t *testing.T) {
	t.Parallel()
	options := harbourOptions(t, nil)
	verifier, err := rls.NewVerifier(rls.VerifierConfig{AnonRole: "anon"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	options.Verifier = func() *rls.Verifier { return verifier }
	runFailures(t, rest.New(options), map[string]failure{
		"PGRST300": {
			target: "/docks", header: map[string]string{"Authorization": "Bearer a.b.c"}, status: 500, code: "PGRST300",
			message: "Server lacks JWT secret",
		},
	})
}
