package storage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/storage/blob"
)

// pieceBytes is how much of an upload a crash can lose: a longer request is kept in pieces of it.
const pieceBytes = 8 << 20

// patch appends to an upload.
func (t *tusCall) patch(w http.ResponseWriter) error {
	if t.Header.Get("Content-Type") != tusType {
		return errTusType
	}
	offset, err := strconv.ParseInt(t.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return errTusHeader
	}
	if offset != t.offset {
		return errTusOffset
	}
	if err := t.declareLength(); err != nil {
		return err
	}
	if err := t.mayGoOn(); err != nil {
		return err
	}
	if err := t.take(w); err != nil {
		return err
	}
	if err := t.finish(w); err != nil {
		return err
	}
	t.state(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// declareLength takes the length of an upload that began without one.
func (t *tusCall) declareLength() error {
	if t.size != nil || t.Header.Get("Upload-Length") == "" {
		return nil
	}
	if err := t.readLength(); err != nil {
		return err
	}
	to, err := t.findBucket(t.Context(), t.draft.bucket)
	if err != nil {
		return err
	}
	if *t.size > t.h.limitOf(to, t.draft.key) {
		return errTooLarge
	}
	return t.serve(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "update storage.tus_uploads set size = $2 where id = $1 and size is null", t.id, *t.size)
		return err
	})
}

// take stores what the request brings, piece by piece. What has arrived when the connection breaks is kept.
func (t *tusCall) take(w http.ResponseWriter) error {
	to, err := t.findBucket(t.Context(), t.draft.bucket)
	if err != nil {
		return err
	}
	left := t.h.limitOf(to, t.draft.key) - t.offset
	if t.size != nil {
		left = *t.size - t.offset
	}
	body := &interruptible{r: &limited{r: t.h.patientBody(w, t.Body), left: left}}
	for !body.ended {
		if err := t.takePiece(body); err != nil {
			return err
		}
	}
	if errors.Is(body.err, errTooLarge) {
		return errTooLarge
	}
	return body.err
}

// interruptible turns the end of a connection into the end of the bytes, and remembers it.
type interruptible struct {
	r     io.Reader
	ended bool
	err   error
}

// Read implements io.Reader.
func (b *interruptible) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil {
		b.ended = true
		if !errors.Is(err, io.EOF) {
			b.err = err
		}
		return n, io.EOF
	}
	return n, nil
}

// takePiece stores one piece and has the upload grow by it, unless somebody else has gone on with the upload in between.
func (t *tusCall) takePiece(body *interruptible) error {
	// It does not end with the request: what came is worth keeping.
	ctx := context.WithoutCancel(t.Context())
	version := newVersion()
	sum, err := t.h.blobs.Put(ctx, version, io.LimitReader(body, pieceBytes))
	if err != nil {
		t.h.discard(ctx, version)
		return err
	}
	if sum.Size == 0 {
		t.h.discard(ctx, version)
		return nil
	}
	t.h.at(stepStored)
	err = t.serve(ctx, func(tx pgx.Tx) error {
		var offset int64
		err := tx.QueryRow(ctx, `
			select coalesce((select sum(p.size) from storage.tus_parts p where p.upload_id = u.id), 0)::bigint
			from (select id from storage.tus_uploads where id = $1 and completed_at is null for update) u`, t.id).Scan(&offset)
		if errors.Is(err, pgx.ErrNoRows) {
			return errTusMissing
		}
		if err != nil {
			return err
		}
		if offset != t.offset {
			return errTusOffset
		}
		_, err = tx.Exec(ctx, "insert into storage.tus_parts (upload_id, start, size, version) values ($1, $2, $3, $4)",
			t.id, offset, sum.Size, version)
		return err
	})
	if hasCode(err, "23505") { // the other one was a moment faster
		err = errTusOffset
	}
	if err != nil {
		t.h.discard(ctx, version)
		return err
	}
	t.h.at(stepCommitted)
	t.offset += sum.Size
	return nil
}

// finish makes the object of an upload that is whole.
func (t *tusCall) finish(http.ResponseWriter) error {
	if t.done || t.size == nil || t.offset != *t.size {
		return nil
	}
	ctx := context.WithoutCancel(t.Context())
	var parts []string
	err := t.serve(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select version from storage.tus_parts where upload_id = $1 order by start", t.id)
		if err != nil {
			return err
		}
		parts, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	if err := t.checkTruth(ctx, parts); err != nil {
		return err
	}
	d := t.draft
	d.version = newVersion() // of two that finish at once, each has bytes of its own
	sum, err := blob.Concat(ctx, t.h.blobs, d.version, parts)
	if err != nil {
		t.h.discard(ctx, d.version)
		return err
	}
	d.metadata = t.known.of(sum, time.Now())
	d.also = func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update storage.tus_uploads set completed_at = now() where id = $1 and completed_at is null", t.id)
		if err == nil && tag.RowsAffected() == 0 {
			return errTusFinished
		}
		if err == nil {
			_, err = tx.Exec(ctx, "delete from storage.tus_parts where upload_id = $1", t.id)
		}
		return err
	}
	if _, err := t.commit(&d); err != nil {
		return err
	}
	t.h.discard(ctx, parts...)
	t.done = true
	return nil
}

// checkTruth holds the first bytes to the declared type, as those of an upload in one request.
func (t *tusCall) checkTruth(ctx context.Context, parts []string) error {
	to, err := t.findBucket(ctx, t.draft.bucket)
	if err != nil || len(parts) == 0 || len(to.AllowedTypes) == 0 {
		return err
	}
	first, err := t.h.blobs.Open(ctx, parts[0])
	if err != nil {
		return err
	}
	defer func() { _ = first.Close() }()
	head, err := io.ReadAll(io.LimitReader(first, sniffed))
	if err != nil {
		return err
	}
	if lie := lies(head, t.known.Mimetype, to.AllowedTypes); lie != "" {
		return invalidType(lie)
	}
	return nil
}
