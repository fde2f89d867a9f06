package functions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/clientip"
	"nexus/rls"
)

// Calls with an Idempotency-Key (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/) have their effect
// once: a repeated call gets the first one's answer, for 24 hours. Only success is kept, because what was refused has had no effect.
//
// For functions in Go and SQL the key is claimed in the transaction of the effect, so a crash at any moment leaves both or neither.
// What a function in TypeScript does is not ours to undo: its key is claimed before it runs, and if its answer is lost
// nobody knows whether it had an effect, so a repeated call is told that instead of running again.

const (
	// IdempotencyHeader carries the key.
	IdempotencyHeader = "Idempotency-Key"
	// replayedHeader marks answers that were given before.
	replayedHeader = "Idempotency-Replayed"
	// claimHeader tells the database what to claim; clients cannot send it.
	claimHeader = "Nexus-Idempotency"
	maxKey      = 255
	// maxKept is the largest body of an answer that is kept, in bytes.
	maxKept = 1 << 20
)

// keptHeaders are those of an answer that are repeated.
var keptHeaders = []string{"Content-Type", "Content-Disposition", "Location", "Content-Range", "Preference-Applied"}

// once is what a key stands for.
type once struct {
	scope, key  string
	fingerprint []byte
	mayRun      time.Duration
}

// How long the answer may come after the claim has been committed: a repeated call is told to wait so long, and then that the answer is lost.
const (
	inSQL        = time.Minute      // the answer is kept right after the effect
	inTypeScript = 10 * time.Minute // the function runs after the claim
)

// newOnce reads the key of a request, nil if there is none or nothing can come of the call.
func newOnce(r *http.Request, c *Call, name string, body []byte, mayRun time.Duration) (*once, error) {
	key := r.Header.Get(IdempotencyHeader)
	if key == "" || c.Identity.ReadOnly() || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil, nil //nolint:nilnil // most calls have none, and that is no error
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' || len(key) > maxKey {
			return nil, Invalid(IdempotencyHeader, "must have 1 to 255 printable characters")
		}
	}
	who := c.Identity.Subject
	if caller := c.Identity.Caller.Class; caller != rls.User && caller != rls.Agent {
		who = c.Identity.Role + " " + clientip.Key(c.Address)
	}
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, r.URL.RawQuery} {
		h.Write([]byte(part + "\n"))
	}
	h.Write(body)
	return &once{scope: name + " " + who + " " + c.OrganizationID(), key: key, fingerprint: h.Sum(nil), mayRun: mayRun}, nil
}

var errInProgress = &Error{
	Status: http.StatusConflict, Code: "idempotency_in_progress", Message: "A call with this Idempotency-Key is running",
	RetryAfter: time.Second,
}

// claim claims the key in the transaction, or returns the answer that was given before.
func (o *once) claim(ctx context.Context, tx pgx.Tx) (*answer, error) {
	var outcome string
	var status *int
	var headers, body []byte
	err := tx.QueryRow(ctx, "select outcome, status, headers, body from nexus.claim_idempotency_key($1, $2, $3, $4)",
		o.scope, o.key, o.fingerprint, o.mayRun).Scan(&outcome, &status, &headers, &body)
	if err != nil {
		return nil, err
	}
	switch outcome {
	case "claimed":
		return nil, nil //nolint:nilnil // there is no answer yet
	case "done":
		a := &answer{Status: *status, Body: body}
		if err := json.Unmarshal(headers, &a.Header); err != nil {
			return nil, err
		}
		a.Header.Set(replayedHeader, "true")
		return a, nil
	case "running":
		return nil, errInProgress
	case "other":
		return nil, Errorf(http.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key was used for another request")
	case "withheld":
		return nil, Errorf(http.StatusConflict, "idempotency_answer_withheld",
			"The call with this Idempotency-Key was successful; its answer is not kept, because it is too large or has a secret")
	default:
		return nil, Errorf(http.StatusConflict, "idempotency_outcome_unknown",
			"A call with this Idempotency-Key ran, and its answer was lost; see whether it had its effect before using another key")
	}
}

// keep stores the answer, without its body if that must not or cannot be kept.
func (o *once) keep(ctx context.Context, tx pgx.Tx, a *answer, withhold bool) error {
	kept := http.Header{}
	for _, name := range keptHeaders {
		if values := a.Header.Values(name); len(values) > 0 {
			kept[name] = values
		}
	}
	headers, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	body := slices.Concat(a.Body) // nil would be a body that is not kept
	if body == nil {
		body = []byte{}
	}
	if withhold || len(body) > maxKept {
		body = nil
	}
	_, err = tx.Exec(ctx, "select nexus.answer_idempotency_key($1, $2, $3, $4, $5)", o.scope, o.key, a.Status, headers, body)
	return err
}

// runOnce runs a function in Go in the transaction that claims the key.
func (h *Handler) runOnce(ctx context.Context, o *once, f *Function, c *Call, run func(context.Context) (*answer, error)) (a *answer, err error) {
	err = h.sessions.Do(ctx, func(tx pgx.Tx) error {
		if a, err = o.claim(ctx, tx); err != nil || a != nil {
			return err
		}
		c.outer, c.Header = tx, http.Header{}
		defer func() { c.outer = nil }()
		if a, err = run(ctx); err != nil {
			return err
		}
		if err := asServer(ctx, tx); err != nil {
			return err
		}
		return o.keep(ctx, tx, a, f.WithholdAnswer)
	})
	return a, err
}

// asServer goes back to the login role within a transaction.
func asServer(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "select pg_catalog.set_config('role', 'none', true)")
	return err
}

