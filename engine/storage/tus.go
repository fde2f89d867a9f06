package storage

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Facts of the protocol (https://tus.io/protocols/resumable-upload).
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,creation-defer-length,termination,expiration"
	tusType       = "application/offset+octet-stream"
)

// tusError is an error of the protocol alone.
func tusError(status int, message string) *Error {
	return &Error{Status: status, Code: "TusError", Name: "TusError", Message: message}
}

var (
	errTusVersion  = tusError(http.StatusPreconditionFailed, "Tus-Resumable must be "+tusVersion)
	errTusType     = tusError(http.StatusUnsupportedMediaType, "Content-Type must be "+tusType)
	errTusOffset   = tusError(http.StatusConflict, "Upload-Offset is not where the upload is")
	errTusHeader   = tusError(http.StatusBadRequest, "Upload-Offset must be a number")
	errTusLength   = tusError(http.StatusBadRequest, "Upload-Length or Upload-Defer-Length is required")
	errTusMetadata = tusError(http.StatusBadRequest, "Metadata header is required")
	errTusMissing  = tusError(http.StatusNotFound, "The file for this url was not found")
	errTusFinished = tusError(http.StatusBadRequest, "The upload is finished")
)

// tusOperations are what policies are told.
var tusOperations = map[string]string{
	http.MethodPost: "storage.tus.upload.create", http.MethodPatch: "storage.tus.upload.part", http.MethodHead: "storage.tus.upload.get",
	http.MethodDelete: "storage.tus.upload.delete",
}

// serveTUS answers all requests of the protocol; errors are texts with their own statuses.
func (h *Handler) serveTUS(w http.ResponseWriter, r *http.Request, to route) {
	header := w.Header()
	header.Set("Tus-Resumable", tusVersion)
	if r.Method == http.MethodOptions {
		header.Set("Tus-Version", tusVersion)
		header.Set("Tus-Extension", tusExtensions)
		header.Set("Tus-Max-Size", strconv.FormatInt(h.cfg.MaxObject, 10))
		preflight(w, r)
		return
	}
	if err := h.tus(h.patient(w, r), r, to); err != nil {
		e := asError(err)
		h.logError(r, e)
		header.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(e.Status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, e.Message)
		}
	}
}

func (h *Handler) tus(w http.ResponseWriter, r *http.Request, to route) error {
	operation, ok := tusOperations[r.Method]
	if !ok {
		return tusError(http.StatusMethodNotAllowed, "This path has no such method")
	}
	if r.Header.Get("Tus-Resumable") != tusVersion {
		return errTusVersion
	}
	to.operation = operation
	var signed bool
	if to.key, signed = cutSign(to.key); signed {
		to.access = accessServer
	}
	c, err := h.enter(r, to)
	if err != nil {
		return err
	}
	t := &tusCall{call: c, signed: signed}
	switch {
	case r.Method == http.MethodPost && to.key == "":
		return t.create(w)
	case r.Method == http.MethodPost || to.key == "":
		return errTusMissing
	}
	if err := t.open(to.key); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodPatch:
		return t.patch(w)
	case http.MethodHead:
		return t.head(w)
	default:
		return t.remove(w)
	}
}

// cutSign tells paths of uploads that a signature lets in.
func cutSign(key string) (rest string, signed bool) {
	if key == "sign" {
		return "", true
	}
	return strings.CutPrefix(key, "sign/")
}

// tusCall is a request about one upload.
type tusCall struct {
	*call
	signed bool
	// id is the last segment of the upload's URL; the rest is its row.
	id      string
	draft   draft
	known   metadata
	offset  int64
	size    *int64
	said    string
	expires time.Time
	done    bool
}

// open reads an upload's row, and checks the signature if that is what lets the request in.
func (t *tusCall) open(id string) error {
	t.id = id
	err := t.serve(t.Context(), t.load)
	if err != nil {
		return err
	}
	if t.expires.Before(time.Now()) {
		return errTusMissing
	}
	return t.checkSignature()
}

func (t *tusCall) load(tx pgx.Tx) error {
	err := tx.QueryRow(t.Context(), `
		select u.bucket_id, u.key, u.version, u.owner_id, u.upsert, u.size, u.upload_metadata, u.metadata, u.user_metadata, u.expires_at,
			u.completed_at is not null,
			coalesce((select sum(p.size) from storage.tus_parts p where p.upload_id = u.id), 0)::bigint
		from storage.tus_uploads u
		where u.id = $1`, t.id).Scan(&t.draft.bucket, &t.draft.key, &t.draft.version, &t.draft.owner, &t.draft.upsert, &t.size, &t.said,
		&t.known, &t.draft.userMetadata, &t.expires, &t.done, &t.offset)
	if errors.Is(err, pgx.ErrNoRows) {
		return errTusMissing
	}
	if t.done && t.size != nil {
		t.offset = *t.size
	}
	return err
}

func (t *tusCall) checkSignature() error {
	if !t.signed {
		return nil
	}
	g, err := t.h.signer.verify(t.Header.Get("X-Signature"), scopeUpload, t.draft.bucket, t.draft.key)
	if err != nil {
		return err
	}
	t.draft.owner, t.draft.upsert = g.Owner, g.Upsert
	return nil
}

// mayGoOn asks the policies again at each request, as for an upload in one.
func (t *tusCall) mayGoOn() error {
	if t.signed {
		return nil
	}
	probe := t.draft
	said := map[string]any{"mimetype": t.known.Mimetype}
	if t.size != nil {
		said["contentLength"] = *t.size
	}
	probe.metadata = said
	return t.mayWrite(&probe)
}

