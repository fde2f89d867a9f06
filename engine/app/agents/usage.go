package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// counter is how much of something is used.
type counter struct {
	Used      int64  `json:"used" jsonschema:"how much is used"`
	Limit     *int64 `json:"limit" jsonschema:"how much the plan allows, null without a limit"`
	Remaining *int64 `json:"remaining" jsonschema:"how much is left, null without a limit"`
	Per       string `json:"per" jsonschema:"what is counted: total, month or day"`
}

type planInfo struct {
	Name     string   `json:"name" jsonschema:"the plan"`
	PriceUSD float64  `json:"price_usd" jsonschema:"its price a month"`
	Scopes   []string `json:"scopes" jsonschema:"the scopes that agents may have"`
	Features []string `json:"features" jsonschema:"the modules that it opens"`
	Next     *string  `json:"next" jsonschema:"the plan to move to when this one is too small"`
}

type usageResponse struct {
	OrganizationID string             `json:"organization_id" jsonschema:"the organization"`
	Plan           planInfo           `json:"plan" jsonschema:"what it has subscribed to"`
	Usage          map[string]counter `json:"usage" jsonschema:"contacts, orders, messages, agents and api_calls"`
	Warnings       []string           `json:"warnings" jsonschema:"what is nearly or wholly used up"`
	Upgrade        *string            `json:"upgrade" jsonschema:"what to do about it; a person has to"`
}

// nearly is the part of a limit from which on there is a warning.
const nearly = 0.8

func (s *service) usage() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "agent-usage", Method: http.MethodGet, Tag: "Agents", Summary: "Tell what the organization has used of its plan",
		Access: functions.Bearer(rls.ScopeRead), Tier: functions.Standard,
	}, func(ctx context.Context, c *functions.Call, _ struct{}) (out usageResponse, err error) {
		var text []byte
		if err := c.QueryRow(ctx, "select nexus_app.usage()", nil, &text); err != nil {
			return out, err
		}
		var calls struct {
			PerDay *int64 `json:"api_calls_per_day"`
		}
		if err := errors.Join(json.Unmarshal(text, &out), json.Unmarshal(text, &calls)); err != nil {
			return out, err
		}
		if calls.PerDay != nil {
			left := min(int64(c.CallsLeft()), *calls.PerDay)
			out.Usage["api_calls"] = counter{Used: *calls.PerDay - left, Limit: calls.PerDay, Remaining: &left, Per: "day"}
		}
		out.warn()
		return out, nil
	})
}

// warn says what is used up, or nearly.
func (u *usageResponse) warn() {
	u.Warnings = []string{}
	names := make([]string, 0, len(u.Usage))
	for name := range u.Usage {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := u.Usage[name]
		switch {
		case c.Limit == nil || float64(c.Used) < nearly*float64(*c.Limit):
		case c.Used >= *c.Limit:
			u.Warnings = append(u.Warnings, fmt.Sprintf("%s: the limit of %d is reached", name, *c.Limit))
		default:
			u.Warnings = append(u.Warnings, fmt.Sprintf("%s: %d of %d are used", name, c.Used, *c.Limit))
		}
	}
	if len(u.Warnings) > 0 && u.Plan.Next != nil {
		text := fmt.Sprintf("An owner of the organization can move it to the plan %s.", *u.Plan.Next)
		u.Upgrade = &text
	}
}

// planCache remembers for a while how many calls organizations may make.
type planCache struct {
	ask func(ctx context.Context, organization string) (int, error)
	now func() time.Time

	mu    sync.Mutex
	known map[string]knownPlan
}

type knownPlan struct {
	calls int
	until time.Time
}

const (
	// planLife is how long a change of plan may go unnoticed.
	planLife = time.Minute
	maxPlans = 10_000
)

// CallsPerDay implements functions.Quota.
func (p *planCache) CallsPerDay(ctx context.Context, organization string) (int, error) {
	now := p.now()
	p.mu.Lock()
	k, ok := p.known[organization]
	p.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.calls, nil
	}
	calls, err := p.ask(ctx, organization)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxPlans {
		p.known = make(map[string]knownPlan)
	}
	p.known[organization] = knownPlan{calls: calls, until: now.Add(planLife)}
	return calls, nil
}

// callsPerDay asks for what the organization's plan allows; 0 is no limit.
func (s *service) callsPerDay(ctx context.Context, organization string) (calls int, err error) {
	err = s.Sessions.Do(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select coalesce(nexus_app.calls_per_day($1), 0)", organization).Scan(&calls)
	})
	return calls, err
}
