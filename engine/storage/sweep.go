package storage

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/storage/blob"
	"nexus/rls"
	"nexus/schema"
)

const (
	// sweepGrace is how old bytes are at least that are swept: those of an upload that is being committed are younger.
	sweepGrace = time.Hour
	// sweepBatch is how many blobs are asked for at once.
	sweepBatch = 1000
	// multipartLife is how long parts of the S3 protocol wait for the others.
	multipartLife = 7 * 24 * time.Hour
)

// Sweep ends uploads in pieces that are long past, and removes bytes that no row refers to. Several servers may do it at once.
func (h *Handler) Sweep(ctx context.Context) error { return h.sweep(ctx, time.Now().Add(-sweepGrace)) }

func (h *Handler) sweep(ctx context.Context, before time.Time) error {
	if err := h.purge(ctx, `
		with gone as (delete from storage.tus_uploads u where u.expires_at < now() returning u.id)
		select p.version from storage.tus_parts p where p.upload_id in (select id from gone)`); err != nil {
		return err
	}
	if err := h.purge(ctx, `
		with gone as (delete from storage.s3_multipart_uploads u where u.created_at < $1 returning u.id)
		select p.version from storage.s3_multipart_uploads_parts p where p.upload_id in (select id from gone)`,
		time.Now().Add(-multipartLife)); err != nil {
		return err
	}
	if disk, ok := h.blobs.(interface {
		RemovePartial(old func(blob.Info) bool) error
	}); ok {
		if err := disk.RemovePartial(func(info blob.Info) bool { return info.Modified.Before(before) }); err != nil {
			return err
		}
	}
	return h.sweepBlobs(ctx, before)
}

func (h *Handler) sweepBlobs(ctx context.Context, before time.Time) error {
	keys := make([]string, 0, sweepBatch)
	for info, err := range h.blobs.List(ctx) {
		if err != nil {
			return err
		}
		if !info.Modified.Before(before) {
			continue
		}
		if keys = append(keys, info.Key); len(keys) == sweepBatch {
			if err := h.sweepKeys(ctx, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	return h.sweepKeys(ctx, keys)
}

func (h *Handler) sweepKeys(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	var orphans []string
	err := h.own(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select k.key
			from unnest($1::text[]) as k (key)
			where not exists (select from storage.objects o where o.version = k.key)
				and not exists (select from storage.tus_parts p where p.version = k.key)
				and not exists (select from storage.s3_multipart_uploads_parts p where p.version = k.key)`, keys)
		if err != nil {
			return err
		}
		orphans, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil || len(orphans) == 0 {
		return err
	}
	h.log.InfoContext(ctx, "storage/v1: removing bytes that nothing refers to", slog.Int("blobs", len(orphans)))
	return h.blobs.Delete(ctx, orphans...)
}

// own runs work of the server that no request asked for.
func (h *Handler) own(ctx context.Context, work func(pgx.Tx) error) error {
	settings := rls.Settings(h.service(), &rls.Facts{SearchPath: h.cfg.SearchPath, Header: http.Header{}, AppSettings: []schema.Setting{
		{Name: "storage.operation", Value: "storage.sweep"},
	}})
	return h.sessions.As(ctx, settings, false, work)
}

// purge is what sweeps of expired uploads have in common: rows go first, then their bytes.
func (h *Handler) purge(ctx context.Context, sql string, args ...any) error {
	var versions []string
	err := h.own(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		versions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err == nil {
		h.discard(ctx, versions...)
	}
	return err
}
