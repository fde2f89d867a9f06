// Package insights has the functions that make figures of what an organization has: annotations of conversations, analyses, scores.
// All of it is done in the database and without a model; a model of the organization's own writes its findings through rest/v1.
package insights

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// Functions are those of analyses and of regular care.
func Functions() []*functions.Function {
	return []*functions.Function{annotate(), analyse(), score(), closeStale(), transcribe()}
}

type annotateRequest struct {
	ChatID uuid.UUID `json:"chat_id" jsonschema:"the conversation"`
}

type annotation struct {
	ID                   string   `json:"id" jsonschema:"the row of cs_annotations"`
	ChatID               string   `json:"chat_id" jsonschema:"the conversation"`
	Tags                 []string `json:"tags" jsonschema:"tags whose keywords occur in what the contact wrote"`
	Sentiment            *string  `json:"sentiment" jsonschema:"positive, neutral or negative, if a person or model said so"`
	MessagesIn           int      `json:"messages_in" jsonschema:"how many messages came"`
	MessagesOut          int      `json:"messages_out" jsonschema:"how many went out"`
	FirstResponseSeconds *int     `json:"first_response_seconds" jsonschema:"how long the contact waited for the first answer"`
	Source               string   `json:"source" jsonschema:"who says so: rules, model or person"`
}

func annotate() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "ai-cs-annotator", Tag: "AI", Summary: "Annotate a conversation",
		Description: "Counts messages, measures the first answer, and tags messages in which keywords of `ai_tag_definitions` occur. What people or models said stays.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"chat_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r annotateRequest) (out annotation, err error) {
		err = c.QueryRow(ctx, `
			select id, chat_id, tags, sentiment, messages_in, messages_out, first_response_seconds, source from nexus_app.annotate_chat($1)`,
			[]any{r.ChatID}, &out.ID, &out.ChatID, &out.Tags, &out.Sentiment, &out.MessagesIn, &out.MessagesOut, &out.FirstResponseSeconds, &out.Source)
		return out, err
	})
}

type analyseRequest struct {
	OrgID      *uuid.UUID `json:"org_id,omitempty" jsonschema:"the organization; the token's, and no other one"`
	PeriodDays int        `json:"period_days,omitempty" jsonschema:"how many days; 30 if it is not given" min:"1" max:"366"`
}

type analysis struct {
	ID      string          `json:"id" jsonschema:"the row of ai_insights"`
	From    string          `json:"from" jsonschema:"the first day"`
	To      string          `json:"to" jsonschema:"the last day"`
	Figures json.RawMessage `json:"figures" jsonschema:"orders, revenue, contacts, messages and the best sellers, with those of the period before"`
}

const figures = `
	with period as (select now() - make_interval(days => $1) as first, now() - make_interval(days => 2 * $1) as before),
	sums as (
		select x.which, count(o.id) as orders, coalesce(sum(o.total_amount), 0) as revenue, count(o.id) filter (where o.order_status = 'returned') as returned
		from period p cross join (values ('now'), ('before')) as x (which)
		left join public.orders o on o.organization_id = auth.organization_id() and o.order_status <> 'cancelled'
			and case x.which when 'now' then o.created_at >= p.first else o.created_at >= p.before and o.created_at < p.first end
		group by x.which
	)
	select jsonb_build_object(
		'orders', (select jsonb_object_agg(s.which, jsonb_build_object('count', s.orders, 'revenue', s.revenue, 'returned', s.returned)) from sums s),
		'contacts', (select count(*) from public.customers c, period p where c.organization_id = auth.organization_id() and c.created_at >= p.first),
		'messages', (select jsonb_build_object('inbound', count(*) filter (where m.direction = 'inbound'), 'outbound', count(*) filter (where m.direction = 'outbound'))
			from public.messages m, period p where m.organization_id = auth.organization_id() and m.timestamp >= p.first),
		'best_sellers', coalesce((select jsonb_agg(jsonb_build_object('name', b.name, 'sku', b.sku, 'pieces', b.pieces, 'revenue', b.revenue) order by b.revenue desc, b.name) from (
			select l.name, l.sku, sum(l.qty) as pieces, sum(l.qty * l.unit_price) as revenue
			from public.order_items l join public.orders o on o.id = l.order_id, period p
			where o.organization_id = auth.organization_id() and o.order_status <> 'cancelled' and o.created_at >= p.first
			group by l.name, l.sku order by 4 desc limit 10) b), '[]'))`

