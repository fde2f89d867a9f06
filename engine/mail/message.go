package mail

import (
	"context"
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// Kind is what a mail is for, by GoTrue's names.
type Kind string

// The kinds of mails.
const (
	Invite           Kind = "invite"
	Confirmation     Kind = "confirmation"
	Recovery         Kind = "recovery"
	MagicLink        Kind = "magic_link"
	EmailChange      Kind = "email_change"
	Reauthentication Kind = "reauthentication"
	// OrganizationInvite asks somebody to join an organization; Data has its name, the role and the last day.
	OrganizationInvite Kind = "organization_invite"
	// Conversation is a message of an organization to one of its contacts.
	Conversation Kind = "conversation"
)

// Message is a mail to one address.
type Message struct {
	// ID and At are set when the message is kept in an Outbox.
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	// HTML is empty for mails that are text alone.
	HTML string `json:"html"`
	// SenderName, ReplyTo, MessageID and InReplyTo (ids without angle brackets) are of conversations; empty for the server's own.
	SenderName string `json:"sender_name,omitempty"`
	ReplyTo    string `json:"reply_to,omitempty"`
	MessageID  string `json:"message_id,omitempty"`
	InReplyTo  string `json:"in_reply_to,omitempty"`
}

// Sender delivers messages.
type Sender interface {
	Send(ctx context.Context, m *Message) error
}

// ErrAddress means that a text is no address.
var ErrAddress = errors.New("mail: no valid address")

// maxAddress is what the column of addresses takes, in bytes.
const maxAddress = 255

// domain is a name with letters, digits and hyphens in labels.
var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ValidAddress returns the address in lower case. It takes a bare address (RFC 5321, section 4.1.2) without quotes, comments
// or names, and fails with ErrAddress on everything else.
func ValidAddress(text string) (string, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if len(text) > maxAddress || strings.ContainsAny(text, "\r\n\t\x00\"<>(),;:\\ ") {
		return "", ErrAddress
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || parsed.Name != "" {
		return "", ErrAddress
	}
	local, host, _ := strings.Cut(text, "@")
	if local == "" || len(local) > 64 || !domain.MatchString(host) {
		return "", ErrAddress
	}
	return text, nil
}
