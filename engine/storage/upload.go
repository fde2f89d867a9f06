package storage

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // Content-MD5 (RFC 1864)
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"nexus/engine/storage/blob"
)

const (
	// maxUserMetadata is the most that an uploader may say of an object, in bytes.
	maxUserMetadata = 1 << 20
	// sniffed is how many bytes tell what a body is (https://mimesniff.spec.whatwg.org/#resource-header).
	sniffed = 512
)

// incoming is an upload before its bytes.
type incoming struct {
	bucket, key string
	owner       *string
	upsert      bool
	// trusted uploads have been allowed before, when their URL was signed.
	trusted      bool
	body         io.Reader
	mimetype     string
	cacheControl string
	robotsTag    string
	userMetadata json.RawMessage
	// length is what the client says in advance; -1 if nothing.
	length int64
	// md5, if there is one, is what the body's sum must be.
	md5 []byte
}

// upload serves POST and PUT of an object.
func (c *call) upload(w http.ResponseWriter) error {
	in := &incoming{
		bucket: c.to.bucket, key: c.to.key, owner: c.owner(),
		upsert: c.Method == http.MethodPut || c.Header.Get("X-Upsert") == "true",
	}
	id, err := c.receive(w, in)
	if err != nil {
		return err
	}
	c.h.answer(w, c.Request, map[string]string{"Id": id, "Key": in.bucket + "/" + in.key})
	return nil
}

// receive reads what the request says of its upload, and takes it in.
func (c *call) receive(w http.ResponseWriter, in *incoming) (id string, err error) {
	if err := checkKey(in.key); err != nil {
		return "", err
	}
	to, err := c.findBucket(c.Context(), in.bucket)
	if err != nil {
		return "", err
	}
	if err := c.describe(w, in); err != nil {
		return "", err
	}
	return c.takeIn(in, to)
}

// describe reads all but the bytes: from headers, or from the fields of a form.
func (c *call) describe(w http.ResponseWriter, in *incoming) error {
	in.length = c.ContentLength
	in.robotsTag = c.Header.Get("X-Robots-Tag")
	if strings.ContainsAny(in.robotsTag, "\r\n\x00") {
		return invalidRequest("Invalid X-Robots-Tag header")
	}
	body := c.h.patientBody(w, c.Body)
	if strings.HasPrefix(c.Header.Get("Content-Type"), "multipart/form-data") {
		return c.readForm(body, in)
	}
	in.body, in.mimetype, in.cacheControl = body, c.Header.Get("Content-Type"), c.Header.Get("Cache-Control")
	if in.mimetype == "" {
		in.mimetype = "application/octet-stream"
	}
	if in.cacheControl == "" {
		in.cacheControl = "no-cache"
	}
	in.userMetadata = headerMetadata(c.Header.Get("X-Metadata"))
	if text := c.Header.Get("Content-Md5"); text != "" {
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sum) != md5.Size {
			return errChecksum
		}
		in.md5 = sum
	}
	return nil
}

// headerMetadata decodes what an uploader says of an object; what cannot be read is ignored.
func headerMetadata(text string) json.RawMessage {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		decoded, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil
	}
	return userMetadata(decoded)
}

func userMetadata(text []byte) json.RawMessage {
	if len(text) == 0 || len(text) > maxUserMetadata || !json.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) {
		return nil
	}
	return bytes.Clone(text)
}

// readForm reads the fields of a form up to its file, which comes last.
func (c *call) readForm(body io.Reader, in *incoming) error {
	c.Body = io.NopCloser(body)
	reader, err := c.MultipartReader()
	if err != nil {
		return errNoContent.because(err)
	}
	in.cacheControl = "no-cache"
	fieldType := ""
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return errNoContent
		}
		if err != nil {
			return errNoContent.because(err)
		}
		if part.FormName() == "" || part.FileName() != "" {
			in.body, in.mimetype = part, fieldType
			if in.mimetype == "" {
				in.mimetype = part.Header.Get("Content-Type")
			}
			if in.mimetype == "" {
				in.mimetype = "application/octet-stream"
			}
			return nil
		}
		value, err := readField(part)
		if err != nil {
			return err
		}
		switch part.FormName() {
		case "cacheControl":
			in.cacheControl = "max-age=" + string(value)
		case "contentType":
			fieldType = string(value)
		case "metadata", "userMetadata":
			in.userMetadata = userMetadata(value)
		}
	}
}

