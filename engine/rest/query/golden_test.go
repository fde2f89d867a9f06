package query_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/rows"
	"nexus/schema"
)

var update = flag.Bool("update", false, "rewrite the expected statements of testdata/*.txt")

// separator stands between a request and its statements, and after them.
const separator = "\n----\n"

// TestGolden compares the statements for the requests in testdata/*.txt with those written below them, and runs each one,
// so that what is expected is SQL that PostgreSQL takes.
func TestGolden(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	snap := loadSnapshot(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden files, error %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(strings.TrimSuffix(string(content), separator), separator)
		for i := 0; i < len(parts); i += 2 {
			line, _, _ := strings.Cut(parts[i], "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+line, func(t *testing.T) {
				got := statements(t, snap, conn, parts[i])
				if *update {
					if i+1 == len(parts) {
						parts = append(parts, "")
					}
					parts[i+1] = got
					return
				}
				if i+1 == len(parts) || parts[i+1] != got {
					t.Errorf("statements differ; run with -update and read the difference\n got: %s", got)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(parts, separator)+separator), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// statements renders the statements of a request and runs them.
func statements(t *testing.T, snap *schema.Snapshot, conn *pgx.Conn, text string) string {
	t.Helper()
	opts := allOptions
	if strings.Contains(text, "X-Max-Rows") {
		limit := int64(2)
		opts.MaxRows = &limit
	}
	p, err := plan.Build(opts, snap, parseRequest(t, text))
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	out := render(q.Main)
	if q.Count.SQL != "" {
		out = render(q.Count) + "\n" + out
	}
	if q.CountPlan.SQL != "" {
		out += "\n" + render(q.CountPlan)
	}
	execute(t, conn, p, q)
	return out
}

func render(s query.Statement) string {
	var sb strings.Builder
	sb.WriteString(s.SQL)
	for i, arg := range s.Args {
		fmt.Fprintf(&sb, "\n$%d = %q", i+1, arg)
	}
	return sb.String()
}

// execute runs the statements of a query in a transaction that leaves nothing behind.
func execute(t *testing.T, conn *pgx.Conn, p *plan.Plan, q *query.Query) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(t.Context()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			t.Error(err)
		}
	}()
	// Functions that compute fields are found by the search path.
	if _, err := tx.Exec(t.Context(), "select set_config('search_path', $1, true)", p.Relation.Schema); err != nil {
		t.Fatal(err)
	}
	main := conn.PgConn().ExecParams(t.Context(), q.Main.SQL, q.Main.Args, nil, nil, q.MainFormats).Read()
	if main.Err != nil {
		t.Fatalf("%v\n%s", main.Err, render(q.Main))
	}
	switch {
	case q.Plain:
		compareWithAggregated(t, conn, p, q, main)
	case p.Media.Plan == nil && (len(main.Rows) != 1 || len(main.Rows[0]) != query.Columns):
		t.Errorf("the answer is no row of %d columns", query.Columns)
	}
	if q.CountPlan.SQL == "" {
		return
	}
	if res := conn.PgConn().ExecParams(t.Context(), q.CountPlan.SQL, q.CountPlan.Args, nil, nil, nil).Read(); res.Err != nil {
		t.Errorf("%v\n%s", res.Err, render(q.CountPlan))
	}
}

// compareWithAggregated makes a body of plain rows and expects the bytes that PostgreSQL makes of them.
func compareWithAggregated(t *testing.T, conn *pgx.Conn, p *plan.Plan, q *query.Query, main *pgconn.Result) {
	t.Helper()
	var encoder rows.Encoder
	body, err := encoder.Begin(nil, q.Format, main.FieldDescriptions)
	if err != nil {
		t.Fatalf("%v\n%s", err, render(q.Main))
	}
	for _, row := range main.Rows {
		body = encoder.Row(body, row)
	}
	body = encoder.End(body)
	aggregated, err := query.BuildAggregated(p)
	if err != nil {
		t.Fatal(err)
	}
	want := conn.PgConn().ExecParams(t.Context(), aggregated.Main.SQL, aggregated.Main.Args, nil, nil, aggregated.MainFormats).Read()
	if want.Err != nil {
		t.Fatalf("%v\n%s", want.Err, render(aggregated.Main))
	}
	if got, want := string(body), string(want.Rows[0][query.ColumnBody]); got != want {
		t.Errorf("body\n%s\nwant PostgreSQL's\n%s", got, want)
	}
	if q.Count.SQL != "" {
		count := conn.PgConn().ExecParams(t.Context(), q.Count.SQL, q.Count.Args, nil, nil, nil).Read()
		if count.Err != nil || !bytes.Equal(count.Rows[0][0], want.Rows[0][query.ColumnTotal]) {
			t.Errorf("count %q, error %v, want %q", count.Rows, count.Err, want.Rows[0][query.ColumnTotal])
		}
	}
	if got, want := strconv.FormatInt(encoder.Rows(), 10), string(want.Rows[0][query.ColumnPage]); got != want {
		t.Errorf("%s rows, want %s", got, want)
	}
}