// create begins an upload.
func (t *tusCall) create(w http.ResponseWriter) error {
	if err := t.readMetadata(); err != nil {
		return err
	}
	if err := t.readLength(); err != nil {
		return err
	}
	if err := t.checkSignature(); err != nil {
		return err
	}
	to, err := t.findBucket(t.Context(), t.draft.bucket)
	if err != nil {
		return err
	}
	if t.size != nil && *t.size > t.h.limitOf(to, t.draft.key) {
		return errTooLarge
	}
	if !isEmptyFolder(t.draft.key) && !allowsType(to.AllowedTypes, t.known.Mimetype) {
		return invalidType(t.known.Mimetype)
	}
	t.draft.version = newVersion()
	if err := t.mayGoOn(); err != nil {
		return err
	}
	t.id = base64.RawURLEncoding.EncodeToString([]byte(t.draft.bucket + "/" + t.draft.key + "/" + t.draft.version))
	t.expires = time.Now().Add(t.h.cfg.ResumableLife)
	var user any
	if len(t.draft.userMetadata) > 0 {
		user = string(t.draft.userMetadata)
	}
	err = t.serve(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `
			insert into storage.tus_uploads
				(id, bucket_id, key, version, owner_id, upsert, size, upload_metadata, metadata, user_metadata, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, t.id, t.draft.bucket, t.draft.key, t.draft.version, t.draft.owner,
			t.draft.upsert, t.size, t.said, t.known, user, t.expires)
		return err
	})
	if err != nil {
		return err
	}
	if t.Header.Get("Content-Type") == tusType {
		if err := t.take(w); err != nil {
			return err
		}
	}
	if err := t.finish(w); err != nil {
		return err
	}
	path := "/" + tusPath + "/"
	if t.signed {
		path += "sign/"
	}
	w.Header().Set("Location", t.h.base(t.Request)+path+t.id)
	t.state(w.Header())
	w.WriteHeader(http.StatusCreated)
	return nil
}

// base is where the client reaches storage/v1.
func (h *Handler) base(r *http.Request) string {
	if h.cfg.BaseURL != "" {
		return h.cfg.BaseURL
	}
	scheme, host := r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host")
	if scheme != "http" && scheme != "https" {
		scheme = "http"
	}
	if host == "" {
		host = r.Host
	}
	return scheme + "://" + host + h.cfg.MountPath
}

// readMetadata reads what the client says of the object to be: pairs of a name and a value in base64.
func (t *tusCall) readMetadata() error {
	t.said = t.Header.Get("Upload-Metadata")
	if t.said == "" {
		return errTusMetadata
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(t.said, ",") {
		name, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return tusError(http.StatusBadRequest, "Upload-Metadata is not valid")
		}
		values[name] = string(value)
	}
	t.draft.bucket, t.draft.key = values["bucketName"], values["objectName"]
	if t.draft.bucket == "" || t.draft.key == "" {
		return tusError(http.StatusBadRequest, "Upload-Metadata must have bucketName and objectName")
	}
	if err := checkKey(t.draft.key); err != nil {
		return err
	}
	t.draft.owner, t.draft.upsert = t.owner(), t.Header.Get("X-Upsert") == "true"
	t.draft.userMetadata = userMetadata([]byte(values["metadata"]))
	t.known = metadata{Mimetype: values["contentType"], CacheControl: "no-cache"}
	if t.known.Mimetype == "" {
		t.known.Mimetype = "application/octet-stream"
	}
	if seconds := values["cacheControl"]; seconds != "" {
		t.known.CacheControl = "max-age=" + strings.TrimPrefix(seconds, "max-age=")
	}
	return cleanHeader(t.known.Mimetype, t.known.CacheControl)
}

// readLength reads how large the object will be, unless the client does not know yet.
func (t *tusCall) readLength() error {
	text := t.Header.Get("Upload-Length")
	if text == "" {
		if t.Header.Get("Upload-Defer-Length") == "1" || t.size != nil {
			return nil
		}
		return errTusLength
	}
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 {
		return errTusLength
	}
	if t.size != nil && *t.size != size {
		return tusError(http.StatusBadRequest, "Upload-Length cannot change")
	}
	t.size = &size
	return nil
}

// state tells where the upload is.
func (t *tusCall) state(header http.Header) {
	header.Set("Upload-Offset", strconv.FormatInt(t.offset, 10))
	header.Set("Upload-Expires", t.expires.UTC().Format(http.TimeFormat))
	if t.done {
		header.Set("Tus-Complete", "1")
	}
}

func (t *tusCall) head(w http.ResponseWriter) error {
	// The server may have died between the last piece and the object.
	if err := t.finish(w); err != nil {
		return err
	}
	header := w.Header()
	t.state(header)
	header.Set("Cache-Control", "no-store")
	header.Set("Upload-Metadata", t.said)
	if t.size != nil {
		header.Set("Upload-Length", strconv.FormatInt(*t.size, 10))
	} else {
		header.Set("Upload-Defer-Length", "1")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (t *tusCall) remove(w http.ResponseWriter) error {
	if t.done {
		return errTusFinished
	}
	if err := t.mayGoOn(); err != nil {
		return err
	}
	var versions []string
	err := t.serve(t.Context(), func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), `
			with gone as (delete from storage.tus_uploads where id = $1)
			select version from storage.tus_parts where upload_id = $1`, t.id)
		if err != nil {
			return err
		}
		versions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	t.h.discard(t.Context(), versions...)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
