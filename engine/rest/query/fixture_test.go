package query_test

import (
	"bufio"
	"context"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// exposed are the schemas of the fixtures.
var exposed = []string{"shop", "odd", "extra"}

// allOptions switches on everything that a plan can have.
var allOptions = plan.Options{AggregatesEnabled: true, PlanEnabled: true}

// connect opens a superuser's connection to a fresh database with the fixtures.
func connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	extra, err := os.ReadFile(filepath.Join("testdata", "extra.sql"))
	if err != nil {
		tb.Fatal(err)
	}
	database := pgtest.New(tb, pgtest.Fixture(tb, "fixture.sql"), string(extra))
	conn, err := pgx.Connect(tb.Context(), database.URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

var (
	readOnce sync.Once
	snapshot *schema.Snapshot
)

// loadSnapshot returns what is in the fixtures. It is read once, because a snapshot never changes.
func loadSnapshot(tb testing.TB) *schema.Snapshot {
	tb.Helper()
	readOnce.Do(func() { snapshot = readSnapshot(tb, connect(tb)) })
	if snapshot == nil {
		tb.Fatal("the snapshot could not be read")
	}
	return snapshot
}

func readSnapshot(tb testing.TB, conn *pgx.Conn) *schema.Snapshot {
	tb.Helper()
	snap, err := schema.Load(tb.Context(), conn, schema.LoadOptions{
		Schemas: exposed, ExtraSearchPath: []string{"public"},
		HoistedTxSettings: []string{"statement_timeout", "default_transaction_isolation"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return snap
}

// parseRequest reads a request written as its line, its headers, an empty line and its body.
func parseRequest(tb testing.TB, text string) *request.Request {
	tb.Helper()
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\n\n")))
	line, err := r.ReadLine()
	if err != nil {
		tb.Fatal(err)
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		tb.Fatalf("headers of %q: %v", text, err)
	}
	body, err := io.ReadAll(r.R)
	if err != nil {
		tb.Fatal(err)
	}
	method, target, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(target, "?")
	req, err := request.Parse(request.Options{Schemas: exposed}, request.Input{
		Method: method, Path: path, RawQuery: query, Header: map[string][]string(header),
		Body: []byte(strings.TrimSpace(string(body))),
	})
	if err != nil {
		tb.Fatalf("%s: %v", line, err)
	}
	return req
}
