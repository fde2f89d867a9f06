package messages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/messages/graph"
	"nexus/engine/app/seal"
	"nexus/engine/functions"
	"nexus/engine/jobs"
	"nexus/engine/storage/blob"
	"nexus/rls"
)

// maxFile is the largest file that is kept, in bytes. WhatsApp lets contacts send documents of up to 100 MB.
const maxFile = 100 << 20

// fetchJob has a file fetched that came with a message; nexus_app.receive_message adds it.
type fetchJob struct {
	OrganizationID string `json:"organization_id"`
	AttachmentID   string `json:"attachment_id"`
}

// Kind implements jobs.Args.
func (fetchJob) Kind() string { return "message_media" }

// pending is a file that is to be fetched, as nexus_app.pending_attachment returns it.
type pending struct {
	Organization string
	Platform     *string
	Account      *string
	Credentials  []byte
	MediaID      *string
	SourceURL    *string
	MediaType    *string
	SHA256       *string
}

// fetch is what the job does.
func (s *service) fetch(ctx context.Context, job jobs.Job[fetchJob]) error {
	id := job.Args.AttachmentID
	var p pending
	err := s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select organization, platform, account, credentials, platform_media_id, source_url, media_type, media_sha256 from nexus_app.pending_attachment($1)", id)
		if err != nil {
			return err
		}
		p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[pending])
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.keep(ctx, id, &p)
	if err != nil && (lost(err) || job.Last) {
		return errors.Join(jobs.Give(err), s.attachmentFailed(ctx, id, err))
	}
	return err
}

// keep downloads a file into the store.
func (s *service) keep(ctx context.Context, id string, p *pending) error {
	file, err := s.download(ctx, p)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	// An attempt before may have got as far as this, and no further.
	if err := s.Files.Delete(ctx, id); err != nil {
		return err
	}
	if _, err := s.Files.Put(ctx, id, file); err != nil {
		return err
	}
	return s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select nexus_app.attachment_stored($1, $2, $3, $4, $5)", id, file.MIMEType, file.Size(), file.SHA256(), s.mediaURL(id))
		return err
	})
}

// forgetJob has a file removed whose row is gone; a trigger adds it.
type forgetJob struct {
	OrganizationID string `json:"organization_id"`
	AttachmentID   string `json:"attachment_id"`
}

// Kind implements jobs.Args.
func (forgetJob) Kind() string { return "message_media_removed" }

func (s *service) forget(ctx context.Context, job jobs.Job[forgetJob]) error {
	return s.Files.Delete(ctx, job.Args.AttachmentID)
}

// lost reports whether a file will not be had by trying again.
func lost(err error) bool {
	var known *graph.Error
	if errors.As(err, &known) {
		return known.Outcome == graph.Refused
	}
	return errors.Is(err, errNoAccount) || errors.Is(err, graph.ErrTooLarge) || errors.Is(err, seal.ErrOtherKey) || errors.Is(err, seal.ErrForged)
}

func (s *service) attachmentFailed(ctx context.Context, id string, reason error) error {
	return s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select nexus_app.attachment_failed($1, $2)", id, reason.Error())
		return err
	})
}

func (s *service) download(ctx context.Context, p *pending) (*graph.File, error) {
	m := graph.Media{URL: text(p.SourceURL), MIMEType: text(p.MediaType)}
	if p.MediaID == nil {
		return s.Graph.Download(ctx, nil, m, maxFile)
	}
	if p.Account == nil {
		return nil, errNoAccount
	}
	with, err := s.unseal(*p.Account, p.Credentials)
	if err != nil {
		return nil, err
	}
	if m, err = s.Graph.Media(ctx, with.Credentials, *p.MediaID); err != nil {
		return nil, err
	}
	return s.Graph.Download(ctx, &with.Credentials, m, maxFile)
}

// mediaURL is where a file is served.
func (s *service) mediaURL(id string) string {
	return s.BaseURL + "/functions/v1/message-media?" + url.Values{"id": {id}}.Encode()
}

func (s *service) read(ctx context.Context, id string) ([]byte, error) {
	file, err := s.Files.Open(ctx, id)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, functions.Errorf(http.StatusNotFound, "not_found", "The file is not here any more")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

type mediaRequest struct {
	ID uuid.UUID `json:"id" jsonschema:"the file, a row of message_attachments"`
}

// shown are the media types that browsers may show; others, which could be pages with scripts, they save.
func shown(kind string) bool {
	switch kind {
	case "image/svg+xml":
		return false
	case "application/pdf", "text/plain":
		return true
	}
	return strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/")
}

func (s *service) media() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "message-media", Method: http.MethodGet, Tag: "Messages", Summary: "Fetch a file that came with a message",
		Description: "Where the column `media_url` of messages leads.", Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, r mediaRequest) (out functions.Content, err error) {
		var status string
		var name, kind *string
		err = c.QueryRow(ctx, "select status, file_name, media_type from public.message_attachments where id = $1", []any{r.ID}, &status, &name, &kind)
		if errors.Is(err, pgx.ErrNoRows) {
			return out, notFound("file")
		}
		if err != nil {
			return out, err
		}
		if status != "stored" {
			return out, functions.Errorf(http.StatusConflict, "not_stored", "The file is not here: "+status)
		}
		if out.Body, err = s.read(ctx, r.ID.String()); err != nil {
			return out, err
		}
		out.Type = "application/octet-stream"
		if kind != nil {
			out.Type = *kind
		}
		disposition, params := "attachment", map[string]string{}
		if shown(out.Type) {
			disposition = "inline"
		}
		if name != nil {
			params["filename"] = *name
		}
		out.Header = map[string]string{
			"Content-Disposition": mime.FormatMediaType(disposition, params), "Content-Security-Policy": "sandbox",
			"Cache-Control": fmt.Sprintf("private, max-age=%d, immutable", 365*24*60*60),
		}
		return out, nil
	})
}
