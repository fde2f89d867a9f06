package rest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"nexus/engine/db"
	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/engine/rest/rows"
)

// executePlain answers with rows that PostgreSQL sends as they are.
func (x *exchange) executePlain(ctx context.Context, req *request.Request, p *plan.Plan, q *query.Query) (*render.Response, error) {
	tx := x.transaction(req, p)
	if !p.ReadOnly && mayRefuse(req, p) {
		return x.executeAggregated(ctx, req, p) // the transaction has to wait for the check
	}
	if q.Count.SQL != "" {
		if !seesOneSnapshot(tx) {
			return x.executeAggregated(ctx, req, p)
		}
		tx.Before = append(tx.Before, statement(q.Count))
	}
	if q.CountPlan.SQL != "" {
		tx.Before = append(tx.Before, statement(q.CountPlan))
	}
	b := x.newBody(req, p, q)
	if b.readsResponse = tx.PreRequest.SQL != "" && b.streams(); b.readsResponse {
		tx.Before = append(tx.Before, statement(q.Response))
	}
	tx.Main, tx.Rows, tx.After = statement(q.Main), b, []db.Statement{statement(q.Response)}
	x.guard(tx)
	stop := x.timing.stage("transaction")
	answer, err := x.h.opts.DB.Run(ctx, tx)
	stop()
	switch {
	case errors.Is(err, rows.ErrNotPlain):
		return x.executeAggregated(ctx, req, p)
	case err != nil:
		return nil, err
	}
	b.text = b.encoder.End(b.text)
	if b.begun {
		return nil, b.flush()
	}
	defer x.timing.stage("response")()
	result := &render.Result{Body: b.text, Page: b.encoder.Rows()}
	if err := b.readResponse(result, answer.After[0]); err != nil {
		return nil, err
	}
	if err := b.readCounts(result, answer.Before); err != nil {
		return nil, err
	}
	if err := checkResult(req, p, result); err != nil {
		return nil, err
	}
	return render.Respond(x.subject(req, p), result)
}

// seesOneSnapshot makes the transaction one in which all statements see the same rows, unless it has been given a level of
// isolation in which they do not.
func seesOneSnapshot(tx *db.Tx) bool {
	if tx.Isolation == db.ReadCommitted {
		tx.Isolation = db.RepeatableRead
	}
	return !strings.HasPrefix(tx.Isolation, "read ")
}

// executeAggregated lets PostgreSQL make the body: where counting needs it, and in the moments between a change of a column's
// type and its becoming known.
func (x *exchange) executeAggregated(ctx context.Context, req *request.Request, p *plan.Plan) (*render.Response, error) {
	x.release()
	q, err := query.BuildAggregated(p)
	if err != nil {
		return nil, err
	}
	return x.execute(ctx, req, p, q)
}

// readResponse takes over what functions of the database have set for the answer.
func (b *body) readResponse(result *render.Result, set [][][]byte) error {
	if len(set) != 1 || len(set[0]) != 2 {
		return fmt.Errorf("rest: the settings of the answer came as %d rows", len(set))
	}
	result.Headers, result.Status = set[0][0], set[0][1]
	return nil
}

// readCounts takes over the counts, which come before the rows.
func (b *body) readCounts(result *render.Result, before [][][][]byte) (err error) {
	if b.query.Count.SQL != "" {
		if len(before[0]) != 1 || len(before[0][0]) != 1 {
			return fmt.Errorf("rest: the count came as %d rows", len(before[0]))
		}
		if result.Total, err = decodeCount(before[0][0][0]); err != nil {
			return err
		}
		before = before[1:]
	}
	if b.query.CountPlan.SQL == "" {
		return nil
	}
	return b.x.addPlannedCount(b.req, result, before[:1])
}
