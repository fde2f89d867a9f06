package messages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/app/messages/graph"
	"nexus/engine/functions"
	"nexus/engine/mail"
	"nexus/rls"
)

// minimalRetry is when a failure of a third party is worth another try.
const minimalRetry = 5 * time.Second

type connected struct {
	AccountID   string  `json:"account_id" jsonschema:"the account, a row of channel_accounts"`
	Platform    string  `json:"platform" jsonschema:"the channel"`
	ExternalID  string  `json:"external_id" jsonschema:"what the account is called on the channel"`
	DisplayName *string `json:"display_name" jsonschema:"what the account is called"`
	PhoneNumber *string `json:"phone_number" jsonschema:"the phone number, in E.164"`
	WebhookURL  string  `json:"webhook_url" jsonschema:"where the channel must deliver what comes in"`
	// Secret is shown once, where the server made it.
	Secret *string `json:"inbound_secret,omitempty" jsonschema:"the secret that mails are handed in with; it is shown this once"`
}

type saveWhatsAppRequest struct {
	PhoneNumberID     string  `json:"phone_number_id" jsonschema:"the id of the phone number" pattern:"^[0-9]{1,32}$"`
	BusinessAccountID *string `json:"business_account_id,omitempty" jsonschema:"the id of the WhatsApp Business Account; templates need it" pattern:"^[0-9]{1,32}$"`
	AccessToken       string  `json:"access_token" jsonschema:"an access token with whatsapp_business_messaging and whatsapp_business_management" min:"1" max:"2000"`
	AppSecret         *string `json:"app_secret,omitempty" jsonschema:"the secret of the app, which signs deliveries; not needed for the server's own app" min:"8" max:"200"`
	VerifyToken       *string `json:"verify_token,omitempty" jsonschema:"the token that you set the webhook up with; not needed for the server's own app" min:"8" max:"200"`
	DisplayName       *string `json:"display_name,omitempty" jsonschema:"what to call the number; the verified name if it is not given" max:"200"`
}

func (s *service) saveWhatsApp() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "save-whatsapp-credentials", Tag: "Messages", Summary: "Connect a WhatsApp number",
		Description: "Meta is asked for the number first, so that only what works is kept; deliveries of its account are subscribed to. " +
			"Credentials are sealed and never shown again. For a number that is connected already they are replaced.",
		Access: functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
		Example: `{"phone_number_id": "106540352242922", "business_account_id": "102290129340398", "access_token": "EAAG…"}`,
	}, func(ctx context.Context, c *functions.Call, r saveWhatsAppRequest) (connected, error) {
		return s.connectNumber(ctx, c, &r)
	})
}

func (s *service) connectNumber(ctx context.Context, c *functions.Call, r *saveWhatsAppRequest) (connected, error) {
	with := secrets{Credentials: graph.Credentials{AccessToken: r.AccessToken, AppSecret: text(r.AppSecret)}}
	number, err := s.Graph.Number(ctx, with.Credentials, r.PhoneNumberID)
	if err != nil {
		return connected{}, fromGraph(err)
	}
	if number.ID != r.PhoneNumberID {
		return connected{}, functions.Invalid("phone_number_id", "is none of a phone number")
	}
	if r.BusinessAccountID != nil {
		if err := s.Graph.Subscribe(ctx, with.Credentials, *r.BusinessAccountID, ""); err != nil {
			return connected{}, fromGraph(err)
		}
	}
	if r.DisplayName == nil && number.VerifiedName != "" {
		r.DisplayName = &number.VerifiedName
	}
	return s.connect(ctx, c, &newAccount{
		platform: whatsapp, externalID: r.PhoneNumberID, businessID: r.BusinessAccountID, name: r.DisplayName,
		phone: international(number.Display), verifyToken: r.VerifyToken, secrets: with, webhook: "whatsapp-webhook",
	})
}

type signupRequest struct {
	Code              string  `json:"code" jsonschema:"the code that the signup ended with" min:"1" max:"2000"`
	PhoneNumberID     string  `json:"phone_number_id" jsonschema:"the id of the phone number, which the signup told" pattern:"^[0-9]{1,32}$"`
	BusinessAccountID string  `json:"business_account_id" jsonschema:"the id of the WhatsApp Business Account, which the signup told" pattern:"^[0-9]{1,32}$"`
	PIN               *string `json:"pin,omitempty" jsonschema:"registers the number, with this pin of six digits for its two-step verification" pattern:"^[0-9]{6}$"`
}

// signup takes what Meta's embedded signup ends with, for the server's own app.
func (s *service) signup() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "wa-es-callback", Tag: "Messages", Summary: "Connect a WhatsApp number by Meta's embedded signup",
		Description: "For the server's own app at Meta: the code is exchanged for an access token, and the number is connected as by `save-whatsapp-credentials`.",
		Access:      functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard,
		Example: `{"code": "AQB…", "phone_number_id": "106540352242922", "business_account_id": "102290129340398"}`,
	}, func(ctx context.Context, c *functions.Call, r signupRequest) (connected, error) {
		switch {
		case s.AppID == "":
			return connected{}, functions.NotConfigured(whatsapp, "meta-app-id")
		case s.AppSecret == "":
			return connected{}, functions.NotConfigured(whatsapp, "meta-app-secret")
		}
		token, err := s.Graph.Exchange(ctx, s.AppID, s.AppSecret, r.Code)
		if err != nil {
			return connected{}, fromGraph(err)
		}
		if r.PIN != nil {
			if err := s.Graph.Register(ctx, graph.Credentials{AccessToken: token}, r.PhoneNumberID, *r.PIN); err != nil {
				return connected{}, fromGraph(err)
			}
		}
		return s.connectNumber(ctx, c, &saveWhatsAppRequest{
			PhoneNumberID: r.PhoneNumberID, BusinessAccountID: &r.BusinessAccountID, AccessToken: token,
		})
	})
}

