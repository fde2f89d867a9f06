// Package graph is a client of Meta's Graph API as far as messages need it: WhatsApp Cloud API, Messenger and Instagram
// (https://developers.facebook.com/docs/graph-api, https://developers.facebook.com/docs/whatsapp/cloud-api).
package graph

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultBaseURL is Meta's own service, with the version of the API that this package speaks.
const DefaultBaseURL = "https://graph.facebook.com/v23.0"

// Config says how to reach the API.
type Config struct {
	// BaseURL is DefaultBaseURL if it is empty.
	BaseURL string
	// Timeout ends one attempt; default 15 seconds.
	Timeout time.Duration
	// Attempts is how often a call is tried that may be repeated; default 3.
	Attempts int
	// Wait waits between attempts; nil waits really. It fails when the context ends.
	Wait func(context.Context, time.Duration) error
}

const (
	defaultTimeout  = 15 * time.Second
	defaultAttempts = 3
	firstWait       = 250 * time.Millisecond
	// longestWait is how long a call waits for the sake of a Retry-After; those that ask for more fail.
	longestWait = 3 * time.Second
	maxAnswer   = 4 << 20
)

// Credentials are those of an organization's app or page.
type Credentials struct {
	AccessToken string `json:"access_token"`
	// AppSecret, if set, proves that the token is used by its app (https://developers.facebook.com/docs/graph-api/guides/secure-requests).
	AppSecret string `json:"app_secret,omitempty"`
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
	// files fetches from addresses that others chose.
	files *http.Client
}

// New makes a client; it fails on a BaseURL that is none.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = defaultAttempts
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("graph: %q is no URL of a service", cfg.BaseURL)
	}
	return &Client{
		cfg: cfg, base: base,
		http:  &http.Client{Timeout: cfg.Timeout, CheckRedirect: noRedirects, Transport: newTransport(nil)},
		files: &http.Client{Timeout: 4 * cfg.Timeout, CheckRedirect: fewRedirects, Transport: newTransport(guarded(base))},
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.files.CloseIdleConnections()
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call is one request and where its answer goes.
type call struct {
	method string
	path   string
	query  url.Values
	body   any
	into   any
	// repeatable is whether a second request does no harm when nobody knows what became of the first.
	repeatable bool
}

// do makes the call, again if it failed in a way that passes.
func (c *Client) do(ctx context.Context, with Credentials, r call) error {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, with, r, body)
		if err == nil || attempt >= c.cfg.Attempts || !err.again(r.repeatable) || err.RetryAfter > longestWait || ctx.Err() != nil {
			if err == nil {
				return nil
			}
			return err
		}
		pause := max(err.RetryAfter, firstWait<<(attempt-1))
		pause += time.Duration(rand.Int64N(int64(pause)/4 + 1)) //nolint:gosec // nobody gains from guessing it
		if c.cfg.Wait(ctx, pause) != nil {
			return err
		}
	}
}

func (c *Client) once(ctx context.Context, with Credentials, r call, body []byte) *Error {
	u := c.base.JoinPath(r.path)
	query := url.Values{}
	for name, values := range r.query {
		query[name] = values
	}
	if with.AppSecret != "" && with.AccessToken != "" {
		mac := hmac.New(sha256.New, []byte(with.AppSecret))
		mac.Write([]byte(with.AccessToken))
		query.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return &Error{Message: "the request cannot be made", Cause: err}
	}
	if with.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+with.AccessToken)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fromNetwork(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &Error{Status: resp.StatusCode, Message: "the answer broke off", Outcome: Unknown, Cause: err}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fromAnswer(resp, text)
	}
	if r.into == nil {
		return nil
	}
	if err := json.Unmarshal(text, r.into); err != nil {
		return &Error{Status: resp.StatusCode, Message: "the answer is not understood", Outcome: Unknown, Cause: err}
	}
	return nil
}
