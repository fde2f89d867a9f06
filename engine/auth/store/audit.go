package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// AuditEntry is a row of auth.audit_log_entries.
type AuditEntry struct {
	ID        string          `db:"id" json:"id"`
	Payload   json.RawMessage `db:"payload" json:"payload"`
	CreatedAt time.Time       `db:"created_at" json:"created_at"`
	IP        string          `db:"ip_address" json:"ip_address"`
}

// Audit notes what somebody did.
func (t *Tx) Audit(ctx context.Context, payload map[string]any, ip string) error {
	return t.exec(ctx, `
		insert into auth.audit_log_entries (instance_id, id, payload, ip_address, created_at)
		values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), $1, $2, now())`, payload, ip)
}

// AuditPage is a part of the audit log.
type AuditPage struct {
	// Keys are members of the payload of which one has to contain Text; empty for all entries.
	Keys   []string
	Text   string
	Offset int64
	Limit  int64
}

// AuditLog lists entries, the newest first, and counts those that match.
func (t *Tx) AuditLog(ctx context.Context, page AuditPage) (entries []AuditEntry, total int64, err error) {
	where, args := "where true", []any{}
	if len(page.Keys) > 0 {
		args = append(args, page.Keys, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(page.Text)+"%")
		where = "where exists (select from unnest($1::text[]) k where coalesce(payload ->> k, payload -> 'traits' ->> k) ilike $2)"
	}
	count, err := one[struct {
		N int64 `db:"n"`
	}](ctx, t, "select count(*) as n from auth.audit_log_entries "+where, args...)
	if err != nil {
		return nil, 0, err
	}
	n := len(args)
	entries, err = many[AuditEntry](ctx, t, `
		select id, coalesce(payload, '{}') as payload, coalesce(created_at, now()) as created_at, ip_address
		from auth.audit_log_entries `+where+" order by auth.audit_log_entries.created_at desc, id limit $"+strconv.Itoa(n+1)+
		" offset $"+strconv.Itoa(n+2), append(args, page.Limit, page.Offset)...)
	return entries, count.N, err
}

// Cleanup removes what has expired: at most limit rows of each kind, so that no transaction holds locks for long.
func (t *Tx) Cleanup(ctx context.Context, now time.Time, tokenLife, flowLife time.Duration, limit int) (removed int64, err error) {
	for _, step := range []struct {
		sql    string
		before time.Time
	}{
		{"delete from auth.flow_state where id in (select id from auth.flow_state where created_at < $1 limit $2)", now.Add(-flowLife)},
		{"delete from auth.one_time_tokens where id in (select id from auth.one_time_tokens where created_at < $1 limit $2)", now.Add(-tokenLife)},
		{"delete from auth.sessions where id in (select id from auth.sessions where not_after < $1 limit $2)", now},
		{"delete from auth.mfa_challenges where id in (select id from auth.mfa_challenges where created_at < $1 limit $2)", now.Add(-tokenLife)},
	} {
		tag, err := t.tx.Exec(ctx, step.sql, step.before, limit)
		if err != nil {
			return removed, err
		}
		removed += tag.RowsAffected()
	}
	return removed, nil
}

// Hook calls the function auth.custom_access_token_hook with an event, if the database has it, and returns its answer; nil
// without one.
func (t *Tx) Hook(ctx context.Context, event map[string]any) (Metadata, error) {
	exists, err := one[struct {
		Exists bool `db:"is_there"`
	}](ctx, t, "select to_regprocedure('auth.custom_access_token_hook(jsonb)') is not null as is_there")
	if err != nil || !exists.Exists {
		return nil, err
	}
	answer, err := one[struct {
		Value Metadata `db:"value"`
	}](ctx, t, "select auth.custom_access_token_hook($1::jsonb) as value", event)
	if err != nil {
		return nil, err
	}
	return answer.Value, nil
}