type saveChannelRequest struct {
	Platform    string  `json:"platform" jsonschema:"the channel" enum:"facebook,instagram,email"`
	ExternalID  string  `json:"external_id" jsonschema:"the id of the page or of the Instagram account; the address that mails come in for" min:"1" max:"254"`
	AccessToken *string `json:"access_token,omitempty" jsonschema:"an access token of the page" min:"1" max:"2000"`
	AppSecret   *string `json:"app_secret,omitempty" jsonschema:"the secret of the app, which signs deliveries; not needed for the server's own app" min:"8" max:"200"`
	VerifyToken *string `json:"verify_token,omitempty" jsonschema:"the token that you set the webhook up with; not needed for the server's own app" min:"8" max:"200"`
	DisplayName *string `json:"display_name,omitempty" jsonschema:"what to call the account" max:"200"`
}

// pageFields are what a page's app is told of.
const pageFields = "messages,messaging_postbacks,message_deliveries,message_reads,message_reactions"

func (s *service) saveChannel() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "save-channel-credentials", Tag: "Messages", Summary: "Connect a page, an Instagram account or an address",
		Description: "Pages and Instagram accounts are asked for at Meta first, so that only what works is kept. For an address the answer has, once, " +
			"the secret with which a mail server hands in what arrives for it (`email-webhook`).",
		Access: functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Standard, WithholdAnswer: true,
		Example: `{"platform": "email", "external_id": "hello@shop.example"}`,
	}, func(ctx context.Context, c *functions.Call, r saveChannelRequest) (connected, error) {
		if r.Platform == email {
			return s.connectAddress(ctx, c, r)
		}
		if r.AccessToken == nil {
			return connected{}, functions.Invalid("access_token", "is missing")
		}
		with := secrets{Credentials: graph.Credentials{AccessToken: *r.AccessToken, AppSecret: text(r.AppSecret)}}
		page, err := s.Graph.Page(ctx, with.Credentials, r.ExternalID)
		if err != nil {
			return connected{}, fromGraph(err)
		}
		if page.ID != r.ExternalID {
			return connected{}, functions.Invalid("external_id", "is none of a page or account")
		}
		if r.Platform == facebook {
			if err := s.Graph.Subscribe(ctx, with.Credentials, r.ExternalID, pageFields); err != nil {
				return connected{}, fromGraph(err)
			}
		}
		if r.DisplayName == nil && page.Name != "" {
			r.DisplayName = &page.Name
		}
		return s.connect(ctx, c, &newAccount{
			platform: r.Platform, externalID: r.ExternalID, name: r.DisplayName, verifyToken: r.VerifyToken, secrets: with,
			webhook: r.Platform + "-webhook",
		})
	})
}

func (s *service) connectAddress(ctx context.Context, c *functions.Call, r saveChannelRequest) (connected, error) {
	address, err := mail.ValidAddress(r.ExternalID)
	if err != nil {
		return connected{}, functions.Invalid("external_id", "is no valid address")
	}
	secret := rls.NewSecret()
	out, err := s.connect(ctx, c, &newAccount{
		platform: email, externalID: address, name: r.DisplayName, secrets: secrets{Inbound: secret}, webhook: "email-webhook",
	})
	out.Secret = &secret
	return out, err
}

type newAccount struct {
	platform, externalID string
	businessID, name     *string
	phone, verifyToken   *string
	secrets              secrets
	webhook              string
}

// connect seals the credentials and keeps the account.
func (s *service) connect(ctx context.Context, c *functions.Call, a *newAccount) (connected, error) {
	id := uuid.New()
	err := c.Tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select id from public.channel_accounts where organization_id = auth.organization_id() and platform = $1 and external_id = $2",
			a.platform, a.externalID).Scan(&id)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		sealed, err := s.sealed(id.String(), a.secrets)
		if err != nil {
			return err
		}
		var hash *string
		if a.verifyToken != nil {
			sum := hashToken(*a.verifyToken)
			hash = &sum
		}
		_, err = tx.Exec(ctx, "select nexus_app.save_channel_account($1, $2, $3, $4, $5, $6, $7, $8)",
			id, a.platform, a.externalID, a.businessID, a.name, a.phone, sealed, hash)
		return err
	})
	if err != nil {
		return connected{}, err
	}
	return connected{
		AccountID: id.String(), Platform: a.platform, ExternalID: a.externalID, DisplayName: a.name, PhoneNumber: a.phone,
		WebhookURL: fmt.Sprintf("%s/functions/v1/%s", s.BaseURL, a.webhook),
	}, nil
}

// hashToken is what is stored of a token to find it by.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

var (
	notDialled = regexp.MustCompile(`[\s().\-]`)
	e164       = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

// international brings a number with its country into E.164, or returns nil.
func international(number string) *string {
	number = notDialled.ReplaceAllString(number, "")
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	if !strings.HasPrefix(number, "+") {
		number = "+" + number
	}
	if !e164.MatchString(number) {
		return nil
	}
	return &number
}

// refusePhone is the refusal of a number that is none.
func refusePhone(field string) error {
	e := functions.Invalid(field, "must be a phone number with its country, such as +201001234567")
	e.Status = http.StatusBadRequest
	return e
}
