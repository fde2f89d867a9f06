package auth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"nexus/engine/auth/limit"
	"nexus/engine/auth/redirect"
	"nexus/engine/password"
)

// Config is everything that can be set about auth/v1. Names and defaults are those of GoTrue's settings; where they differ,
// the field says so.
type Config struct {
	// SiteURL is the app: where links lead when no other allowed place is asked for.
	SiteURL string
	// ExternalURL is where clients reach auth/v1 itself, path and all. Links in mails begin with it.
	ExternalURL string
	// AllowList are further places that links may lead to, with * and ** as wildcards.
	AllowList []string

	// Issuer is the iss of access tokens; empty means ExternalURL.
	Issuer string
	// Aud and Role are those of users who have no others.
	Aud  string
	Role string
	// AdminRoles may use the admin endpoints.
	AdminRoles []string
	// AccessTTL is how long an access token is valid.
	AccessTTL time.Duration
	// RefuseBrowserAdmins refuses tokens of admin roles in requests with an Origin: the service key has leaked into a page.
	RefuseBrowserAdmins bool

	DisableSignup    bool
	DisableEmail     bool
	AnonymousUsers   bool
	ManualLinking    bool
	Autoconfirm      bool
	DoubleConfirm    bool // a change of address is confirmed at both
	UnverifiedLogins bool // log in before the address is confirmed

	// OTPLife is how long links and codes in mails are valid, OTPLength how many digits codes have, and MailFrequency the
	// least time between two mails of a kind to a user.
	OTPLife       time.Duration
	OTPLength     int
	MailFrequency time.Duration

	PasswordMinLength  int
	PasswordCharacters []string
	// PasswordHIBP refuses passwords that are known to have leaked.
	PasswordHIBP bool
	// ReauthenticatePassword wants a mailed code for a new password in a session older than a day, CurrentPassword the old
	// password.
	ReauthenticatePassword bool
	CurrentPassword        bool

	// RotateRefreshTokens ends a session whose refresh token is used again later than ReuseInterval after it was replaced.
	RotateRefreshTokens bool
	ReuseInterval       time.Duration
	// Timebox and Inactivity end sessions; 0 is no limit. SinglePerUser allows each user only the newest.
	Timebox       time.Duration
	Inactivity    time.Duration
	SinglePerUser bool

	TOTPEnroll    bool
	TOTPVerify    bool
	MaxFactors    int
	ChallengeLife time.Duration
	FactorLife    time.Duration

	// IPHeader is the header in which a proxy passes on the address of the client; empty takes the peer's.
	IPHeader string
	Limits   Limits

	// MaxRequest is how long a request may take.
	MaxRequest time.Duration
}

// Limits bound how often something may be asked for, by address unless it says otherwise. A rate without events is no limit.
type Limits struct {
	Token     limit.Rate
	Verify    limit.Rate
	OTP       limit.Rate // sign-up, links, recovery and changes, each with a bucket of its own
	Anonymous limit.Rate
	MFA       limit.Rate
	// Mail bounds the mails of the whole server.
	Mail limit.Rate
	// Account bounds failed passwords and codes for one account, wherever they come from.
	Account limit.Rate
}

// DefaultConfig returns the defaults; SiteURL and ExternalURL have none.
func DefaultConfig() Config {
	return Config{
		Aud: "authenticated", Role: "authenticated", AdminRoles: []string{"service_role", "supabase_admin"},
		AccessTTL: time.Hour, DoubleConfirm: true,
		OTPLife: 24 * time.Hour, OTPLength: 6, MailFrequency: time.Minute, PasswordMinLength: 6,
		RotateRefreshTokens: true, ReuseInterval: 10 * time.Second,
		TOTPEnroll: true, TOTPVerify: true, MaxFactors: 10, ChallengeLife: 5 * time.Minute, FactorLife: 5 * time.Minute,
		Limits: Limits{
			Token:     limit.Rate{Events: 150, Per: 5 * time.Minute, Burst: 150},
			Verify:    limit.Rate{Events: 30, Per: 5 * time.Minute, Burst: 30},
			OTP:       limit.Rate{Events: 30, Per: 5 * time.Minute, Burst: 30},
			Anonymous: limit.Rate{Events: 30, Per: time.Hour, Burst: 30},
			MFA:       limit.Rate{Events: 15, Per: time.Minute, Burst: 30},
			Mail:      limit.Rate{Events: 30, Per: time.Hour, Burst: 30},
			Account:   limit.Rate{Events: 10, Per: 5 * time.Minute, Burst: 10},
		},
		MaxRequest: 10 * time.Second,
	}
}

const (
	minOTPLength = 6
	maxOTPLength = 10
)

// Validate reports everything that is wrong, by the names of the options.
func (c *Config) Validate() error {
	var errs []error
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(!isURL(c.SiteURL), "site-url: want an absolute URL")
	add(!isURL(c.ExternalURL), "public-url: want an absolute URL")
	if _, err := redirect.New(c.SiteURL, c.AllowList); err != nil {
		errs = append(errs, fmt.Errorf("uri-allow-list: %w", err))
	}
	add(c.AccessTTL <= 0, "jwt-exp: must be positive")
	add(c.OTPLife <= 0, "mailer-otp-exp: must be positive")
	add(c.OTPLength < minOTPLength || c.OTPLength > maxOTPLength, "mailer-otp-length: must be %d to %d", minOTPLength, maxOTPLength)
	add(c.PasswordMinLength < 6 || c.PasswordMinLength > 72, "password-min-length: must be 6 to 72")
	add(c.ReuseInterval < 0, "refresh-token-reuse-interval: must not be negative")
	add(c.Timebox < 0 || c.Inactivity < 0, "sessions: times must not be negative")
	add(c.MaxFactors < 0, "mfa-max-enrolled-factors: must not be negative")
	add(c.Aud == "" || c.Role == "", "jwt-aud, jwt-default-role: must not be empty")
	return errors.Join(errs...)
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
}

func (c *Config) issuer() string {
	if c.Issuer != "" {
		return c.Issuer
	}
	return c.ExternalURL
}

func (c *Config) isAdmin(role string) bool { return role != "" && slices.Contains(c.AdminRoles, role) }

func (c *Config) rules() password.Rules {
	rules := password.Rules{MinLength: c.PasswordMinLength, Required: c.PasswordCharacters}
	if c.PasswordHIBP {
		rules.Breached = &password.HIBP{}
	}
	return rules
}

// normalize completes what follows from other fields.
func (c *Config) normalize() { c.ExternalURL = strings.TrimSuffix(c.ExternalURL, "/") }
