package graph

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// Media tells where a file is that a contact sent, for some minutes.
type Media struct {
	URL      string `json:"url"`
	MIMEType string `json:"mime_type"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"file_size"`
}

// Media looks up a file by the id that a message names.
func (c *Client) Media(ctx context.Context, with Credentials, id string) (m Media, err error) {
	err = c.do(ctx, with, call{method: http.MethodGet, path: url.PathEscape(id), into: &m, repeatable: true})
	return m, err
}

// File is a file that is being downloaded. Reading it fails where it is not what was announced, or too large.
type File struct {
	io.ReadCloser
	MIMEType string

	sum       hash.Hash
	announced string
	size, max int64
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (n int, err error) {
	n, err = f.ReadCloser.Read(p)
	f.size += int64(n)
	f.sum.Write(p[:n])
	switch {
	case f.size > f.max:
		return n, ErrTooLarge
	case errors.Is(err, io.EOF) && f.announced != "" && f.announced != f.SHA256() && f.announced != base64.StdEncoding.EncodeToString(f.sum.Sum(nil)):
		return n, &Error{Message: "the file is not the one that was announced", Outcome: Failed}
	case err != nil && !errors.Is(err, io.EOF):
		return n, &Error{Message: "the file broke off", Outcome: Failed, Cause: err}
	}
	return n, err
}

// Size is how much was read, in bytes.
func (f *File) Size() int64 { return f.size }

// SHA256 is the hash of what was read, as hex.
func (f *File) SHA256() string { return hex.EncodeToString(f.sum.Sum(nil)) }

// Download fetches a file of at most so many bytes; close it. Files of WhatsApp need the credentials; those of Messenger and Instagram
// are at addresses that anybody with the address can read, and get none.
func (c *Client) Download(ctx context.Context, with *Credentials, m Media, most int64) (*File, error) {
	if m.Size > most {
		return nil, ErrTooLarge
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, http.NoBody)
	if err != nil || (req.URL.Scheme != "https" && req.URL.Scheme != "http") {
		return nil, &Error{Message: "the file has no address"}
	}
	if with != nil {
		req.Header.Set("Authorization", "Bearer "+with.AccessToken)
	}
	resp, err := c.files.Do(req)
	if err != nil {
		e := fromNetwork(err)
		if errors.Is(err, errPrivate) {
			e.Outcome = Refused
		} else {
			e.Outcome = Failed // nothing happens by reading
		}
		return nil, e
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fromAnswer(resp, nil)
	}
	f := &File{ReadCloser: resp.Body, MIMEType: "application/octet-stream", sum: sha256.New(), announced: m.SHA256, max: most}
	if parsed, _, err := mime.ParseMediaType(cmp.Or(m.MIMEType, resp.Header.Get("Content-Type"))); err == nil {
		f.MIMEType = parsed
	}
	return f, nil
}
