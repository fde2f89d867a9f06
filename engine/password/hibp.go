package password

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // what the service asks for
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	hibpURL     = "https://api.pwnedpasswords.com/range/"
	hibpTimeout = 5 * time.Second
	// hibpPrefix is how much of a hash is told: thousands of passwords share it.
	hibpPrefix = 5
)

// HIBP asks Have I Been Pwned whether a password has leaked, without telling it
// (https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange).
type HIBP struct {
	// URL is that of the service; empty means the public one.
	URL string
	// Client makes the requests; nil means one with a timeout.
	Client *http.Client
	// FailClosed refuses passwords while the service cannot be asked. Otherwise they are taken.
	FailClosed bool
	// Log is told when the service cannot be asked and passwords are taken; nil for nobody.
	Log *slog.Logger
}

// Breached implements Checker. Its errors and what it logs say nothing of the password.
func (h *HIBP) Breached(ctx context.Context, password string) (bool, error) {
	leaked, err := h.ask(ctx, password)
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // the address has the first digits of the password's hash
	}
	if err != nil && !h.FailClosed && ctx.Err() == nil {
		if h.Log != nil {
			h.Log.WarnContext(ctx, "cannot ask whether a password has leaked, it is taken", "error", err)
		}
		return false, nil // a service that is down must not keep people out
	}
	return leaked, err
}

func (h *HIBP) ask(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // what the service asks for
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))
	base, client := h.URL, h.Client
	if base == "" {
		base = hibpURL
	}
	if client == nil {
		client = &http.Client{Timeout: hibpTimeout}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+hash[:hibpPrefix], nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Add-Padding", "true")
	req.Header.Set("User-Agent", "nexus")
	res, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("password: the service of leaked passwords answers with status %d", res.StatusCode)
	}
	lines := bufio.NewScanner(http.MaxBytesReader(nil, res.Body, 1<<20))
	for lines.Scan() {
		suffix, count, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if suffix == hash[hibpPrefix:] {
			return count != "0", nil // padding has the count 0
		}
	}
	return false, lines.Err()
}
