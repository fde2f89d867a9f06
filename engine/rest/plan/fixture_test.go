package plan_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"nexus/engine/apierr"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/request"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// exposed are the schemas of the fixtures.
var exposed = []string{"shop", "odd", "extra"}

var (
	readOnce sync.Once
	snapshot *schema.Snapshot
)

// loadSnapshot returns what is in the shop and in the fixture of the statements' tests. It is read once, because a snapshot
// never changes.
func loadSnapshot(tb testing.TB) *schema.Snapshot {
	tb.Helper()
	readOnce.Do(func() { snapshot = readSnapshot(tb) })
	if snapshot == nil {
		tb.Fatal("the snapshot could not be read")
	}
	return snapshot
}

func readSnapshot(tb testing.TB) *schema.Snapshot {
	tb.Helper()
	extra, err := os.ReadFile(filepath.Join("..", "query", "testdata", "extra.sql"))
	if err != nil {
		tb.Fatal(err)
	}
	database := pgtest.New(tb, pgtest.Fixture(tb, "fixture.sql"), string(extra))
	conn, err := pgx.Connect(tb.Context(), database.URL)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	snap, err := schema.Load(tb.Context(), conn, schema.LoadOptions{
		Schemas: exposed, ExtraSearchPath: []string{"public"},
		HoistedTxSettings: []string{"statement_timeout", "default_transaction_isolation"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return snap
}

// parse reads a request written as its line, its headers, an empty line and its body.
func parse(tb testing.TB, text string) *request.Request {
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

func build(t *testing.T, snap *schema.Snapshot, opts plan.Options, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Build(opts, snap, parse(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// refusal returns the error that the request is refused with, for a role that may see everything.
func refusal(t *testing.T, snap *schema.Snapshot, opts plan.Options, text string) *apierr.Error {
	t.Helper()
	p, err := plan.Build(opts, snap, parse(t, text))
	var refused *apierr.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%s: got the plan %v and error %v, want a refusal", text, p, err)
	}
	if s := refused.Suggestion; s != nil {
		s.Add(refused, slices.Repeat([]bool{true}, len(s.Objects)))
	}
	return refused
}
