package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"nexus/engine"
	"nexus/engine/password"
)

// bindAuth adds the options of auth/v1. Their names are those of GoTrue's settings, whose variables count as well: see
// environmentNames.
func (o *configOptions) bindAuth(f *pflag.FlagSet) {
	a, flows := &o.Auth, &o.Auth.Flows
	f.BoolVar(&a.Enabled, "auth", a.Enabled, "serve auth/v1")
	f.StringVar(&a.DatabasePassword, "auth-db-password", a.DatabasePassword,
		"password of the role supabase_auth_admin in the database of --db-url (default: set one)")
	f.StringVar(&a.SiteURL, "site-url", a.SiteURL, "URL of the app, where links in mails lead (default --public-url)")
	f.StringSliceVar(&flows.AllowList, "uri-allow-list", flows.AllowList, "further places that links may lead to, with * and **")
	f.BoolVar(&flows.DisableSignup, "disable-signup", flows.DisableSignup, "let nobody sign up")
	f.Var(inverted{&flows.DisableEmail}, "external-email-enabled", "log in with an address")
	f.BoolVar(&flows.AnonymousUsers, "external-anonymous-users-enabled", flows.AnonymousUsers, "let users be anonymous")
	f.BoolVar(&flows.ManualLinking, "security-manual-linking-enabled", flows.ManualLinking, "let users link and unlink ways to log in")

	f.BoolVar(&flows.Autoconfirm, "mailer-autoconfirm", flows.Autoconfirm, "take addresses as confirmed without a mail")
	f.BoolVar(&flows.DoubleConfirm, "mailer-secure-email-change-enabled", flows.DoubleConfirm, "confirm a change of address at both")
	f.BoolVar(&flows.UnverifiedLogins, "mailer-allow-unverified-email-sign-ins", flows.UnverifiedLogins, "log in before the address is confirmed")
	f.Var((*seconds)(&flows.OTPLife), "mailer-otp-exp", "how long links and codes in mails are valid")
	f.IntVar(&flows.OTPLength, "mailer-otp-length", flows.OTPLength, "digits of codes in mails")
	f.Var((*seconds)(&flows.MailFrequency), "smtp-max-frequency", "least time between two mails of a kind to a user")
	f.StringVar(&a.SMTP.Host, "smtp-host", a.SMTP.Host, "server that sends mails (default: keep them for nexus mail)")
	f.IntVar(&a.SMTP.Port, "smtp-port", a.SMTP.Port, "its port")
	f.StringVar(&a.SMTP.User, "smtp-user", a.SMTP.User, "user to log in with there")
	f.StringVar(&a.SMTP.Pass, "smtp-pass", a.SMTP.Pass, "password to log in with there")
	f.StringVar(&a.SMTP.AdminEmail, "smtp-admin-email", a.SMTP.AdminEmail, "address that mails are from")
	f.StringVar(&a.SMTP.SenderName, "smtp-sender-name", a.SMTP.SenderName, "name that mails are from")
	for _, kind := range mailKinds {
		f.Var(member{a.MailSubjects, kind}, "mailer-subjects-"+flagName(kind), "subject of "+kind+" mails")
		f.Var(member{a.MailTemplates, kind}, "mailer-templates-"+flagName(kind), "file or URL of the template of "+kind+" mails")
	}

	f.Var((*seconds)(&flows.AccessTTL), "jwt-exp", "how long access tokens are valid")
	f.StringVar(&flows.Issuer, "jwt-issuer", flows.Issuer, "iss of access tokens (default: the URL of auth/v1)")
	f.StringVar(&flows.Aud, "jwt-default-aud", flows.Aud, "aud of users who have no other")
	f.StringVar(&flows.Role, "jwt-default-group-name", flows.Role, "role of users who have no other")
	f.StringSliceVar(&flows.AdminRoles, "jwt-admin-roles", flows.AdminRoles, "roles that may use the admin endpoints")
	f.BoolVar(&flows.RefuseBrowserAdmins, "refuse-browser-admins", flows.RefuseBrowserAdmins, "refuse keys of servers in requests of browsers")

	f.IntVar(&flows.PasswordMinLength, "password-min-length", flows.PasswordMinLength, "least length of passwords")
	f.Var((*characterSets)(&flows.PasswordCharacters), "password-required-characters", "sets of characters, separated by colons, of which passwords need one each")
	f.BoolVar(&flows.PasswordHIBP, "password-hibp-enabled", flows.PasswordHIBP, "refuse passwords that have leaked, by api.pwnedpasswords.com")
	f.BoolVar(&flows.ReauthenticatePassword, "security-update-password-require-reauthentication", flows.ReauthenticatePassword,
		"want a mailed code for a new password in sessions older than a day")
	f.BoolVar(&flows.CurrentPassword, "security-update-password-require-current-password", flows.CurrentPassword, "want the old password for a new one")
	f.BoolVar(&flows.RotateRefreshTokens, "security-refresh-token-rotation-enabled", flows.RotateRefreshTokens,
		"end a session whose refresh token is used again after it was replaced")
	f.Var((*seconds)(&flows.ReuseInterval), "security-refresh-token-reuse-interval", "how long a replaced refresh token may be used again")
	f.Var((*seconds)(&flows.Timebox), "sessions-timebox", "longest life of a session, 0 for no limit")
	f.Var((*seconds)(&flows.Inactivity), "sessions-inactivity-timeout", "longest time between refreshes of a session, 0 for no limit")
	f.BoolVar(&flows.SinglePerUser, "sessions-single-per-user", flows.SinglePerUser, "allow each user only the newest session")

	f.BoolVar(&flows.TOTPEnroll, "mfa-totp-enroll-enabled", flows.TOTPEnroll, "let users set up authenticator apps")
	f.BoolVar(&flows.TOTPVerify, "mfa-totp-verify-enabled", flows.TOTPVerify, "let users log in with authenticator apps")
	f.IntVar(&flows.MaxFactors, "mfa-max-enrolled-factors", flows.MaxFactors, "most factors of a user")
	f.Var((*seconds)(&flows.ChallengeLife), "mfa-challenge-expiry-duration", "how long a challenge can be met")
	f.Var((*seconds)(&flows.FactorLife), "mfa-factor-expiry-duration", "how long a factor can be set up")

	f.StringVar(&flows.IPHeader, "rate-limit-header", flows.IPHeader, "header in which a proxy passes on clients' addresses (default: the peer's)")
	f.StringVar(&a.Rates.EmailSent, "rate-limit-email-sent", a.Rates.EmailSent, "mails of the server within an hour, or N/time, 0 for no limit")
	f.StringVar(&a.Rates.TokenRefresh, "rate-limit-token-refresh", a.Rates.TokenRefresh, "logins and refreshes from an address")
	f.StringVar(&a.Rates.Verify, "rate-limit-verify", a.Rates.Verify, "links and codes from an address")
	f.StringVar(&a.Rates.OTP, "rate-limit-otp", a.Rates.OTP, "sign-ups, and requests for mails, from an address")
	f.StringVar(&a.Rates.AnonymousUsers, "rate-limit-anonymous-users", a.Rates.AnonymousUsers, "anonymous sign-ups from an address")
	f.StringVar(&a.Rates.MFA, "rate-limit-mfa", a.Rates.MFA, "challenges and verifications of factors from an address")
	f.StringVar(&a.Rates.Account, "rate-limit-account", a.Rates.Account, "passwords and codes tried for an account, from anywhere")
	o.bindProviders(f)
}

