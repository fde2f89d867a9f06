package graph_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nexus/engine/app/messages/graph"
)

var credentials = graph.Credentials{AccessToken: "EAA-secret", AppSecret: "app secret"}

// newClient makes a client of a service of its own, and tells for how long it waited.
func newClient(t *testing.T, handle http.HandlerFunc) (c *graph.Client, waits *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	waits = new([]time.Duration)
	c, err := graph.New(graph.Config{BaseURL: server.URL + "/v23.0/", Wait: func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, waits
}

func TestSend(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	c, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		fmt.Fprint(w, `{"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}`)
	})
	id, err := c.Send(t.Context(), credentials, "111", map[string]any{"to": "201001234567"})
	if err != nil || id != "wamid.1" {
		t.Fatalf("%q, %v", id, err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/v23.0/111/messages" || got.Header.Get("Authorization") != "Bearer EAA-secret" ||
		body != `{"to":"201001234567"}` || len(got.URL.Query().Get("appsecret_proof")) != 64 {
		t.Errorf("%s %s %v %s", got.Method, got.URL, got.Header, body)
	}
}

func TestSendFromPage(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"recipient_id": "9", "message_id": "m_1"}`)
	})
	if id, err := c.Send(t.Context(), credentials, "111", nil); err != nil || id != "m_1" {
		t.Fatalf("%q, %v", id, err)
	}
}

// What a failure means decides whether a message is sent again, or twice.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		header  string
		body    string
		calls   int // of a message that is sent
		outcome graph.Outcome
		is      error
	}{
		"void token":     {401, "", `{"error": {"message": "Session has expired", "code": 190}}`, 1, graph.Refused, graph.ErrUnauthorized},
		"no permission":  {403, "", `{"error": {"message": "no", "code": 10}}`, 1, graph.Refused, graph.ErrUnauthorized},
		"closed window":  {400, "", `{"error": {"message": "Re-engagement message", "code": 131047}}`, 1, graph.Refused, graph.ErrOutsideWindow},
		"page's window":  {403, "", `{"error": {"message": "outside", "code": 10, "error_subcode": 2018278}}`, 1, graph.Refused, graph.ErrOutsideWindow},
		"bad parameter":  {400, "", `{"error": {"message": "(#100) Invalid parameter", "code": 100}}`, 1, graph.Refused, nil},
		"rate":           {400, "", `{"error": {"message": "hit", "code": 130429}}`, 3, graph.Failed, graph.ErrRateLimited},
		"429":            {429, "1", ``, 3, graph.Failed, graph.ErrRateLimited},
		"429 for long":   {429, "3600", ``, 1, graph.Failed, graph.ErrRateLimited},
		"transient":      {500, "", `{"error": {"message": "An unknown error", "code": 1, "is_transient": true}}`, 3, graph.Failed, nil},
		"unavailable":    {503, "", `<html>`, 3, graph.Failed, nil},
		"a gateway":      {502, "", `<html>`, 1, graph.Unknown, nil},
		"gateway's wait": {504, "", ``, 1, graph.Unknown, nil},
		"no id":          {200, "", `{}`, 1, graph.Unknown, nil},
		"no JSON":        {200, "", `<html>`, 1, graph.Unknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			client, waits := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, err := client.Send(t.Context(), credentials, "111", nil)
			var known *graph.Error
			if !errors.As(err, &known) || known.Outcome != c.outcome || calls != c.calls || len(*waits) != calls-1 {
				t.Fatalf("%d calls, %v: %#v", calls, *waits, err)
			}
			for _, kind := range []error{graph.ErrUnauthorized, graph.ErrRateLimited, graph.ErrOutsideWindow} {
				if errors.Is(err, kind) != (c.is != nil && errors.Is(c.is, kind)) {
					t.Errorf("is %v: %v", kind, errors.Is(err, kind))
				}
			}
			if strings.Contains(err.Error(), "EAA") {
				t.Errorf("the token is in %v", err)
			}
			for i, d := range *waits {
				if d < 250*time.Millisecond<<i || d > 3*time.Second {
					t.Errorf("waited %v", *waits)
				}
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	calls := 0
	c, err := graph.New(graph.Config{BaseURL: closed.URL, Wait: func(context.Context, time.Duration) error { calls++; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	var known *graph.Error
	if _, err := c.Send(t.Context(), credentials, "111", nil); !errors.As(err, &known) || known.Outcome != graph.Failed || calls != 2 {
		t.Errorf("%d %v", calls, err)
	}
	client, _ := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := client.Send(t.Context(), credentials, "111", nil); !errors.As(err, &known) || known.Outcome != graph.Unknown {
		t.Errorf("an answer that broke off: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"data": []any{map[string]any{"name": "second", "language": "ar", "status": "APPROVED"}}}
		if r.URL.Query().Get("after") == "" {
			page = map[string]any{
				"data":   []any{map[string]any{"name": "first", "language": "en", "components": []any{map[string]any{"type": "BODY"}}}},
				"paging": map[string]any{"cursors": map[string]any{"after": "x"}, "next": "http://elsewhere.example/"},
			}
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	all, err := c.Templates(t.Context(), credentials, "222")
	if err != nil || len(all) != 2 || all[0].Name != "first" || len(all[0].Components) != 1 || all[1].Language != "ar" {
		t.Errorf("%v %v", all, err)
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	const text = "a picture"
	sum := sha256.Sum256([]byte(text))
	c, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/m1"):
			_ = json.NewEncoder(w).Encode(graph.Media{URL: "http://" + r.Host + "/file", MIMEType: "image/jpeg", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text))})
		case r.Header.Get("Authorization") == "Bearer EAA-secret":
			fmt.Fprint(w, text)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	m, err := c.Media(t.Context(), credentials, "m1")
	if err != nil {
		t.Fatal(err)
	}
	download := func(with *graph.Credentials, most int64) (body, kind, sum string, err error) {
		f, err := c.Download(t.Context(), with, m, most)
		if err != nil {
			return "", "", "", err
		}
		defer func() { _ = f.Close() }()
		read, err := io.ReadAll(f)
		if f.Size() != int64(len(read)) {
			t.Errorf("size %d of %d", f.Size(), len(read))
		}
		return string(read), f.MIMEType, f.SHA256(), err
	}
	if body, kind, got, err := download(&credentials, 100); err != nil || body != text || kind != "image/jpeg" || got != m.SHA256 {
		t.Errorf("%q %s %s %v", body, kind, got, err)
	}
	if _, _, _, err := download(&credentials, 3); !errors.Is(err, graph.ErrTooLarge) {
		t.Errorf("announced as too large: %v", err)
	}
	m.Size = 0
	if _, _, _, err := download(&credentials, 3); !errors.Is(err, graph.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, _, _, err := download(nil, 100); !errors.Is(err, graph.ErrUnauthorized) {
		t.Errorf("without credentials: %v", err)
	}
	m.SHA256 = base64.StdEncoding.EncodeToString(sum[:])
	if _, _, _, err := download(&credentials, 100); err != nil {
		t.Errorf("a hash in base64: %v", err)
	}
	m.SHA256 = strings.Repeat("0", 64)
	if _, _, _, err := download(&credentials, 100); err == nil {
		t.Error("another file was taken")
	}
}

// Addresses of files come from others, so they must not lead inside.
func TestFilesInside(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a secret") }))
	t.Cleanup(inside.Close)
	c, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, http.StatusFound) })
	for _, address := range []string{
		inside.URL, strings.Replace(inside.URL, "127.0.0.1", "localhost", 1), strings.Replace(inside.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1),
		"http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://0.0.0.0/", "file:///etc/passwd", "",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if f, err := c.Download(ctx, nil, graph.Media{URL: address}, 100); err == nil {
			_ = f.Close()
			t.Errorf("%s was read", address)
		} else if ctx.Err() != nil {
			t.Errorf("%s was dialled", address)
		}
		cancel()
	}
}
