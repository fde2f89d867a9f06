package engine

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"nexus/engine/app/agents"
	"nexus/engine/app/contacts"
	"nexus/engine/app/insights"
	"nexus/engine/app/inventory"
	"nexus/engine/app/messages"
	"nexus/engine/app/orders"
	"nexus/engine/app/shipping"
	"nexus/engine/app/shopify"
	"nexus/engine/app/social"
	"nexus/engine/app/voip"
	"nexus/engine/db"
	"nexus/engine/functions"
	"nexus/engine/jobs"
)

// partnerTimeout bounds a request to a third party.
const partnerTimeout = 20 * time.Second

// ownFunctions are those in Go: none without the application, whose tables they work with, or if we issue no tokens.
// The registry is told of the jobs that they leave behind.
func (s *Server) ownFunctions(
	b *backend, sessions *db.Sessions, with *tools, background *jobs.Registry,
) ([]*functions.Function, functions.Quota, error) {
	if s.cfg.app() != AppNexus || b.keys.Load() == nil {
		return nil, nil, nil
	}
	conversations, err := s.messageFunctions(b, sessions, with, background)
	if err != nil {
		return nil, nil, err
	}
	all, quota := agents.Functions(agents.Options{
		Sessions: sessions, Keys: b.keys.Load, Issuer: b.info.URL + authPath, Hasher: with.hasher, Mailer: with.mailer,
		Templates: with.templates, SiteURL: cmp.Or(s.cfg.Auth.SiteURL, b.info.URL), BaseURL: b.info.URL, Logger: s.log,
	})
	return slices.Concat(all, conversations, s.tableFunctions(b, sessions, with)), quota, nil
}

// tableFunctions are those that need no more than the database and third parties.
func (s *Server) tableFunctions(b *backend, sessions *db.Sessions, with *tools) []*functions.Function {
	client := &http.Client{Timeout: partnerTimeout}
	return slices.Concat(
		contacts.Functions(), orders.Functions(), inventory.Functions(), insights.Functions(), voip.Functions(), social.Functions(),
		shipping.Functions(shipping.Options{Box: with.box, BostaURL: s.cfg.BostaURL, BaseURL: b.info.URL, Client: client, Logger: s.log}),
		shopify.Functions(shopify.Options{Sessions: sessions, Box: with.box, URL: s.cfg.ShopifyURL, Client: client}),
	)
}

// describedFunctions are all of those in Go, to be told of and not to be called.
func describedFunctions() []*functions.Function {
	all, _ := agents.Functions(agents.Options{})
	return slices.Concat(all, messages.Functions(messages.Options{}, jobs.NewRegistry()), (&Server{}).tableFunctions(&backend{}, nil, &tools{}))
}
