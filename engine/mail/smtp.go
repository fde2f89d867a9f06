package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTPConfig says which server sends mails.
type SMTPConfig struct {
	Host string
	// Port is that of the server; on 465 the connection begins with TLS, on others it is encrypted if the server can.
	Port int
	// User and Pass log in there, if User is not empty, and never without encryption but on this machine.
	User string
	Pass string
	// From is the address that mails are from, SenderName what it is called.
	From       string
	SenderName string
	// Timeout is how long one mail may take; default 10 seconds.
	Timeout time.Duration
}

const (
	implicitTLSPort    = 465
	defaultSMTPTimeout = 10 * time.Second
)

// SMTP sends messages through a server (RFC 5321), each on a connection of its own.
type SMTP struct{ cfg SMTPConfig }

// NewSMTP checks a configuration, without reaching out for the server.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultSMTPTimeout
	}
	s := &SMTP{cfg}
	if err := gomail.NewMsg().FromFormat(cfg.SenderName, cfg.From); err != nil {
		return nil, fmt.Errorf("mail: the sender: %w", err)
	}
	_, err := s.client(&dialer{})
	return s, err
}

// dialer remembers its connection, because the library leaves one open whose server does not answer as it should.
type dialer struct {
	host string // to verify the certificate of, where the connection begins with TLS; else empty
	conn net.Conn
}

func (d *dialer) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if d.host != "" {
		conn, err = (&tls.Dialer{Config: &tls.Config{ServerName: d.host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	d.conn = conn
	return conn, err
}

func (d *dialer) close() {
	if d.conn != nil {
		_ = d.conn.Close() // again, if all went well
	}
}

func (s *SMTP) client(d *dialer) (*gomail.Client, error) {
	if s.cfg.Port == implicitTLSPort {
		d.host = s.cfg.Host
	}
	options := []gomail.Option{
		gomail.WithPort(s.cfg.Port), gomail.WithTimeout(s.cfg.Timeout), gomail.WithTLSPolicy(gomail.TLSOpportunistic),
		gomail.WithDialContextFunc(d.dial),
	}
	if d.host != "" {
		options = append(options, gomail.WithSSL())
	}
	if s.cfg.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.cfg.User), gomail.WithPassword(s.cfg.Pass))
	}
	client, err := gomail.NewClient(s.cfg.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return client, nil
}

// compose makes a mail of a message.
func (s *SMTP) compose(m *Message) (*gomail.Msg, error) {
	out := gomail.NewMsg()
	if err := out.FromFormat(cmp.Or(m.SenderName, s.cfg.SenderName), s.cfg.From); err != nil {
		return nil, fmt.Errorf("mail: the sender: %w", err)
	}
	if err := out.To(m.To); err != nil {
		return nil, fmt.Errorf("mail: the recipient: %w", err)
	}
	if m.ReplyTo != "" {
		if err := out.ReplyTo(m.ReplyTo); err != nil {
			return nil, fmt.Errorf("mail: the address for answers: %w", err)
		}
	}
	out.Subject(m.Subject)
	if m.MessageID != "" {
		out.SetMessageIDWithValue(m.MessageID)
	} else {
		out.SetMessageID()
	}
	if m.InReplyTo != "" {
		out.SetGenHeader(gomail.HeaderInReplyTo, "<"+m.InReplyTo+">")
		out.SetGenHeader(gomail.HeaderReferences, "<"+m.InReplyTo+">")
	}
	out.SetDate()
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return out, nil
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m *Message) error {
	out, err := s.compose(m)
	if err != nil {
		return err
	}
	d := &dialer{}
	client, err := s.client(d)
	if err != nil {
		return err
	}
	defer d.close()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, out); err != nil {
		return fmt.Errorf("mail: send: %w", err)
	}
	return nil
}
