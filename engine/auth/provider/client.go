package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// timeout bounds one exchange with a provider, body included.
	timeout = 10 * time.Second
	// maxBody bounds what is read of an answer, in bytes.
	maxBody = 1 << 20
)

// newClient bounds what a client waits for and reads.
func newClient(base *http.Client) *http.Client {
	var client http.Client
	if base != nil {
		client = *base
	}
	if client.Timeout == 0 {
		client.Timeout = timeout
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = boundedTransport{client.Transport}
	follow := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case via[0].Method != http.MethodGet:
			// A code and the client secret go to the token endpoint and nowhere else.
			return http.ErrUseLastResponse
		case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
			return fmt.Errorf("redirect from https to %s", req.URL.Scheme)
		case follow != nil:
			return follow(req, via)
		case len(via) >= 5:
			return fmt.Errorf("stopped after %d redirects", len(via))
		}
		return nil
	}
	return &client
}

// boundedTransport ends answers that are longer than maxBody with an error.
type boundedTransport struct{ next http.RoundTripper }

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxBody)
	}
	return res, err
}

// statusError is an answer that is not the one asked for. Its body is not told: it may hold anything.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// getJSON reads a JSON document, with a bearer token if there is one. Its errors are ErrUnavailable or a statusError.
func getJSON(ctx context.Context, client *http.Client, url, token string, dst any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return unavailable("request", err)
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return unavailable("request", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return statusError(res.StatusCode)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return &unavailableError{"answer", err}
	}
	if err := json.Unmarshal(body, dst); err != nil {
		return &unavailableError{what: "answer is not the JSON it should be"}
	}
	return nil
}