func readField(part *multipart.Part) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(part, maxUserMetadata+1))
	if err != nil {
		return nil, errNoContent.because(err)
	}
	if len(value) > maxUserMetadata {
		e := *errTooLarge
		e.Message = "The user_metadata exceeded the maximum allowed size"
		return nil, &e
	}
	return value, nil
}

// limitOf is the most bytes that an object of the bucket may have.
func (h *Handler) limitOf(to *bucket, key string) int64 {
	switch {
	case isEmptyFolder(key):
		return 0
	case to.SizeLimit != nil:
		return min(*to.SizeLimit, h.cfg.MaxObject)
	default:
		return h.cfg.MaxObject
	}
}

// takeIn checks an upload against the bucket and the policies, then stores its bytes, then commits its row.
func (c *call) takeIn(in *incoming, to *bucket) (id string, err error) {
	limit := c.h.limitOf(to, in.key)
	allowed := to.AllowedTypes
	if isEmptyFolder(in.key) {
		allowed = nil
	}
	if !allowsType(allowed, in.mimetype) {
		return "", invalidType(in.mimetype)
	}
	if _, isPart := in.body.(*multipart.Part); !isPart && in.length > limit {
		return "", errTooLarge
	}
	if err := cleanHeader(in.mimetype, in.cacheControl, in.robotsTag); err != nil {
		return "", err
	}
	said := map[string]any{"mimetype": in.mimetype}
	if in.length >= 0 {
		said["contentLength"] = in.length
	}
	d := &draft{
		bucket: in.bucket, key: in.key, owner: in.owner, version: newVersion(), upsert: in.upsert, metadata: said,
		userMetadata: in.userMetadata,
	}
	if !in.trusted {
		if err := c.mayWrite(d); err != nil {
			return "", err
		}
	}
	c.h.at(stepAllowed)
	sum, err := c.storeBytes(in, d.version, allowed, limit)
	if err != nil {
		return "", err
	}
	known := metadata{Mimetype: in.mimetype, CacheControl: in.cacheControl, RobotsTag: in.robotsTag}
	d.metadata = known.of(sum, time.Now())
	return c.commit(d)
}

// cleanHeader refuses values that cannot be sent back as headers.
func cleanHeader(values ...string) error {
	for _, value := range values {
		for i := range len(value) {
			if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
				return invalidRequest("Invalid character in a header of the object")
			}
		}
	}
	return nil
}

func (c *call) storeBytes(in *incoming, version string, allowed []string, limit int64) (blob.Sum, error) {
	body := bufio.NewReaderSize(&limited{r: in.body, left: limit}, sniffed)
	head, err := body.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return blob.Sum{}, bodyError(err)
	}
	if lie := lies(head, in.mimetype, allowed); lie != "" {
		return blob.Sum{}, invalidType(lie)
	}
	sum, err := c.h.blobs.Put(c.Context(), version, body)
	if err != nil {
		c.h.discard(c.Context(), version)
		return sum, bodyError(err)
	}
	if in.md5 != nil && !bytes.Equal(in.md5, sum.MD5[:]) {
		c.h.discard(c.Context(), version)
		return sum, errChecksum
	}
	return sum, nil
}

func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errIncomplete.because(err)
	}
	return err
}

// lies returns what bytes are that are not of the declared type, in a bucket that allows the latter only; empty if they may be.
// Only what cannot be mistaken counts: texts can look like anything, and many formats are ZIP archives or XML.
func lies(head []byte, declared string, allowed []string) string {
	kind := bareType(declared)
	if len(allowed) == 0 || len(head) == 0 || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "xml") {
		return ""
	}
	found := bareType(http.DetectContentType(head))
	if found != "text/html" && found != "application/pdf" && !strings.HasPrefix(found, "image/") {
		return ""
	}
	if found == kind || allowsType(allowed, found) {
		return ""
	}
	return found
}

// limited reads up to a number of bytes; more are an error.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n + int(l.left), fmt.Errorf("body: %w", errTooLarge)
	}
	return n, err
}
