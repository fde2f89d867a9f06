package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Run does the work of tx on one connection. It returns ErrAcquireTimeout, a *ConnectionError, a *pgconn.PgError, the error
// of tx.Check, or ctx's error. Serialization failures are tried again, and so is work whose connection broke, if doing it
// again cannot do it twice.
//
// When ctx ends while a statement runs, the server is asked to cancel it; the connection goes back to the pool only if the
// server then reports it idle.
func (p *Pool) Run(ctx context.Context, tx *Tx) (*Result, error) {
	for number := 1; ; number++ {
		res, results, err := p.runOnce(ctx, tx)
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed := attempt{err: err, number: number, readOnly: tx.ReadOnly, results: results}
		if !failed.retryable() {
			return nil, classify(err)
		}
		if isStalePlan(err) {
			p.Forget()
		}
	}
}

// classify wraps what broke the connection; errors that have a type of their own pass.
func classify(err error) error {
	var pgErr *pgconn.PgError
	var connErr *ConnectionError
	var checkErr *checkError
	switch {
	case errors.As(err, &checkErr):
		return checkErr.cause
	case errors.As(err, &pgErr), errors.As(err, &connErr), errors.Is(err, ErrAcquireTimeout):
		return err
	default:
		return &ConnectionError{Cause: err, Broken: true}
	}
}

// checkError tells the error of a Tx's Check from those of the connection.
type checkError struct{ cause error }

func (e *checkError) Error() string { return e.cause.Error() }

// runOnce makes one attempt. With an error it says how many statements the server had reported done.
func (p *Pool) runOnce(ctx context.Context, tx *Tx) (res *Result, results int, err error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer p.release(conn)
	pg := conn.Conn().PgConn()
	b := &batch{ctx: ctx, conn: pg, state: stateOf(pg), prepared: p.prepared, role: tx.Role}
	b.expected = b.state.expected[:0]
	defer func() { b.state.expected = b.expected[:0] }()
	b.state.catchUp(p.generation.Load())
	defer b.abandon()
	res, err = b.run(tx, &p.preludes)
	if ctx.Err() != nil && !isCancelled(err) {
		b.closeConn() // as in passRows
	}
	return res, b.received, err
}

// batch is one attempt at a transaction on one connection.
type batch struct {
	ctx      context.Context
	conn     *pgconn.PgConn
	state    *connState
	prepared bool
	role     string

	pipeline *pgconn.Pipeline
	expected []expectation
	result   *Result
	// received counts the results of the server so far.
	received int
	done     bool
}

// expectation is a result the server owes us, in order.
type expectation struct {
	// prepare is set when a statement was sent for preparation: the server's description of it is kept under this key.
	prepare *statementKey
	// name is the name the statement was prepared under.
	name string
	// keep is where the rows of a query go and rows who takes them instead; without either they are dropped.
	keep *[][][]byte
	rows Rows
}

func (b *batch) run(tx *Tx, known *preludes) (*Result, error) {
	res := &Result{}
	b.result = res
	if len(tx.Before) > 0 {
		res.Before = make([][][][]byte, len(tx.Before))
	}
	if len(tx.After) > 0 {
		res.After = make([][][][]byte, len(tx.After))
	}
	b.open()
	if tx.explicit() {
		b.query(Statement{SQL: tx.beginSQL()}, expectation{})
	}
	if b.state.soiled {
		for _, sql := range resetSession {
			b.query(Statement{SQL: sql}, expectation{})
		}
	}
	if tx.ReadOnly || len(tx.Settings) > 0 {
		b.query(known.statement(tx.ReadOnly, tx.Settings), expectation{})
	}
	if tx.PreRequest.SQL != "" {
		b.query(tx.PreRequest, expectation{})
	}
	if tx.Guard.SQL != "" {
		if err := b.guard(tx); err != nil {
			return nil, b.rollback(err)
		}
		b.open()
	}
	for i := range tx.Before {
		b.query(tx.Before[i], expectation{keep: &res.Before[i]})
	}
	if tx.Rows != nil {
		b.query(tx.Main, expectation{rows: tx.Rows})
	} else {
		b.query(tx.Main, expectation{keep: &res.Main})
	}
	if !tx.decides() {
		for i := range tx.After {
			b.query(tx.After[i], expectation{keep: &res.After[i]})
		}
		b.end(tx)
	}
	if err := b.sync(); err != nil {
		return nil, b.rollback(err)
	}
	if !tx.decides() {
		b.noteEnd(tx)
	}
	if tx.Check != nil {
		if err := tx.Check(res.Main); err != nil {
			return nil, b.rollback(&checkError{err})
		}
	}
	if tx.decides() {
		if err := b.decided(tx, res); err != nil {
			return nil, b.rollback(err)
		}
		b.noteEnd(tx)
	}
	b.done = true
	return res, nil
}

// resetSession takes back what may outlive a transaction and be seen by the next. It belongs to the transaction after, which
// spares a round trip, and is undone with it.
var resetSession = []string{"reset all", "discard temp"}

// noteEnd notes whether the session has to be reset before its next use. What was rolled back has changed nothing in it.
func (b *batch) noteEnd(tx *Tx) {
	if !tx.explicit() || tx.End != Rollback {
		b.state.soiled = !tx.KeepsSession
	}
}

