package messages

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"nexus/engine/app/messages/graph"
	"nexus/engine/app/seal"
	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/jobs"
	"nexus/engine/mail"
	"nexus/engine/storage/blob"
)

// The channels.
const (
	whatsapp  = "whatsapp"
	facebook  = "facebook"
	instagram = "instagram"
	email     = "email"
	internal  = "internal"
)

// Options are what the functions work with.
type Options struct {
	Sessions *db.Sessions
	Graph    *graph.Client
	// Box seals credentials.
	Box    *seal.Box
	Mailer mail.Sender
	// Files keeps those of contacts, by the ids of their rows.
	Files blob.Backend
	// AppID, AppSecret and VerifyToken are those of the server's own app at Meta; empty where every organization has an app of its own.
	AppID, AppSecret, VerifyToken string
	// BaseURL is where the server is reached.
	BaseURL string
	Logger  *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

type service struct{ Options }

// Functions are those of messages. The registry is told of the jobs that they leave behind.
func Functions(o Options, background *jobs.Registry) []*functions.Function {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &service{o}
	jobs.Handle(background, s.send)
	jobs.Handle(background, s.fetch)
	jobs.Handle(background, s.forget)
	all := []*functions.Function{
		s.sendOn(whatsapp, "whatsapp-send-message", "Send a message on WhatsApp"),
		s.sendOn(facebook, "facebook-send-message", "Send a message on Messenger"),
		s.sendOn(instagram, "instagram-send-message", "Send a message on Instagram"),
		s.sendTo(), s.sendTemplate(), s.sendReaction(), s.sendAnywhere(), s.retry(),
		s.replyStatus(), s.markRead(), s.media(),
		s.fetchTemplates(), s.listTemplates(),
		s.saveWhatsApp(), s.signup(), s.saveChannel(),
		s.emailWebhook(), s.remindCarts(),
	}
	return append(all, s.metaWebhooks()...)
}

// notFound says that the caller's organization has no such thing, whoever else has.
func notFound(what string) error {
	return functions.Errorf(http.StatusNotFound, "not_found", "The organization has no "+what+" with this id")
}

// ownOrganization refuses a request for another organization than the token's.
func ownOrganization(c *functions.Call, named *uuid.UUID) error {
	if named != nil && named.String() != c.OrganizationID() {
		return functions.Errorf(http.StatusForbidden, "forbidden", "The token is for another organization")
	}
	return nil
}
