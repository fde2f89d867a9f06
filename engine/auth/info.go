package auth

import "net/http"

// health tells that the database of users answers.
func health(c *call) error {
	if err := c.h.store.Ping(c.ctx()); err != nil {
		return &Error{Status: http.StatusServiceUnavailable, Code: "unexpected_failure", Message: "The database does not answer", RetryAfter: 1e9, Cause: err}
	}
	c.write(http.StatusOK, map[string]string{
		"version": "nexus", "name": "GoTrue", "description": "Nexus serves GoTrue's user registration and authentication API",
	})
	return nil
}

// externalNames are the providers that clients expect to be told of.
var externalNames = []string{
	"apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "github", "gitlab", "google", "kakao", "keycloak",
	"linkedin", "linkedin_oidc", "notion", "slack", "slack_oidc", "snapchat", "spotify", "twitch", "twitter", "workos", "zoom",
}

// settings tells which ways to log in there are.
func settings(c *call) error {
	cfg := &c.h.cfg
	external := map[string]bool{"anonymous_users": cfg.AnonymousUsers, "email": !cfg.DisableEmail, "phone": false}
	for _, name := range externalNames {
		external[name] = false
	}
	for name := range c.h.providers {
		external[name] = true
	}
	c.write(http.StatusOK, map[string]any{
		"external": external, "disable_signup": cfg.DisableSignup, "mailer_autoconfirm": cfg.Autoconfirm,
		"phone_autoconfirm": false, "sms_provider": "", "saml_enabled": false, "saml_private_key_next_configured": false,
		"passkeys_enabled": false,
	})
	return nil
}

// jwks publishes the keys with which others verify access tokens (RFC 7517).
func jwks(c *call) error {
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "public, max-age=600")
	_, _ = c.w.Write(c.h.keys().PublicJWKS())
	return nil
}