// guard asks whether the work may be done.
func (b *batch) guard(tx *Tx) error {
	var rows [][][]byte
	b.query(tx.Guard, expectation{keep: &rows})
	if err := b.sync(); err != nil {
		return err
	}
	if err := tx.Permit(rows); err != nil {
		return &checkError{err}
	}
	return nil
}

// decided sends what was held back until Check had seen the result.
func (b *batch) decided(tx *Tx, res *Result) error {
	b.open()
	for i := range tx.After {
		b.query(tx.After[i], expectation{keep: &res.After[i]})
	}
	b.end(tx)
	return b.sync()
}

// end closes an explicit transaction. Without one, the Sync commits.
func (b *batch) end(tx *Tx) {
	if !tx.explicit() {
		return
	}
	if tx.End == Rollback {
		b.query(Statement{SQL: "set constraints all immediate"}, expectation{})
		b.query(Statement{SQL: "rollback"}, expectation{})
		return
	}
	b.query(Statement{SQL: "commit"}, expectation{})
}

func (b *batch) open() {
	b.pipeline = b.conn.StartPipeline(b.ctx)
	for _, name := range b.state.stale {
		b.pipeline.SendDeallocate(name)
		b.expected = append(b.expected, expectation{})
	}
	b.state.stale = nil
}

// query queues a statement, whose result is handled as e says. Statements that are not prepared yet are prepared in the
// same round trip.
func (b *batch) query(s Statement, e expectation) {
	if !b.prepared {
		b.pipeline.SendQueryParams(s.SQL, s.Args, nil, nil, s.Formats)
		b.expected = append(b.expected, e)
		return
	}
	key := statementKey{role: b.role, sql: s.SQL}
	if known := b.state.lookup(key); known != nil {
		b.pipeline.SendQueryStatement(known.description, s.Args, nil, s.Formats)
	} else {
		name := b.state.newName()
		b.pipeline.SendPrepare(name, s.SQL, nil)
		b.expected = append(b.expected, expectation{prepare: &key, name: name})
		b.pipeline.SendQueryPrepared(name, s.Args, nil, s.Formats)
	}
	b.expected = append(b.expected, e)
}

// sync ends the pipeline and reads all results. The first error is returned after the server has reported ready.
func (b *batch) sync() error {
	var first error
	if err := b.pipeline.Sync(); err != nil {
		first = err
	}
	if first == nil {
		for _, e := range b.expected {
			if first = b.receive(e); first != nil {
				break
			}
		}
	}
	b.expected = b.expected[:0]
	// Close reads up to the answer of the Sync, where deferred work may still fail.
	if err := b.pipeline.Close(); first == nil {
		first = err
	}
	b.pipeline = nil
	var pgErr *pgconn.PgError
	if errors.As(first, &pgErr) && pgErr.Code == "26000" {
		b.state.forget()
	}
	return first
}

func (b *batch) receive(e expectation) error {
	result, err := b.pipeline.GetResults()
	if err != nil {
		return err
	}
	b.received++
	switch r := result.(type) {
	case *pgconn.StatementDescription:
		if e.prepare != nil {
			r.Name = e.name
			b.state.add(*e.prepare, r)
		}
		return nil
	case *pgconn.CloseComplete:
		return nil
	case *pgconn.ResultReader:
		if e.rows != nil {
			return b.passRows(r, e.rows)
		}
		return readRows(r, e.keep)
	default:
		return fmt.Errorf("db: unexpected answer %T in a pipeline", result)
	}
}

func readRows(r *pgconn.ResultReader, keep *[][][]byte) error {
	for r.NextRow() {
		if keep == nil {
			continue
		}
		values := r.Values()
		row := make([][]byte, len(values))
		for i, v := range values {
			if v != nil {
				row[i] = append(make([]byte, 0, len(v)), v...)
			}
		}
		*keep = append(*keep, row)
	}
	_, err := r.Close()
	return err
}

// passRows passes rows on as they arrive. When their taker fails, the statement is cancelled and its remaining rows, which
// may be many, are read to nowhere.
func (b *batch) passRows(r *pgconn.ResultReader, rows Rows) error {
	err := rows.Begin(r.FieldDescriptions(), b.result.Before)
	for err == nil && r.NextRow() {
		err = rows.Row(r.Values())
	}
	if err == nil {
		_, err = r.Close()
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), cancelGrace)
	defer cancel()
	cancelErr := b.conn.CancelRequest(ctx)
	if _, closeErr := r.Close(); cancelErr != nil || !isCancelled(closeErr) {
		// The cancel request may still be on its way, and must not reach the next request's statement.
		b.closeConn()
	}
	return &checkError{err}
}

// rollback leaves a failed explicit transaction, so that the connection can serve the next request; it returns cause.
func (b *batch) rollback(cause error) error {
	b.done = true
	if b.conn.IsClosed() || b.conn.TxStatus() == 'I' {
		return cause
	}
	// The request may be over; the connection must be clean all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), cancelGrace)
	defer cancel()
	b.ctx = ctx
	b.open()
	b.query(Statement{SQL: "rollback"}, expectation{})
	if err := b.sync(); err != nil {
		b.closeConn()
	}
	return cause
}

// abandon drops a connection whose attempt did not come to an end (a panic in Check), so that nothing of it can reach
// another request.
func (b *batch) abandon() {
	if !b.done {
		b.closeConn()
	}
}

func (b *batch) closeConn() {
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	_ = b.conn.Close(ctx)
}
