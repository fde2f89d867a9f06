package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// settingsSQL makes a transaction the user's, as every request's is.
const settingsSQL = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)"

// database is where the floor is measured: the same database, by SQL alone.
type database struct {
	url    string
	schema string
	claims []byte
	size   size
}

func (d *database) connect(ctx context.Context) (*pgconn.PgConn, error) {
	cfg, err := pgconn.ParseConfig(d.url)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "nexus bench"
	cfg.RuntimeParams["search_path"] = d.schema
	return pgconn.ConnectConfig(ctx, cfg)
}

func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// floor does the work of a workload with nothing in front of PostgreSQL: prepared statements, in one pipeline with the
// settings of the transaction, through so many connections.
func (d *database) floor(ctx context.Context, w *workload, connections int, duration time.Duration) (*tally, error) {
	return together(ctx, connections, duration, func(ctx context.Context) (*worker, error) {
		conn, err := d.connect(ctx)
		if err != nil {
			return nil, err
		}
		prepared := make([]*pgconn.StatementDescription, 2)
		for i, sql := range []string{settingsSQL, w.sql} {
			if prepared[i], err = conn.Prepare(ctx, fmt.Sprintf("bench_%d", i), sql, nil); err != nil {
				closeConn(conn)
				return nil, err
			}
		}
		return &worker{close: func() { closeConn(conn) }, step: func(r *rand.Rand) (int64, error) {
			return d.transact(conn, prepared, w.args(r, d.size))
		}}, nil
	})
}

// transact sends both statements and reads their rows, which nobody looks at.
func (d *database) transact(conn *pgconn.PgConn, prepared []*pgconn.StatementDescription, args [][]byte) (size int64, err error) {
	pipeline := conn.StartPipeline(context.Background())
	pipeline.SendQueryStatement(prepared[0], [][]byte{d.claims}, nil, nil)
	pipeline.SendQueryStatement(prepared[1], args, nil, nil)
	if err := pipeline.Sync(); err != nil {
		return 0, errors.Join(err, pipeline.Close())
	}
	for range prepared {
		result, err := pipeline.GetResults()
		if err != nil {
			return 0, errors.Join(err, pipeline.Close())
		}
		reader, ok := result.(*pgconn.ResultReader)
		if !ok {
			return 0, errors.Join(fmt.Errorf("unexpected result %T", result), pipeline.Close())
		}
		for reader.NextRow() {
			for _, value := range reader.Values() {
				size += int64(len(value))
			}
		}
		if _, err := reader.Close(); err != nil {
			return 0, errors.Join(err, pipeline.Close())
		}
	}
	return size, pipeline.Close()
}

// copyOut writes what a query returns as psql's \copy does, and tells how long that took.
func (d *database) copyOut(ctx context.Context, sql string, w io.Writer) (time.Duration, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer closeConn(conn)
	began := time.Now()
	_, err = conn.CopyTo(ctx, w, "copy ("+sql+") to stdout")
	return time.Since(began), err
}
