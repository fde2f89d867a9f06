package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Send posts a message from a WhatsApp number or a page, in the form that its channel wants, and returns Meta's id of it. It is
// tried again only if the message is known not to have been taken.
func (c *Client) Send(ctx context.Context, with Credentials, from string, message any) (id string, err error) {
	var answer struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
		MessageID string `json:"message_id"`
	}
	err = c.do(ctx, with, call{method: http.MethodPost, path: url.PathEscape(from) + "/messages", body: message, into: &answer})
	if err != nil {
		return "", err
	}
	if len(answer.Messages) > 0 {
		answer.MessageID = answer.Messages[0].ID
	}
	if answer.MessageID == "" {
		return "", &Error{Status: http.StatusOK, Message: "the answer has no id of the message", Outcome: Unknown}
	}
	return answer.MessageID, nil
}

// MarkRead tells a contact on WhatsApp that their message was read.
func (c *Client) MarkRead(ctx context.Context, with Credentials, number, messageID string) error {
	return c.do(ctx, with, call{
		method: http.MethodPost, path: url.PathEscape(number) + "/messages", repeatable: true,
		body: map[string]any{"messaging_product": "whatsapp", "status": "read", "message_id": messageID},
	})
}

// Template is a message template of a WhatsApp Business Account.
type Template struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Language   string `json:"language"`
	Status     string `json:"status"`
	Category   string `json:"category"`
	Components []any  `json:"components"`
}

// maxPages bounds a list whose end does not come.
const maxPages = 100

// Templates lists all templates of an account.
func (c *Client) Templates(ctx context.Context, with Credentials, account string) ([]Template, error) {
	var all []Template
	query := url.Values{"fields": {"id,name,language,status,category,components"}, "limit": {"100"}}
	for range maxPages {
		var page struct {
			Data   []Template `json:"data"`
			Paging struct {
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
				Next string `json:"next"`
			} `json:"paging"`
		}
		err := c.do(ctx, with, call{
			method: http.MethodGet, path: url.PathEscape(account) + "/message_templates", query: query, into: &page, repeatable: true,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if page.Paging.Next == "" || page.Paging.Cursors.After == "" {
			return all, nil
		}
		query.Set("after", page.Paging.Cursors.After)
	}
	return nil, &Error{Message: "the list of templates does not end", Cause: errors.ErrUnsupported}
}

// Number is a WhatsApp business phone number.
type Number struct {
	ID           string `json:"id"`
	Display      string `json:"display_phone_number"`
	VerifiedName string `json:"verified_name"`
	Quality      string `json:"quality_rating"`
}

// Number looks a phone number up, which proves that the token is good for it.
func (c *Client) Number(ctx context.Context, with Credentials, id string) (n Number, err error) {
	err = c.do(ctx, with, call{
		method: http.MethodGet, path: url.PathEscape(id), into: &n, repeatable: true,
		query: url.Values{"fields": {"id,display_phone_number,verified_name,quality_rating"}},
	})
	return n, err
}

// Page is a page, or an account of Instagram.
type Page struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

// Page looks a page up, which proves that the token is good for it.
func (c *Client) Page(ctx context.Context, with Credentials, id string) (p Page, err error) {
	err = c.do(ctx, with, call{
		method: http.MethodGet, path: url.PathEscape(id), into: &p, repeatable: true, query: url.Values{"fields": {"id,name"}},
	})
	return p, err
}

// Subscribe has the webhooks of an account or page sent to the token's app.
func (c *Client) Subscribe(ctx context.Context, with Credentials, account string, fields string) error {
	query := url.Values{}
	if fields != "" {
		query.Set("subscribed_fields", fields)
	}
	return c.do(ctx, with, call{method: http.MethodPost, path: url.PathEscape(account) + "/subscribed_apps", query: query, repeatable: true})
}

// Exchange makes an access token of the code that a login at Meta ended with
// (https://developers.facebook.com/docs/whatsapp/embedded-signup/implementation).
func (c *Client) Exchange(ctx context.Context, appID, appSecret, code string) (token string, err error) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err = c.do(ctx, Credentials{}, call{
		method: http.MethodGet, path: "oauth/access_token", into: &answer,
		query: url.Values{"client_id": {appID}, "client_secret": {appSecret}, "code": {code}},
	})
	if err == nil && answer.AccessToken == "" {
		err = &Error{Status: http.StatusOK, Message: "the answer has no access token", Outcome: Unknown}
	}
	return answer.AccessToken, err
}

// Register lets a number send and receive by the API; the pin is that of its two-step verification from then on.
func (c *Client) Register(ctx context.Context, with Credentials, number, pin string) error {
	return c.do(ctx, with, call{
		method: http.MethodPost, path: url.PathEscape(number) + "/register", repeatable: true,
		body: map[string]any{"messaging_product": "whatsapp", "pin": pin},
	})
}
