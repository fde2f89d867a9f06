package mail_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nexus/engine/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

var example = mail.Data{
	ConfirmationURL: "https://api.example.com/auth/v1/verify?token=abc&type=signup&redirect_to=https%3A%2F%2Fapp.example.com",
	Token:           "123456", TokenHash: "abc", SiteURL: "https://app.example.com", Email: "ann@example.com", NewEmail: "new@example.com",
	RedirectTo: "https://app.example.com", Data: map[string]any{"name": "<b>Ann</b>", "organization": "A & B", "role": "admin", "expires": "2026-01-31"},
}

func TestBuiltInMails(t *testing.T) {
	t.Parallel()
	templates, err := mail.LoadTemplates(mail.TemplateConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []mail.Kind{mail.Invite, mail.Confirmation, mail.Recovery, mail.MagicLink, mail.EmailChange, mail.Reauthentication, mail.OrganizationInvite} {
		m, err := templates.Render(kind, "ann@example.com", &example)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		got := "Subject: " + m.Subject + "\n\n" + m.Text + "\n----\n" + m.HTML
		path := filepath.Join("testdata", string(kind)+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || got != string(want) {
			t.Errorf("%s is not as in %s (%v):\n%s", kind, path, err, got)
		}
	}
	if _, err := templates.Render("nothing", "ann@example.com", &example); err == nil {
		t.Error("a mail of no kind is made")
	}
}

// What users say is text in a mail, whatever it looks like, and cannot add headers.
func TestOwnTemplates(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "invite.html")
	if err := os.WriteFile(file, []byte(`<p>Dear {{ .Data.name }}</p>`), 0o600); err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<a href="{{ .ConfirmationURL }}">go</a>`))
	}))
	t.Cleanup(site.Close)
	templates, err := mail.LoadTemplates(mail.TemplateConfig{
		Subjects:  map[mail.Kind]string{mail.Invite: "Hello {{ .Data.name }}"},
		Templates: map[mail.Kind]string{mail.Invite: file, mail.Recovery: site.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := example
	d.Data = map[string]any{"name": "<script>x</script>\r\nBcc: evil@example.com"}
	m, err := templates.Render(mail.Invite, "ann@example.com", &d)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Hello <script>x</script> Bcc: evil@example.com" || strings.Contains(m.HTML, "<script>") {
		t.Errorf("%q %q", m.Subject, m.HTML)
	}
	if m, err := templates.Render(mail.Recovery, "ann@example.com", &d); err != nil || !strings.Contains(m.Text, "go: "+d.ConfirmationURL) {
		t.Errorf("%+v %v", m, err)
	}
	for name, cfg := range map[string]mail.TemplateConfig{
		"no file":      {Templates: map[mail.Kind]string{mail.Invite: "/does/not/exist"}},
		"no page":      {Templates: map[mail.Kind]string{mail.Invite: "http://127.0.0.1:1/"}},
		"bad template": {Subjects: map[mail.Kind]string{mail.Invite: "{{ .X"}},
	} {
		if _, err := mail.LoadTemplates(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "outbox")
	box := mail.NewOutbox(dir)
	if all, err := box.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("an empty outbox: %v, %v", all, err)
	}
	if _, err := box.Get(mail.Latest); !errors.Is(err, mail.ErrNoMessage) {
		t.Error(err)
	}
	for _, to := range []string{"first@example.com", "second@example.com"} {
		if err := box.Send(t.Context(), &mail.Message{Kind: mail.Invite, To: to, Subject: "s", Text: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := box.List(t.Context())
	if err != nil || len(all) != 2 || all[0].To != "second@example.com" {
		t.Fatalf("%v %v", all, err)
	}
	if m, err := box.Get(mail.Latest); err != nil || m.To != "second@example.com" {
		t.Errorf("%v %v", m, err)
	}
	if m, err := box.Get(all[1].ID); err != nil || m.To != "first@example.com" {
		t.Errorf("%v %v", m, err)
	}
	for _, id := range []string{"", "..", "../secrets", "/etc/passwd", all[0].ID + "/../x", "nothing"} {
		if _, err := box.Get(id); !errors.Is(err, mail.ErrNoMessage) {
			t.Errorf("%q: %v", id, err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Join(dir, all[0].ID+".json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a message is %v, %v", info.Mode(), err)
	}
}

// dialogue is an SMTP server that answers each line as told, and returns the lines.
func dialogue(t *testing.T, answer func(line string) string) (port int, lines <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 200)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(seen)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(answer("") + "\r\n"))
		scanner := bufio.NewScanner(conn)
		for scanner.Scan() {
			seen <- scanner.Text()
			if text := answer(scanner.Text()); text != "" {
				_, _ = conn.Write([]byte(text + "\r\n"))
			}
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().(*net.TCPAddr).Port, seen
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	inData := false
	port, lines := dialogue(t, func(line string) string {
		switch {
		case line == "":
			if inData {
				return ""
			}
			return "220 box"
		case inData && line == ".":
			inData = false
			return "250 kept"
		case inData:
			return ""
		case line == "DATA":
			inData = true
			return "354 go on"
		case line == "QUIT":
			return "221 bye"
		}
		return "250 ok"
	})
	sender, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: port, From: "admin@example.com", SenderName: "Näxus"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), &mail.Message{To: "ann@example.com", Subject: "Grüße", Text: "text", HTML: "<p>html</p>"}); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range lines {
		all.WriteString(line + "\n")
		if line == "QUIT" {
			break
		}
	}
	for _, want := range []string{
		"MAIL FROM:<admin@example.com>", "RCPT TO:<ann@example.com>", "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?=", "Message-ID: <", "Date: ",
		"<admin@example.com>", "text/plain", "text/html", "To: <ann@example.com>",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, &all)
		}
	}
}

// A conversation is from an organization, and its answers go there.
func TestConversation(t *testing.T) {
	t.Parallel()
	inData := false
	port, lines := dialogue(t, func(line string) string {
		switch {
		case inData && line != ".":
			return ""
		case line == "":
			return "220 box"
		case line == "QUIT":
			return "221 bye"
		case line == "DATA":
			inData = true
			return "354 go on"
		}
		inData = false
		return "250 ok"
	})
	sender, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: port, From: "admin@example.com", SenderName: "Nexus"})
	if err != nil {
		t.Fatal(err)
	}
	m := mail.Message{
		Kind: mail.Conversation, To: "ann@example.com", Subject: "Your order", Text: "It is on its way.",
		SenderName: "Corner Shop", ReplyTo: "shop@example.org", MessageID: "1@nexus", InReplyTo: "0@example.com",
	}
	if err := sender.Send(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range lines {
		all.WriteString(line + "\n")
		if line == "QUIT" {
			break
		}
	}
	for _, want := range []string{
		`From: "Corner Shop" <admin@example.com>`, "Reply-To: <shop@example.org>", "Message-ID: <1@nexus>", "In-Reply-To: <0@example.com>",
		"References: <0@example.com>", "It is on its way.",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, &all)
		}
	}
	if strings.Contains(all.String(), "text/html") {
		t.Errorf("HTML in\n%s", &all)
	}
}

func TestSMTPFailures(t *testing.T) {
	t.Parallel()
	refusing, _ := dialogue(t, func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "550 no such user"
		}
		return map[bool]string{true: "220 box", false: "250 ok"}[line == ""]
	})
	silent, _ := dialogue(t, func(line string) string { return "" })
	for name, port := range map[string]int{"a server that refuses": refusing, "a server that says nothing": silent, "no server": 1} {
		sender, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: port, From: "admin@example.com", Timeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err = sender.Send(ctx, &mail.Message{To: "ann@example.com", Subject: "s", Text: "t"})
		if err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if _, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: 25, From: "nobody"}); err == nil {
		t.Error("a sender without an address is taken")
	}
}

func TestValidAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ann@Example.COM": "ann@example.com", "a.b+c@d-e.co\n": "a.b+c@d-e.co", "x@localhost": "x@localhost",
	} {
		if got, err := mail.ValidAddress(text); err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range badAddresses {
		if got, err := mail.ValidAddress(text); !errors.Is(err, mail.ErrAddress) {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}

var badAddresses = []string{
	"", "a", "@", "a@", "@b.c", "a@b@c.d", "a b@c.d", "a@b c.d", "Ann <ann@example.com>", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@c.d",
	"\"a b\"@c.d", "a@[127.0.0.1]", "a(comment)@b.c", "a@-b.c", "a@b..c", "a@.b", "a@b.", ".a@b.c", "a..b@c.d", "a@b_c.d",
	strings.Repeat("a", 65) + "@b.c", "a@" + strings.Repeat("b", 300) + ".c", "a@b\x00.c",
}

func FuzzValidAddress(f *testing.F) {
	for _, text := range badAddresses {
		f.Add(text)
	}
	f.Add("ann@example.com")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := mail.ValidAddress(text)
		if err != nil {
			return
		}
		if again, err := mail.ValidAddress(got); err != nil || again != got {
			t.Errorf("%q is %q, which is %q, %v", text, got, again, err)
		}
		if strings.ContainsAny(got, " \r\n,;<>\"") || strings.Count(got, "@") != 1 {
			t.Errorf("%q is %q", text, got)
		}
	})
}