func (o *configOptions) bindProviders(f *pflag.FlagSet) {
	for _, name := range engine.ProviderNames() {
		p, prefix := o.Auth.Providers[name], "external-"+name+"-"
		f.BoolVar(&p.Enabled, prefix+"enabled", p.Enabled, "log in with "+name)
		f.StringVar(&p.ClientID, prefix+"client-id", p.ClientID, "client id there; several, by commas, for id tokens")
		f.StringVar(&p.Secret, prefix+"secret", p.Secret, "secret there")
		f.StringVar(&p.URL, prefix+"url", p.URL, "issuer, or address of an own server")
		f.StringVar(&p.RedirectURI, prefix+"redirect-uri", p.RedirectURI, "where it sends users back to (default: callback of auth/v1)")
		f.BoolVar(&p.SkipNonceCheck, prefix+"skip-nonce-check", p.SkipNonceCheck, "take id tokens without the nonce")
		f.BoolVar(&p.EmailOptional, prefix+"email-optional", p.EmailOptional, "take users without an address")
	}
}

// mailKinds are the mails that can be changed, by GoTrue's names.
var mailKinds = []string{"invite", "confirmation", "recovery", "magic_link", "email_change", "reauthentication"}

func flagName(kind string) string { return strings.ReplaceAll(kind, "_", "-") }

// seconds is a time that may be written as GoTrue does, as a number of seconds.
type seconds time.Duration

// Set implements pflag.Value.
func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		*s = seconds(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	*s = seconds(d)
	return err
}

// String implements pflag.Value.
func (s *seconds) String() string { return time.Duration(*s).String() }

// Type implements pflag.Value.
func (*seconds) Type() string { return "duration" }

// inverted is an option for what is switched off by its field.
type inverted struct{ off *bool }

// Set implements pflag.Value.
func (i inverted) Set(text string) error {
	on, err := strconv.ParseBool(text)
	*i.off = !on
	return err
}

// String implements pflag.Value.
func (i inverted) String() string { return strconv.FormatBool(i.off == nil || !*i.off) }

// Type implements pflag.Value.
func (inverted) Type() string { return "bool" }

// IsBoolFlag lets the option stand without a value.
func (inverted) IsBoolFlag() bool { return true }

// member is an option that is kept in a map.
type member struct {
	of  map[string]string
	key string
}

// Set implements pflag.Value.
func (m member) Set(text string) error {
	m.of[m.key] = text
	return nil
}

// String implements pflag.Value.
func (m member) String() string { return m.of[m.key] }

// Type implements pflag.Value.
func (member) Type() string { return "string" }

// characterSets are sets of characters with colons between them.
type characterSets []string

// Set implements pflag.Value.
func (s *characterSets) Set(text string) error {
	*s = password.ParseRequired(text)
	return nil
}

// String implements pflag.Value.
func (s *characterSets) String() string { return strings.Join(*s, ":") }

// Type implements pflag.Value.
func (*characterSets) Type() string { return "string" }
