package functions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nexus/engine/clientip"
	"nexus/engine/limits"
	"nexus/rls"
)

// Tier says how often a function may be called, and whose calls are counted together.
type Tier uint8

// The tiers. The zero value is none, which a Registry refuses.
const (
	tierNone Tier = iota
	// Standard is counted per user and organization.
	Standard
	// Bulk is as Standard, for what does much at once.
	Bulk
	// WebhookTier is counted per address.
	WebhookTier
	// AgentAuth is counted per address: what could be used to guess keys.
	AgentAuth
)

// String names the tier as the configuration does.
func (t Tier) String() string {
	return [...]string{"none", "standard", "bulk", "webhook", "agent-auth"}[t]
}

// Rates are those of the tiers; one without events is off.
type Rates struct {
	Standard, Bulk, Webhook, AgentAuth limits.Rate
}

// DefaultRates are the documented ones.
func DefaultRates() Rates {
	return Rates{
		Standard: limits.Rate{Events: 100, Per: time.Minute}, Bulk: limits.Rate{Events: 20, Per: time.Minute},
		Webhook: limits.Rate{Events: 500, Per: time.Minute}, AgentAuth: limits.Rate{Events: 10, Per: time.Minute},
	}
}

func (r *Rates) of(t Tier) limits.Rate {
	switch t {
	case Bulk:
		return r.Bulk
	case WebhookTier:
		return r.Webhook
	case AgentAuth:
		return r.AgentAuth
	default:
		return r.Standard
	}
}

// Limiter counts events over all servers of a database.
type Limiter interface {
	Take(ctx context.Context, key string, rate limits.Rate) (limits.Decision, error)
}

// Quota tells what plans allow.
type Quota interface {
	// CallsPerDay is how many calls an organization may make in 24 hours; 0 is no limit.
	CallsPerDay(ctx context.Context, organizationID string) (int, error)
}

// spend counts a call against the plan of the caller's organization.
func (h *Handler) spend(ctx context.Context, c *Call) error {
	organization := c.OrganizationID()
	if h.quota == nil || organization == "" {
		return nil
	}
	allowed, err := h.quota.CallsPerDay(ctx, organization)
	if err != nil || allowed <= 0 {
		return err
	}
	d, err := h.take(ctx, "calls "+organization, limits.Rate{Events: allowed, Per: 24 * time.Hour, Exact: true})
	c.callsLeft = d.Remaining
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusTooManyRequests {
		return &Error{
			Status: http.StatusForbidden, Code: "quota_exceeded", RetryAfter: e.RetryAfter,
			Message: fmt.Sprintf("The organization's plan allows %d calls a day", allowed),
			Details: map[string]any{"metric": "api_calls", "limit": allowed, "hint": "Wait, or move to a larger plan; see agent-usage."},
		}
	}
	return err
}

// limit refuses a call that comes too early.
func (h *Handler) limit(ctx context.Context, t Tier, c *Call) error {
	rate := h.cfg.Rates.of(t)
	if rate.Events <= 0 {
		return nil
	}
	_, err := h.take(ctx, tierKey(t, c), rate)
	return err
}

// tierKey is what a call counts under. Calls without a person or agent count for their address.
func tierKey(t Tier, c *Call) string {
	caller := &c.Identity.Caller
	if t == WebhookTier || t == AgentAuth || (caller.Class != rls.User && caller.Class != rls.Agent) {
		return t.String() + " " + clientip.Key(c.Address)
	}
	return t.String() + " " + c.Identity.Subject + " " + caller.OrganizationID
}

func (h *Handler) take(ctx context.Context, key string, rate limits.Rate) (limits.Decision, error) {
	d, err := h.limiter.Take(ctx, key, rate)
	if err != nil {
		return d, &Error{
			Status: http.StatusServiceUnavailable, Code: "service_unavailable", Message: "Calls cannot be counted at the moment",
			RetryAfter: time.Second, Cause: err,
		}
	}
	if d.Allowed {
		return d, nil
	}
	return d, &Error{
		Status: http.StatusTooManyRequests, Code: "rate_limit_exceeded", RetryAfter: max(d.RetryAfter, time.Second),
		Message: fmt.Sprintf("No more than %d calls in %s are allowed", rate.Events, perTime(rate.Per)),
	}
}

func perTime(d time.Duration) string {
	switch d {
	case time.Minute:
		return "a minute"
	case time.Hour:
		return "an hour"
	case 24 * time.Hour:
		return "a day"
	default:
		return d.String()
	}
}
