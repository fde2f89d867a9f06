package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/messages/graph"
	"nexus/engine/functions"
)

// secrets are what is sealed of an account.
type secrets struct {
	graph.Credentials
	// Inbound is with which mails are handed in.
	Inbound string `json:"inbound_secret,omitempty"`
}

// account is a number, page or address of an organization.
type account struct {
	ID         string
	ExternalID string
	// BusinessID is that of the WhatsApp Business Account.
	BusinessID string
	Secrets    secrets
}

// settingOf tells what connects a channel.
func settingOf(platform string) string {
	if platform == whatsapp {
		return "the credentials of an account (save-whatsapp-credentials)"
	}
	return "the credentials of an account (save-channel-credentials)"
}

// purpose binds sealed credentials to their account.
func purpose(accountID string) string { return "channel_accounts/" + accountID }

// unseal opens credentials as they are stored.
func (s *service) unseal(accountID string, sealed []byte) (out secrets, err error) {
	plain, err := s.Box.Open(sealed, purpose(accountID))
	if err != nil {
		return secrets{}, err
	}
	return out, json.Unmarshal(plain, &out)
}

func (s *service) sealed(accountID string, with secrets) ([]byte, error) {
	plain, err := json.Marshal(with)
	if err != nil {
		return nil, err
	}
	return s.Box.Seal(plain, purpose(accountID)), nil
}

// account is the one named of the caller's organization, or its oldest on the platform.
func (s *service) account(ctx context.Context, c *functions.Call, platform string, named *uuid.UUID) (a account, err error) {
	var sealed []byte
	err = c.AsServer(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select id, external_id, coalesce(business_account_id, ''), credentials from nexus_app.channel_secret($1, $2, $3)",
			c.OrganizationID(), platform, named).Scan(&a.ID, &a.ExternalID, &a.BusinessID, &sealed)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		if named != nil {
			return a, notFound("account")
		}
		return a, functions.NotConfigured(platform, settingOf(platform))
	}
	if err != nil {
		return a, err
	}
	if a.Secrets, err = s.unseal(a.ID, sealed); err != nil {
		return a, unreadable(platform, err)
	}
	return a, nil
}

// unreadable says that credentials were sealed with a key that this server does not have.
func unreadable(platform string, err error) error {
	e := functions.NotConfigured(platform, "the secret (jwt-secret) under which the credentials were saved")
	e.Cause = err
	return e
}

// fromGraph words a failure of Meta's service for a client.
func fromGraph(err error) error {
	var known *graph.Error
	if !errors.As(err, &known) {
		return err
	}
	e := &functions.Error{
		Status: http.StatusBadGateway, Code: "provider_error", Message: "Meta refused the call: " + known.Message,
		Details: map[string]any{"provider_code": known.Code}, Cause: err,
	}
	switch {
	case errors.Is(err, graph.ErrUnauthorized):
		e.Status, e.Code, e.Message = http.StatusConflict, "credentials_refused", "Meta does not accept the access token: "+known.Message
	case errors.Is(err, graph.ErrRateLimited):
		e.Status, e.Code, e.RetryAfter = http.StatusServiceUnavailable, "provider_busy", max(known.RetryAfter, minimalRetry)
	case known.Outcome != graph.Refused:
		e.Message, e.RetryAfter = fmt.Sprintf("Meta's service does not answer as it should (status %d)", known.Status), minimalRetry
	}
	return e
}
