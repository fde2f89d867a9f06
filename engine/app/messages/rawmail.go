package messages

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mails of all countries
	gomail "github.com/emersion/go-message/mail"
)

// Bounds of a mail. What is beyond them is left out; a mail is no reason to fail.
const (
	maxMailText  = 65536
	maxMailHTML  = 1 << 20
	maxMailFiles = 50
)

// errMail means that a text is no mail.
var errMail = errors.New("it is no mail (RFC 5322)")

// mailFile is a file of a mail.
type mailFile struct {
	Name, MediaType string
	Content         []byte
}

// parseMail takes a mail apart that is in the form of the wire (RFC 5322, MIME).
func parseMail(raw string) (m inboundMail, files []mailFile, err error) {
	r, err := gomail.CreateReader(strings.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		return m, nil, fmt.Errorf("%w: %w", errMail, err)
	}
	defer func() { _ = r.Close() }()
	from, err := r.Header.AddressList("From")
	if err != nil || len(from) == 0 {
		return m, nil, fmt.Errorf("%w: it is from nobody", errMail)
	}
	m.From, m.Name = from[0].Address, from[0].Name
	m.Subject, _ = r.Header.Subject() // as it is, where its encoding is unknown
	m.MessageID, _ = r.Header.MessageID()
	if ids, err := r.Header.MsgIDList("In-Reply-To"); err == nil && len(ids) > 0 {
		m.InReplyTo = ids[0]
	}
	if at, err := r.Header.Date(); err == nil && !at.IsZero() {
		m.Date = &at
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return m, files, nil
		}
		if err != nil && (part == nil || (!message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err))) {
			return m, nil, fmt.Errorf("%w: %w", errMail, err)
		}
		if files, err = m.addPart(part, files); err != nil {
			return m, nil, fmt.Errorf("%w: %w", errMail, err)
		}
	}
}

// addPart takes a part for what it is: the text, the same as HTML, or a file.
func (m *inboundMail) addPart(part *gomail.Part, files []mailFile) ([]mailFile, error) {
	if header, ok := part.Header.(*gomail.InlineHeader); ok {
		kind, _, _ := header.ContentType()
		switch {
		case kind == "text/plain" && m.Text == "":
			text, err := upTo(part.Body, maxMailText)
			m.Text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
			return files, err
		case kind == "text/html" && m.HTML == "":
			text, err := upTo(part.Body, maxMailHTML)
			m.HTML = text
			return files, err
		}
	}
	if len(files) >= maxMailFiles {
		return files, nil
	}
	content, err := io.ReadAll(part.Body)
	if err != nil {
		return files, err
	}
	file := mailFile{Content: content, MediaType: "application/octet-stream"}
	switch header := part.Header.(type) {
	case *gomail.AttachmentHeader:
		file.Name, _ = header.Filename()
		file.MediaType, _, _ = header.ContentType()
	case *gomail.InlineHeader:
		file.MediaType, _, _ = header.ContentType()
	}
	return append(files, file), nil
}

// upTo reads as much of a text as is kept, as valid UTF-8.
func upTo(r io.Reader, most int64) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, most))
	return strings.ToValidUTF8(string(text), ""), err
}