func analyse() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "ai-business-analysis", Tag: "AI", Summary: "Sum up how business went",
		Description: "The figures of a period beside those of the one before; they are kept in `ai_insights`.",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Bulk,
		Example: `{"period_days": 30}`,
	}, func(ctx context.Context, c *functions.Call, r analyseRequest) (out analysis, err error) {
		if r.OrgID != nil && r.OrgID.String() != c.OrganizationID() {
			return out, functions.Errorf(http.StatusForbidden, "forbidden", "The token is for another organization")
		}
		if r.PeriodDays == 0 {
			r.PeriodDays = 30
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, figures, r.PeriodDays).Scan(&out.Figures); err != nil {
				return err
			}
			var from, to time.Time
			err := tx.QueryRow(ctx, `
				insert into public.ai_insights (organization_id, kind, title, data, period_start, period_end)
				values (auth.organization_id(), 'business', 'Business of ' || $1::integer || ' days', $2::jsonb, (now() - make_interval(days => $1))::date, now()::date)
				returning id, period_start, period_end`, r.PeriodDays, string(out.Figures)).Scan(&out.ID, &from, &to)
			out.From, out.To = from.Format(time.DateOnly), to.Format(time.DateOnly)
			return err
		})
		return out, err
	})
}

type scoreRequest struct{}

type scoreResponse struct {
	Scored int64 `json:"scored" jsonschema:"how many contacts have another score now"`
}

// rfm scores contacts by recency, frequency and money, each from 0 to 5 by fifths of those who ever ordered, as 0 to 100.
const rfm = `
	with sums as (
		select o.customer_id as id, max(o.created_at) as last, count(*) as n, sum(o.total_amount) as total
		from public.orders o
		where o.organization_id = auth.organization_id() and o.customer_id is not null and o.order_status not in ('cancelled', 'returned')
		group by 1
	),
	ranks as (
		select s.id, ntile(5) over (order by s.last) + ntile(5) over (order by s.n) + ntile(5) over (order by s.total) as points from sums s
	)
	update public.customers c set customer_score = coalesce(round(r.points * 100 / 15.0), 0)
	from public.customers x left join ranks r on r.id = x.id
	where c.id = x.id and c.organization_id = auth.organization_id() and x.organization_id = auth.organization_id()
		and c.customer_score is distinct from coalesce(round(r.points * 100 / 15.0), 0)`

func score() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "crm-nightly-features", Tag: "AI", Summary: "Score the organization's contacts",
		Description: "Scores contacts from 0 to 100 by how recently, how often and for how much they ordered (RFM, in fifths).",
		Access:      functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Bulk,
	}, func(ctx context.Context, c *functions.Call, _ scoreRequest) (out scoreResponse, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, rfm)
			out.Scored = tag.RowsAffected()
			return err
		})
		return out, err
	})
}

type closeRequest struct {
	IdleHours int `json:"idle_hours,omitempty" jsonschema:"how long nothing was written; 72 if it is not given" min:"1" max:"8760"`
}

type closeResponse struct {
	Closed int64 `json:"closed" jsonschema:"how many conversations were archived"`
}

func closeStale() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "close-stale-sessions", Tag: "Automation", Summary: "Archive conversations in which nothing is written any more",
		Description: "Conversations with unread messages stay. One that is archived is opened again when the contact writes.",
		Access:      functions.Bearer(rls.ScopeAdmin, rls.RoleOwner, rls.RoleAdmin), Tier: functions.Bulk,
		Example: `{"idle_hours": 72}`,
	}, func(ctx context.Context, c *functions.Call, r closeRequest) (out closeResponse, err error) {
		if r.IdleHours == 0 {
			r.IdleHours = 72
		}
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `
				update public.chats set is_archived = true
				where organization_id = auth.organization_id() and not is_archived and unread_count = 0
					and coalesce(last_message_time, created_at) < now() - make_interval(hours => $1)`, r.IdleHours)
			out.Closed = tag.RowsAffected()
			return err
		})
		return out, err
	})
}

type transcribeRequest struct {
	MessageID uuid.UUID `json:"message_id" jsonschema:"a message with a voice note"`
}

type transcribeResponse struct {
	Text string `json:"text" jsonschema:"what was said"`
}

func transcribe() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "voice-transcription-worker", Tag: "AI", Summary: "Write down what a voice note says",
		Description: "Needs a model that hears (409 `integration_not_configured`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Bulk,
		Example: `{"message_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r transcribeRequest) (out transcribeResponse, err error) {
		var kind *string
		err = c.QueryRow(ctx, "select (select message_type::text from public.messages where id = $1)", []any{r.MessageID}, &kind)
		switch {
		case err != nil:
			return out, err
		case kind == nil:
			return out, functions.Errorf(http.StatusNotFound, "not_found", "There is no message with this id")
		case *kind != "audio":
			return out, functions.Errorf(http.StatusConflict, "not_audio", "The message is no voice note")
		}
		return out, functions.NotConfigured("ai", "transcription model")
	})
}
