package generative

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// store answers the reference's questions: the value of one SQL expression for every row of a relation that an identity
// sees. Rows have a fixed order, so a row's number means the same row in every answer. Answers are kept, nothing changes.
type store struct {
	conns map[*identity]chan *pgx.Conn
	mu    sync.Mutex
	memo  map[question]*answer
}

type question struct {
	who *identity
	sql string
}

type answer struct {
	once sync.Once
	rows [][]*string
	err  error
}

// connections is how many questions of one identity run at a time.
const connections = 2

func newStore(t testing.TB, url string, identities []*identity) *store {
	t.Helper()
	s := &store{conns: map[*identity]chan *pgx.Conn{}, memo: map[question]*answer{}}
	for _, who := range identities {
		s.conns[who] = make(chan *pgx.Conn, connections)
		for range connections {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
			_, err = conn.Exec(t.Context(), "select set_config('role', $1, false), set_config('request.jwt.claims', $2, false)", who.role, who.claimsJSON())
			if err != nil {
				t.Fatal(err)
			}
			s.conns[who] <- conn
		}
	}
	return s
}

// query runs one statement and returns its rows as texts, nil for null.
func (s *store) query(ctx context.Context, who *identity, sql string) ([][]*string, error) {
	s.mu.Lock()
	a := s.memo[question{who, sql}]
	if a == nil {
		a = &answer{}
		s.memo[question{who, sql}] = a
	}
	s.mu.Unlock()
	a.once.Do(func() {
		conn := <-s.conns[who]
		defer func() { s.conns[who] <- conn }()
		a.rows, a.err = texts(ctx, conn, sql)
	})
	return a.rows, a.err
}

// texts runs a statement in the simple protocol, where PostgreSQL sends every value as text.
func texts(ctx context.Context, conn *pgx.Conn, sql string) ([][]*string, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, sql)
	}
	var rows [][]*string
	for _, result := range results {
		for _, values := range result.Rows {
			row := make([]*string, len(values))
			for i, v := range values {
				if v != nil {
					text := string(v)
					row[i] = &text
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// column returns an SQL expression's value for every row of a table; the expression calls the table t.
func (s *store) column(ctx context.Context, who *identity, t *table, expression string) ([]*string, error) {
	rows, err := s.query(ctx, who, fmt.Sprintf(`select (%s)::text from %s t order by t::text collate "C"`, expression, t.sql()))
	if err != nil {
		return nil, err
	}
	values := make([]*string, len(rows))
	for i, row := range rows {
		values[i] = row[0]
	}
	return values, nil
}
