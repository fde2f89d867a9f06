package auth

import (
	"net/http"
	"time"

	"nexus/engine/auth/limit"
	"nexus/engine/clientip"
)

// limiters hold a Handler's buckets.
type limiters struct {
	token, verify, anonymous, mfa, mail, account *limit.Limiter
	otp                                          map[string]*limit.Limiter // by endpoint
	// strangers spaces the mails that are never sent.
	strangers *limit.Limiter
}

// otpEndpoints share a rate and have a bucket each.
var otpEndpoints = []string{"signup", "otp", "magiclink", "recover", "resend", "user", "reauthenticate"}

func newLimiters(cfg *Config, now func() time.Time) limiters {
	rates := &cfg.Limits
	l := limiters{
		token: newLimiter(rates.Token), verify: newLimiter(rates.Verify), anonymous: newLimiter(rates.Anonymous),
		mfa: newLimiter(rates.MFA), mail: newLimiter(rates.Mail), account: newLimiter(rates.Account),
		otp: make(map[string]*limit.Limiter, len(otpEndpoints)),
	}
	if cfg.MailFrequency > 0 {
		l.strangers = limit.NewAt(limit.Rate{Events: 1, Per: cfg.MailFrequency}, now)
	}
	for _, name := range otpEndpoints {
		l.otp[name] = newLimiter(rates.OTP)
	}
	return l
}

// newLimiter is nil for no limit.
func newLimiter(rate limit.Rate) *limit.Limiter {
	if rate.Events <= 0 {
		return nil
	}
	return limit.New(rate)
}

// allow refuses what comes too often.
func allow(l *limit.Limiter, key, code, message string) error {
	if l == nil {
		return nil
	}
	if ok, after := l.Allow(key); !ok {
		return &Error{Status: http.StatusTooManyRequests, Code: code, Message: message, RetryAfter: max(after, time.Second)}
	}
	return nil
}

const tooManyRequests = "Request rate limit reached"

// limited is a check that bounds how often an address may call an endpoint.
func limited(of func(*limiters) *limit.Limiter) action {
	return func(c *call) error {
		return allow(of(&c.h.limiters), c.addressKey(), "over_request_rate_limit", tooManyRequests)
	}
}

// addressKey is what the client's address counts under: a whole network of IPv6.
func (c *call) addressKey() string { return clientip.Key(clientip.Of(c.r, c.h.cfg.IPHeader)) }

// allowAttempt bounds the attempts to prove who one is for one account. Those that succeed count as well, so that the answer
// does not depend on what was right.
func (c *call) allowAttempt(account string) error {
	return allow(c.h.limiters.account, account, "over_request_rate_limit", tooManyRequests)
}

// spacedStranger refuses for an unknown address what would be refused for a known one: a mail of the kind too soon after
// another. Otherwise the second request would tell who is registered.
func (c *call) spacedStranger(kind, email string) error {
	if c.h.limiters.strangers == nil {
		return nil
	}
	if ok, wait := c.h.limiters.strangers.Allow(kind + " " + email); !ok {
		return tooSoon(wait)
	}
	return nil
}

// allowMail bounds the mails of the server.
func (c *call) allowMail() error {
	return allow(c.h.limiters.mail, "", "over_email_send_rate_limit", "email rate limit exceeded")
}
