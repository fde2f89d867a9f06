package mail

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	texttemplate "text/template"
	"time"
)

// Data are the variables of templates, as GoTrue has them
// (https://supabase.com/docs/guides/auth/auth-email-templates).
type Data struct {
	ConfirmationURL string
	Token           string
	TokenHash       string
	SiteURL         string
	Email           string
	NewEmail        string
	RedirectTo      string
	// Data is the user's metadata.
	Data map[string]any
}

// TemplateConfig replaces subjects, and the bodies of mails by files or by http URLs.
type TemplateConfig struct {
	Subjects  map[Kind]string
	Templates map[Kind]string
}

//go:embed templates/*.html
var builtIn embed.FS

// subjects are those of the built-in templates.
var subjects = map[Kind]string{
	Invite: "You have been invited", Confirmation: "Confirm your email address", Recovery: "Reset your password",
	MagicLink: "Your login link", EmailChange: "Confirm your new email address", Reauthentication: "Your code is {{ .Token }}",
	OrganizationInvite: "You have been invited to join {{ .Data.organization }}",
}

// Templates make messages.
type Templates struct {
	subjects map[Kind]*texttemplate.Template
	bodies   map[Kind]*template.Template
}

// LoadTemplates reads all templates, so that a mistake shows when the server starts.
func LoadTemplates(cfg TemplateConfig) (*Templates, error) {
	t := &Templates{subjects: map[Kind]*texttemplate.Template{}, bodies: map[Kind]*template.Template{}}
	for kind, subject := range subjects {
		if own := cfg.Subjects[kind]; own != "" {
			subject = own
		}
		var err error
		if t.subjects[kind], err = texttemplate.New(string(kind)).Parse(subject); err != nil {
			return nil, fmt.Errorf("mail: subject of %s mails: %w", kind, err)
		}
		body, err := source(kind, cfg.Templates[kind])
		if err != nil {
			return nil, fmt.Errorf("mail: template of %s mails: %w", kind, err)
		}
		if t.bodies[kind], err = template.New(string(kind)).Parse(body); err != nil {
			return nil, fmt.Errorf("mail: template of %s mails: %w", kind, err)
		}
	}
	return t, nil
}

const (
	maxTemplate  = 1 << 20
	fetchTimeout = 10 * time.Second
)

// source reads a template: the built-in one, a file, or what a URL answers.
func source(kind Kind, from string) (string, error) {
	switch {
	case from == "":
		text, err := builtIn.ReadFile("templates/" + string(kind) + ".html")
		return string(text), err
	case strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://"):
		return fetch(from)
	default:
		text, err := os.ReadFile(from)
		return string(text), err
	}
}

func fetch(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers with status %d", url, res.StatusCode)
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, res.Body, maxTemplate))
	return string(text), err
}

// Render makes a message to an address.
func (t *Templates) Render(kind Kind, to string, d *Data) (*Message, error) {
	subject, body := t.subjects[kind], t.bodies[kind]
	if subject == nil || body == nil {
		return nil, fmt.Errorf("mail: no template of %q mails", kind)
	}
	var line, page bytes.Buffer
	if err := subject.Execute(&line, d); err != nil {
		return nil, fmt.Errorf("mail: subject of %s mails: %w", kind, err)
	}
	if err := body.Execute(&page, d); err != nil {
		return nil, fmt.Errorf("mail: template of %s mails: %w", kind, err)
	}
	return &Message{Kind: kind, To: to, Subject: oneLine(line.String()), HTML: page.String(), Text: plain(page.String())}, nil
}

// oneLine keeps a subject from becoming more headers.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

var (
	hidden = regexp.MustCompile(`(?is)<(head|style|script)\b.*?</(head|style|script)>`)
	anchor = regexp.MustCompile(`(?is)<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>`)
	breaks = regexp.MustCompile(`(?i)<(br|/p|/h[1-6]|/div|/li|/tr)\b[^>]*>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
	blank  = regexp.MustCompile(`\n{3,}`)
)

// plain writes a page for those who read mails as text: links stand behind their words.
func plain(page string) string {
	text := hidden.ReplaceAllString(page, "")
	text = anchor.ReplaceAllString(text, "$2: $1")
	text = breaks.ReplaceAllString(text, "\n\n")
	text = html.UnescapeString(tags.ReplaceAllString(text, ""))
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(blank.ReplaceAllString(strings.Join(lines, "\n"), "\n\n")) + "\n"
}
