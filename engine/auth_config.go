package engine

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"nexus/engine/auth"
	"nexus/engine/auth/limit"
)

// authPath is where auth/v1 is mounted.
const authPath = "/auth/v1"

// AuthConfig is what can be set about auth/v1. The options have the names of GoTrue's settings.
type AuthConfig struct {
	// Enabled serves auth/v1 at all.
	Enabled bool
	// DatabasePassword logs the role supabase_auth_admin in to the database of Config.DatabaseURL; empty lets the server set
	// the password that its data directory keeps.
	DatabasePassword string
	// SiteURL is the app; empty means the server's own URL.
	SiteURL string
	// Flows are the settings of the flows; the URLs among them come from elsewhere.
	Flows auth.Config
	// Rates are the texts of Flows.Limits.
	Rates RateConfig
	SMTP  SMTPConfig
	// MailSubjects and MailTemplates replace those of mails, by kind: files, or URLs.
	MailSubjects  map[string]string
	MailTemplates map[string]string
	// Providers are those at which users can log in, by name.
	Providers map[string]*ProviderConfig
}

// RateConfig has rates as GoTrue writes them: events within an hour or, after a slash, within a time, such as 30/5m. 0 is no
// limit.
type RateConfig struct {
	EmailSent, TokenRefresh, Verify, OTP, AnonymousUsers, MFA, Account string
}

// SMTPConfig says how mails are sent. Without a host they are kept in the data directory, for nexus mail.
type SMTPConfig struct {
	Host string
	Port int
	User string
	Pass string
	// AdminEmail is whom mails are from, SenderName what that is called.
	AdminEmail string
	SenderName string
}

// ProviderConfig is a provider at which users can log in.
type ProviderConfig struct {
	Enabled        bool
	ClientID       string // or several, separated by commas, of which the first begins logins
	Secret         string
	URL            string // the issuer of an OpenID provider, or the address of one's own GitHub or Azure tenant
	RedirectURI    string // empty means the callback of auth/v1
	SkipNonceCheck bool
	EmailOptional  bool
}

// providerPresets are the names of providers, and the kind of each.
var providerPresets = map[string]string{
	"apple": "apple", "azure": "azure", "github": "github", "google": "google", "keycloak": "oidc", "oidc": "oidc",
}

// ProviderNames are the providers that can be set up.
func ProviderNames() []string {
	return []string{"apple", "azure", "github", "google", "keycloak", "oidc"}
}

func defaultAuthConfig() AuthConfig {
	providers := make(map[string]*ProviderConfig, len(providerPresets))
	for name := range providerPresets {
		providers[name] = &ProviderConfig{}
	}
	return AuthConfig{
		Enabled: true, Flows: auth.DefaultConfig(), Providers: providers,
		Rates: RateConfig{
			EmailSent: "30", TokenRefresh: "150/5m", Verify: "30/5m", OTP: "30/5m", AnonymousUsers: "30", MFA: "15/1m", Account: "10/5m",
		},
		SMTP: SMTPConfig{Port: 587}, MailSubjects: map[string]string{}, MailTemplates: map[string]string{},
	}
}

// flows are the settings of the flows on a server that is reached at a URL.
func (c *AuthConfig) flows(serverURL string) (auth.Config, error) {
	flows := c.Flows
	flows.SiteURL = cmp.Or(c.SiteURL, serverURL)
	flows.ExternalURL = strings.TrimSuffix(serverURL, "/") + authPath
	limits := &flows.Limits
	var errs []error
	for name, rate := range map[string]struct {
		text string
		into *limit.Rate
	}{
		"rate-limit-email-sent":      {c.Rates.EmailSent, &limits.Mail},
		"rate-limit-token-refresh":   {c.Rates.TokenRefresh, &limits.Token},
		"rate-limit-verify":          {c.Rates.Verify, &limits.Verify},
		"rate-limit-otp":             {c.Rates.OTP, &limits.OTP},
		"rate-limit-anonymous-users": {c.Rates.AnonymousUsers, &limits.Anonymous},
		"rate-limit-mfa":             {c.Rates.MFA, &limits.MFA},
		"rate-limit-account":         {c.Rates.Account, &limits.Account},
	} {
		if rate.text == "0" {
			*rate.into = limit.Rate{}
			continue
		}
		parsed, err := limit.ParseRate(rate.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		*rate.into = parsed
	}
	if c.SMTP.Host == "" {
		limits.Mail = limit.Rate{} // what is kept in a directory bothers nobody
	}
	return flows, errors.Join(append(errs, flows.Validate())...)
}

func (c *Config) validateAuth(p *problems) {
	if !c.Auth.Enabled {
		return
	}
	server := cmp.Or(c.PublicURL, "http://127.0.0.1")
	if _, err := c.Auth.flows(server); err != nil {
		*p = append(*p, err)
	}
	smtp := &c.Auth.SMTP
	p.add(smtp.Host != "" && smtp.AdminEmail == "", "smtp-admin-email: say whom mails are from")
	p.add(smtp.Port < 1 || smtp.Port > 65535, "smtp-port: must be 1 to 65535")
	p.add(c.Auth.DatabasePassword != "" && c.DatabaseURL == "", "auth-db-password: is only of use with db-url")
	for _, name := range ProviderNames() {
		one := c.Auth.Providers[name]
		if one == nil || !one.Enabled {
			continue
		}
		p.add(one.ClientID == "", "external-%s-client-id: must not be empty", name)
		p.add(one.URL == "" && providerPresets[name] == "oidc", "external-%s-url: want the issuer's URL", name)
		if one.URL != "" {
			u, err := url.Parse(one.URL)
			p.add(err != nil || u.Host == "", "external-%s-url: want an absolute URL", name)
		}
	}
}

// cleanupPeriod is how often what has expired is removed.
const cleanupPeriod = time.Minute
