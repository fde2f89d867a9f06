package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/schema/cluster"
)

var (
	serverURL    string
	serverError  error
	databaseName atomic.Int64
)

// The migrations create and drop roles, which belong to all databases of a server, so these tests have one of their own.
func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nexus-migrations-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server, err := cluster.Start(ctx, cluster.Config{
		Dir: dir, Settings: map[string]string{"fsync": "off"},
		Fetch: func(context.Context, string, func(string)) (string, error) {
			return "", errors.New("tests download nothing")
		},
	})
	if err != nil {
		serverError = err
		return m.Run()
	}
	serverURL = server.URL()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	}()
	return m.Run()
}

// newDatabase makes an empty database and returns its owner's connection string.
func newDatabase(t *testing.T) string {
	t.Helper()
	var missing *cluster.BinariesError
	if errors.As(serverError, &missing) && os.Getenv("CI") != "true" {
		t.Skip(serverError)
	}
	if serverError != nil {
		t.Fatal(serverError)
	}
	name := fmt.Sprintf("m%d", databaseName.Add(1))
	conn := connect(t, serverURL)
	exec(t, conn, "create database "+name)
	t.Cleanup(func() { execDetached(t, "drop database "+name+" with (force)") })
	return strings.Replace(serverURL, "/postgres?", "/"+name+"?", 1)
}

// alone gives a test that goes down a server without our roles, and leaves it so. Such a test is not parallel to others.
func alone(t *testing.T) {
	t.Helper()
	drop := func() {
		execDetached(t, "drop role if exists anon, authenticated, service_role, authenticator, supabase_auth_admin, nexus_app")
	}
	drop()
	t.Cleanup(drop)
}

// execDetached runs a statement after the end of the test's context.
func execDetached(t *testing.T, statement string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if serverURL == "" {
		return
	}
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		t.Errorf("%s: %v", statement, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
