package functions

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/rls"
)

// Call is one call of a function: who calls, and the database as they see it.
type Call struct {
	Identity *rls.Identity
	// Request is the HTTP request that the call came with, its body read.
	Request *http.Request
	// Address is the client's.
	Address netip.Addr
	// Header holds further headers of the answer.
	Header http.Header

	sessions  *db.Sessions
	path      string
	schemas   []string
	callsLeft int
	// outer is the transaction that all work of the call belongs to; nil if each has its own.
	outer pgx.Tx
}

// NewCall makes a call that came otherwise than through a Handler, such as a tool of an agent; path tells the database what it is.
func NewCall(sessions *db.Sessions, identity *rls.Identity, r *http.Request, address netip.Addr, path string, searchPath []string) *Call {
	return &Call{
		Identity: identity, Request: r, Address: address, Header: http.Header{}, sessions: sessions, path: path, schemas: searchPath,
	}
}

// UserID is the caller's: the token's sub claim.
func (c *Call) UserID() string { return c.Identity.Subject }

// OrganizationID is that of the caller's token, empty without one.
func (c *Call) OrganizationID() string { return c.Identity.Caller.OrganizationID }

// CallsLeft is how many more calls the plan of the caller's organization allows today, as far as that was counted.
func (c *Call) CallsLeft() int { return c.callsLeft }

// Tx runs work in one transaction with the caller's role and claims, read-only if the token allows no changes. Work may run more
// than once (db.Sessions.As), so it must not leave anything behind elsewhere.
func (c *Call) Tx(ctx context.Context, work func(pgx.Tx) error) error {
	settings := rls.Settings(c.Identity, &rls.Facts{
		SearchPath: c.schemas, Method: c.Request.Method, Path: c.path, Host: c.Request.Host, Header: c.Request.Header,
	})
	if c.outer != nil {
		return pgx.BeginFunc(ctx, c.outer, func(tx pgx.Tx) error {
			if err := db.Set(ctx, tx, settings); err != nil {
				return err
			}
			return work(tx)
		})
	}
	return c.sessions.As(ctx, settings, c.Identity.ReadOnly(), work)
}

// AsServer runs work in one transaction as the server's login role, which may do nothing but call functions that were granted
// to it by name: for what nobody's own rights allow, such as registrations of those who are nobody yet.
func (c *Call) AsServer(ctx context.Context, work func(pgx.Tx) error) error {
	if c.outer != nil {
		return pgx.BeginFunc(ctx, c.outer, func(tx pgx.Tx) error {
			if err := asServer(ctx, tx); err != nil {
				return err
			}
			return work(tx)
		})
	}
	return c.sessions.Do(ctx, work)
}

// FirstDelivery notes a delivery of a webhook by the provider's id, and tells whether it is new. It belongs into the transaction
// of the delivery's effect, as the server (AsServer).
func FirstDelivery(ctx context.Context, tx pgx.Tx, source, id string) (first bool, err error) {
	err = tx.QueryRow(ctx, "select nexus.first_delivery($1, $2)", source, id).Scan(&first)
	return first, err
}

// QueryRow runs one statement as Tx does and scans its only row; pgx.ErrNoRows tells that there was none.
func (c *Call) QueryRow(ctx context.Context, sql string, args []any, into ...any) error {
	return c.Tx(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(into...) })
}
