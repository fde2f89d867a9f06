package rest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/db"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/engine/rest/rows"
)

// maxKeptBody is the largest body whose buffer is kept for the next request, in bytes.
const maxKeptBody = 1 << 20

// body makes a body of rows as they arrive. It implements db.Rows.
type body struct {
	format  rows.Format
	encoder rows.Encoder
	text    []byte
}

// Begin implements db.Rows.
func (b *body) Begin(columns []pgconn.FieldDescription) (err error) {
	b.text, err = b.encoder.Begin(b.text[:0], b.format, columns)
	return err
}

// Row implements db.Rows.
func (b *body) Row(values [][]byte) error {
	b.text = b.encoder.Row(b.text, values)
	return nil
}

// newBody takes a body from those that are kept; release gives it back.
func (x *exchange) newBody(format rows.Format) *body {
	b, _ := x.h.bodies.Get().(*body)
	if b == nil {
		b = &body{}
	}
	b.format = format
	x.body = b
	return b
}

// release keeps the buffers of the exchange for others. The response must have been sent.
func (x *exchange) release() {
	if x.body != nil && cap(x.body.text) <= maxKeptBody {
		x.h.bodies.Put(x.body)
	}
	x.body = nil
}

// executePlain answers with rows that PostgreSQL sends as they are.
func (x *exchange) executePlain(ctx context.Context, req *request.Request, p *plan.Plan, q *query.Query) (*render.Response, error) {
	b := x.newBody(q.Format)
	tx := x.transaction(req, p)
	tx.Main, tx.Rows = statement(q.Main), b
	tx.After = make([]db.Statement, 1, 2)
	tx.After[0] = statement(q.Response)
	if q.CountPlan.SQL != "" {
		tx.After = append(tx.After, statement(q.CountPlan))
	}
	stop := x.timing.stage("transaction")
	answer, err := x.h.opts.DB.Run(ctx, tx)
	stop()
	if errors.Is(err, rows.ErrNotPlain) {
		return x.executeAggregated(ctx, req, p)
	}
	if err != nil {
		return nil, err
	}
	defer x.timing.stage("response")()
	b.text = b.encoder.End(b.text)
	set := answer.After[0]
	if len(set) != 1 || len(set[0]) != 2 {
		return nil, fmt.Errorf("rest: the settings of the answer came as %d rows", len(set))
	}
	result := &render.Result{Body: b.text, Page: b.encoder.Rows(), Headers: set[0][0], Status: set[0][1]}
	if err := checkResult(req, p, result); err != nil {
		return nil, err
	}
	if err := x.addPlannedCount(req, result, answer.After[1:]); err != nil {
		return nil, err
	}
	return render.Respond(x.subject(req, p), result)
}

// executeAggregated serves the moments between a change of a column's type and its becoming known.
func (x *exchange) executeAggregated(ctx context.Context, req *request.Request, p *plan.Plan) (*render.Response, error) {
	q, err := query.BuildAggregated(p)
	if err != nil {
		return nil, err
	}
	return x.execute(ctx, req, p, q)
}
