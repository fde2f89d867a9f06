package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
)

// noteTimeout bounds the writing of an audit row.
const noteTimeout = 5 * time.Second

// note writes the audit row of a call: who, what with which arguments, and what came of it.
func (h *Handler) note(ctx context.Context, c *call, t *tool, arguments json.RawMessage, err error, took time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	var code *string
	var known *toolError
	switch {
	case errors.As(err, &known):
		code = &known.Code
	case err != nil:
		text := "internal_error"
		code = &text
	}
	var organization *string
	if id := c.identity.Caller.OrganizationID; id != "" {
		organization = &id
	}
	failed := h.Sessions.Do(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select nexus.note_mcp_call($1::text::uuid, $2::text::uuid, $3, $4::jsonb, $5, $6, $7)",
			c.identity.Subject, organization, t.name, string(redact(arguments)), c.rows, code, took.Milliseconds())
		return err
	})
	if failed != nil {
		h.Logger.LogAttrs(ctx, slog.LevelError, "a call of a tool was not noted", slog.String("tool", t.name), slog.String("error", failed.Error()))
	}
}

// secret are the names of arguments whose values are not kept.
var secret = regexp.MustCompile(`(?i)password|secret|token|api_?key|credential`)

// maxNoted is how much of the arguments is kept, in bytes.
const maxNoted = 16 << 10

// redact leaves out of arguments what must not be kept.
func redact(arguments json.RawMessage) json.RawMessage {
	var value any
	if json.Unmarshal(arguments, &value) != nil {
		return json.RawMessage("{}")
	}
	text, err := json.Marshal(hide(value))
	if err != nil || len(text) > maxNoted {
		return json.RawMessage(`{"omitted": "too large"}`)
	}
	return text
}

func hide(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if secret.MatchString(name) {
				v[name] = "[redacted]"
			} else {
				v[name] = hide(inner)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = hide(inner)
		}
	}
	return value
}

// isOurs reports whether a failure is not the caller's.
func isOurs(err error) bool {
	var known *toolError
	return !errors.As(err, &known) && !errors.Is(err, context.Canceled)
}
