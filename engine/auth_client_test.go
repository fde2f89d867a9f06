package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSupabaseJS walks every flow of auth/v1 with the unmodified client, and reads a table under row level security with the
// token that it got. It needs Node and the client's packages (npm ci in testdata/clients/supabase-js).
func TestSupabaseJS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "testdata", "clients", "supabase-js")
	node, err := exec.LookPath("node")
	if err != nil {
		missingTool(t, "node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missingTool(t, "run npm ci in "+dir)
	}
	box := newMailbox(t)
	r := serve(t, func(cfg *Config) {
		psql(t, cfg.DatabaseURL, `
			create table public.auth_notes (
				id bigint generated always as identity primary key, body text not null, owner uuid not null default auth.uid());
			alter table public.auth_notes enable row level security;
			create policy own on public.auth_notes using (owner = (select auth.uid())) with check (owner = (select auth.uid()))`)
		cfg.Auth.SiteURL = "http://localhost:3000"
		cfg.Auth.SMTP = SMTPConfig{Host: box.host, Port: box.port, AdminEmail: "admin@nexus.test", SenderName: "Nexus"}
		cfg.Auth.Rates = RateConfig{EmailSent: "0", TokenRefresh: "0", Verify: "0", OTP: "0", AnonymousUsers: "0", MFA: "0", Account: "0"}
		cfg.Auth.Flows.AnonymousUsers, cfg.Auth.Flows.MailFrequency = true, 0
		cfg.Auth.Flows.ReuseInterval = 0
	})
	keys, err := LoadKeys(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	letters := httptest.NewServer(box)
	t.Cleanup(letters.Close)
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NEXUS_URL="+r.info.URL, "NEXUS_ANON_KEY="+keys.AnonKey,
		"NEXUS_SERVICE_KEY="+keys.ServiceRoleKey, "NEXUS_MAIL_URL="+letters.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, r.log)
	}
	t.Logf("%s", out)
}

// missingTool skips loudly on a developer's machine and fails where everything must be installed.
func missingTool(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}

// mailbox is an SMTP server (RFC 5321) that keeps what it gets, and shows it over HTTP.
type mailbox struct {
	t    *testing.T
	host string
	port int

	mu      sync.Mutex
	changed *sync.Cond
	letters map[string][]string // texts by address
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{t: t, letters: map[string][]string{}}
	m.changed = sync.NewCond(&m.mu)
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	m.host = host
	m.port, _ = strconv.Atoi(port)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { m.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return m
}

func (m *mailbox) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	text := textproto.NewConn(conn)
	say := func(line string) { _ = text.PrintfLine("%s", line) }
	say("220 box")
	var to []string
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			say("250 box")
		case "RCPT":
			address, _, _ := strings.Cut(strings.TrimPrefix(rest, "TO:<"), ">")
			to = append(to, address)
			say("250 ok")
		case "DATA":
			say("354 go on")
			data, err := text.ReadDotBytes()
			if err != nil {
				return
			}
			m.keep(to, plainText(m.t, string(data)))
			to = nil
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailbox) keep(to []string, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, address := range to {
		m.letters[address] = append(m.letters[address], text)
	}
	m.changed.Broadcast()
}

// plainText returns the part of a mail that is plain text.
func plainText(t *testing.T, data string) string {
	message, err := mail.ReadMessage(bufio.NewReader(strings.NewReader(data)))
	if err != nil {
		t.Errorf("a mail cannot be read: %v", err)
		return ""
	}
	return textPart(t, message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), message.Body)
}

func textPart(t *testing.T, contentType, encoding string, body io.Reader) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Errorf("Content-Type %q: %v", contentType, err)
		return ""
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				t.Errorf("a mail has no plain text: %v", err)
				return ""
			}
			if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
				return textPart(t, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
			}
		}
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("a mail cannot be read: %v", err)
	}
	return string(text)
}

// ServeHTTP waits for the mail after the n-th to an address.
func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, m.changed.Broadcast)()
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.letters[to]) <= after {
		if ctx.Err() != nil {
			http.Error(w, "no mail", http.StatusNotFound)
			return
		}
		m.changed.Wait()
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"text": m.letters[to][after]})
}
