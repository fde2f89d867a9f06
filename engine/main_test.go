package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/schema/cluster"
)

// The server under test sets passwords of roles, which belong to all databases of a PostgreSQL server, so these tests have
// one of their own.
var (
	postgresURL   string
	postgresError error
	databaseName  atomic.Int64
)

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nexus-engine-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	postgres, err := cluster.Start(ctx, cluster.Config{
		Dir: dir, Settings: map[string]string{"fsync": "off"},
		Fetch: func(context.Context, string, func(string)) (string, error) {
			return "", errors.New("tests download nothing")
		},
	})
	if err != nil {
		postgresError = err
		return m.Run()
	}
	postgresURL = postgres.URL()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = postgres.Stop(ctx)
	}()
	return m.Run()
}

// newDatabase makes an empty database and returns its owner's connection string.
func newDatabase(t testing.TB) string {
	t.Helper()
	var missing *cluster.BinariesError
	if errors.As(postgresError, &missing) && os.Getenv("CI") != "true" {
		t.Skip(postgresError)
	}
	if postgresError != nil {
		t.Fatal(postgresError)
	}
	name := fmt.Sprintf("e%d", databaseName.Add(1))
	psql(t, postgresURL, "create database "+name)
	t.Cleanup(func() { psql(t, postgresURL, "drop database "+name+" with (force)") })
	u, err := url.Parse(postgresURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// psql runs statements, also in a cleanup.
func psql(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(ctx, conn)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
