package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nexus/engine/rest/plan"
	"nexus/engine/rest/query"
	"nexus/engine/rest/render"
	"nexus/engine/rest/request"
	"nexus/engine/rest/rows"
)

const (
	// maxKeptBody is the largest body whose buffer is kept for the next request, in bytes.
	maxKeptBody = 1 << 20
	// streamPiece is how much of a streamed body is sent at once, in bytes.
	streamPiece = 64 << 10
)

// errStreamed means that a part of the body is out already.
var errStreamed = errors.New("rest: the body cannot be begun again")

// body makes a body of rows as they arrive, and sends what exceeds a limit. It implements db.Rows.
type body struct {
	x     *exchange
	req   *request.Request
	plan  *plan.Plan
	query *query.Query

	encoder rows.Encoder
	text    []byte
	before  [][][][]byte
	// limit is how long text may become before it is sent, 0 if it is not.
	limit int
	// readsResponse is true if what db-pre-request has set for the answer is the last of before.
	readsResponse bool
	// begun is true once the head is out.
	begun bool
}

// newBody takes a body from those that are kept; release gives it back.
func (x *exchange) newBody(req *request.Request, p *plan.Plan, q *query.Query) *body {
	b, _ := x.h.bodies.Get().(*body)
	if b == nil {
		b = &body{}
	}
	b.x, b.req, b.plan, b.query = x, req, p, q
	if b.streams() {
		b.limit = x.cfg.StreamAbove
	}
	x.body = b
	return b
}

// release keeps the buffers of the exchange for others. The response must have been sent.
func (x *exchange) release() {
	b := x.body
	x.body = nil
	if b != nil && cap(b.text) <= maxKeptBody {
		*b = body{encoder: b.encoder, text: b.text[:0]}
		x.h.bodies.Put(b)
	}
}

// streams reports whether the body may leave before it is complete: not if its head tells what only the end shows.
func (b *body) streams() bool {
	return b.x.cfg.StreamAbove > 0 && b.query.Format != rows.Object && b.query.Format != rows.Value && !b.x.timing.on && b.query.CountPlan.SQL == ""
}

// Begin implements db.Rows.
func (b *body) Begin(columns []pgconn.FieldDescription, before [][][][]byte) (err error) {
	if b.begun {
		return errStreamed
	}
	b.before = before
	b.text, err = b.encoder.Begin(b.text[:0], b.query.Format, columns)
	return err
}

// Row implements db.Rows.
func (b *body) Row(values [][]byte) error {
	b.text = b.encoder.Row(b.text, values)
	if b.limit == 0 || len(b.text) < b.limit {
		return nil
	}
	if !b.begun {
		if err := b.begin(); err != nil {
			return err
		}
	}
	return b.flush()
}

// begin sends the head.
func (b *body) begin() error {
	result := &render.Result{Streamed: true}
	before := b.before
	if b.readsResponse {
		if err := b.readResponse(result, before[len(before)-1]); err != nil {
			return err
		}
	}
	if err := b.readCounts(result, before); err != nil {
		return err
	}
	if result.Total != nil {
		result.Page = b.page(*result.Total)
	}
	response, err := render.Respond(b.x.subject(b.req, b.plan), result)
	if err != nil {
		return err
	}
	b.begun, b.limit = true, streamPiece
	b.x.addHeaders(b.x.writer, response)
	b.x.writer.WriteHeader(response.Status)
	return nil
}

// page is the number of rows in the window, when there are that many in all.
func (b *body) page(total int64) int64 {
	size := max(total-b.req.TopRange.Offset, 0)
	if w := b.plan.Read.Window; w.HasLimit {
		size = min(size, w.Rows)
	}
	return size
}

// flush sends what there is. A client that does not take it in time is given up.
func (b *body) flush() error {
	if timeout := b.x.cfg.StreamTimeout; timeout > 0 {
		deadline := time.Now().Add(timeout)
		if err := http.NewResponseController(b.x.writer).SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return fmt.Errorf("rest: %w", err)
		}
	}
	_, err := b.x.writer.Write(b.text)
	b.text = b.text[:0]
	if err != nil {
		return fmt.Errorf("rest: the client did not take the body: %w", err)
	}
	return nil
}

// endStream ends a streamed answer. After an error the connection is cut, so that the client cannot take the part for the
// whole.
func (x *exchange) endStream(err error) {
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			x.h.opts.Logger.LogAttrs(x.http.Context(), slog.LevelWarn, "streamed answer cut short", slog.Any("cause", err))
		}
		panic(http.ErrAbortHandler)
	}
	if x.cfg.StreamTimeout > 0 {
		// The deadline belongs to the connection, and would meet the next answer.
		_ = http.NewResponseController(x.writer).SetWriteDeadline(time.Time{})
	}
}