// errLooked undoes a claim that was only made to see what there is.
var errLooked = errors.New("looked")

// look returns the answer that was given before, and leaves the claim to the transaction of the effect.
func (h *Handler) look(ctx context.Context, o *once) (a *answer, err error) {
	err = h.sessions.Do(ctx, func(tx pgx.Tx) error {
		if a, err = o.claim(ctx, tx); err != nil || a != nil {
			return err
		}
		return errLooked
	})
	if errors.Is(err, errLooked) {
		err = nil
	}
	return a, err
}

// header is what the database claims in the transaction of a function in SQL (nexus.claim_for_request).
func (o *once) header() string {
	text, _ := json.Marshal(map[string]string{ // strings always have a JSON form
		"scope": o.scope, "key": o.key, "fingerprint": hex.EncodeToString(o.fingerprint), "may_run": o.mayRun.String(),
	})
	return string(text)
}

// store keeps the answer that a recorder has seen, after the effect. That nobody could be told of it is no reason to fail.
func (h *Handler) store(ctx context.Context, o *once, seen *recorder) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	a := &answer{Status: seen.status, Header: seen.Header(), Body: seen.body.Bytes()}
	err := h.sessions.Do(ctx, func(tx pgx.Tx) error { return o.keep(ctx, tx, a, seen.tooLarge) })
	if err != nil {
		h.log.ErrorContext(ctx, "an answer could not be kept for its Idempotency-Key", "error", err)
	}
}

// storeTimeout bounds what comes after the answer.
const storeTimeout = 10 * time.Second

// release gives the key back of a call that had no effect.
func (h *Handler) release(ctx context.Context, o *once) {
	h.conclude(ctx, o, "select nexus.release_idempotency_key($1, $2)")
}

// lose says that the answer of a call will not come, though it may have had its effect.
func (h *Handler) lose(ctx context.Context, o *once) {
	h.conclude(ctx, o, "select nexus.lose_idempotency_answer($1, $2)")
}

// conclude ends a call without an answer to keep.
func (h *Handler) conclude(ctx context.Context, o *once, sql string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := h.sessions.Do(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, o.scope, o.key)
		return err
	})
	if err != nil {
		h.log.ErrorContext(ctx, "what became of a call could not be noted for its Idempotency-Key", "error", err)
	}
}

// recorder passes an answer on and remembers it.
type recorder struct {
	http.ResponseWriter
	status   int
	body     bytes.Buffer
	tooLarge bool
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.tooLarge = w.tooLarge || w.body.Len()+len(p) > maxKept; !w.tooLarge {
		w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rebody reads a request's body, so that it can be told from another one, and puts it back.
func (h *Handler) rebody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if err != nil {
		return nil, bodyError(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}
