package graph

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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

// File is a downloaded file.
type File struct {
	Body     []byte
	MIMEType string
}

// Download fetches a file of at most max bytes. Files of WhatsApp need the credentials; those of Messenger and Instagram are at
// addresses that anybody with the address can read, and get none.
func (c *Client) Download(ctx context.Context, with *Credentials, m Media, most int64) (File, error) {
	if m.Size > most {
		return File{}, ErrTooLarge
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL, http.NoBody)
	if err != nil || (req.URL.Scheme != "https" && req.URL.Scheme != "http") {
		return File{}, &Error{Message: "the file has no address"}
	}
	if with != nil {
		req.Header.Set("Authorization", "Bearer "+with.AccessToken)
	}
	resp, err := c.files.Do(req)
	if err != nil {
		return File{}, fromNetwork(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return File{}, fromAnswer(resp, nil)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return File{}, &Error{Status: resp.StatusCode, Message: "the file broke off", Outcome: Failed, Cause: err}
	}
	if int64(len(body)) > most {
		return File{}, ErrTooLarge
	}
	if sum := sha256.Sum256(body); m.SHA256 != "" && m.SHA256 != hex.EncodeToString(sum[:]) && m.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		return File{}, &Error{Status: resp.StatusCode, Message: "the file is not the one that was announced", Outcome: Failed}
	}
	kind := m.MIMEType
	if kind == "" {
		kind = resp.Header.Get("Content-Type")
	}
	if parsed, _, err := mime.ParseMediaType(kind); err == nil {
		return File{Body: body, MIMEType: parsed}, nil
	}
	return File{Body: body, MIMEType: "application/octet-stream"}, nil
}
