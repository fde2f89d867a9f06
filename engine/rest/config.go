package rest

import (
	"time"

	"nexus/schema"
)

// TxEnd is how transactions of requests end (PostgREST's db-tx-end).
type TxEnd string

// The values of TxEnd.
const (
	TxCommit                TxEnd = "commit"
	TxCommitAllowOverride   TxEnd = "commit-allow-override"
	TxRollback              TxEnd = "rollback"
	TxRollbackAllowOverride TxEnd = "rollback-allow-override"
)

// OpenAPIMode is what the root endpoint describes (PostgREST's openapi-mode).
type OpenAPIMode string

// The values of OpenAPIMode.
const (
	OpenAPIFollowPrivileges OpenAPIMode = "follow-privileges"
	OpenAPIIgnorePrivileges OpenAPIMode = "ignore-privileges"
	OpenAPIDisabled         OpenAPIMode = "disabled"
)

// TargetNames says which names the filters, orders and limits of an embedded resource with an alias may call it by
// (https://docs.postgrest.org/en/v16/references/configuration.html#url-use-legacy-target-names).
type TargetNames uint8

// The values of TargetNames.
const (
	// TargetAnyName takes the alias and the relation's name, as PostgREST 14 does.
	TargetAnyName TargetNames = iota
	// TargetAnyNameWarn takes both, and answers with a Warning header where it was the relation's name (true in 16).
	TargetAnyNameWarn
	// TargetAlias takes the alias alone (false in 16).
	TargetAlias
)

// RoleSettings are what ALTER ROLE … SET gave a role: settings applied to each transaction that impersonates it, its
// isolation level, and the ceiling of its statements' costs.
type RoleSettings struct {
	Settings       []schema.Setting
	IsolationLevel string
	// MaxPlanCost is the planner's cost above which a statement is refused, in its units; 0 is no ceiling.
	MaxPlanCost float64
}

// Config holds the options of rest/v1. The names and defaults are those of PostgREST's configuration reference
// (https://docs.postgrest.org/en/v14/references/configuration.html); it is immutable once a handler uses it.
type Config struct {
	Schemas         []string // db-schemas, the first is the default
	ExtraSearchPath []string // db-extra-search-path
	AnonRole        string   // db-anon-role, "" refuses anonymous requests
	// ServerRoles are refused in requests with an Origin: their keys are not for pages in browsers.
	ServerRoles []string
	// MaxRows is db-max-rows; nil means no limit.
	MaxRows    *int64
	PreRequest *schema.Ident // db-pre-request
	RootSpec   *schema.Ident // db-root-spec
	TxEnd      TxEnd
	// HoistedTxSettings are the function settings that apply to the whole transaction (db-hoisted-tx-settings).
	HoistedTxSettings []string

	AggregatesEnabled   bool
	PlanEnabled         bool
	PreparedStatements  bool
	ServerTimingEnabled bool
	ServerTraceHeader   string
	// CORSAllowedOrigins is server-cors-allowed-origins; empty allows any origin.
	CORSAllowedOrigins []string
	// ErrorVerbosityMinimal drops details and hint from errors (client-error-verbosity = "minimal").
	ErrorVerbosityMinimal bool
	TargetNames           TargetNames // url-use-legacy-target-names

	OpenAPIMode           OpenAPIMode
	OpenAPISecurityActive bool
	OpenAPIServerProxyURI string
	// ServerHost and ServerPort are what the OpenAPI description names as its host without a proxy URI.
	ServerHost string
	ServerPort int

	// AppSettings are app.settings.* as set for each transaction, with their full names.
	AppSettings  []schema.Setting
	RoleSettings map[string]RoleSettings

	// ETags gives answers to GET an ETag, unless they are streamed, and honours If-None-Match. PostgREST has none.
	ETags bool
	// MaxEmbedDepth is how many levels a request may embed in one another, 0 for no limit.
	MaxEmbedDepth int
	// StreamAbove is how much of a body, in bytes, is held back before it is sent while its rows still arrive. Such an answer
	// has no Content-Length, and no Content-Range unless all rows were counted. Zero never streams, as PostgREST.
	StreamAbove int
	// StreamTimeout is how long the client may take for each piece of a streamed body before its query is cancelled; zero
	// means no limit.
	StreamTimeout time.Duration

	// BasePath is the mount point ("/rest/v1", or "" in PostgREST mode); it prefixes Location and Content-Location is
	// relative to it as PostgREST's is to its root.
	BasePath string
}

// DefaultConfig returns PostgREST's defaults.
func DefaultConfig() Config {
	return Config{
		Schemas: []string{"public"}, ExtraSearchPath: []string{"public"}, TxEnd: TxCommit,
		HoistedTxSettings:  []string{"statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"},
		PreparedStatements: true, OpenAPIMode: OpenAPIFollowPrivileges, ServerHost: "!4", ServerPort: 3000,
	}
}

// AllowsTxOverride reports whether Prefer: tx=… is honoured.
func (c *Config) AllowsTxOverride() bool {
	return c.TxEnd == TxCommitAllowOverride || c.TxEnd == TxRollbackAllowOverride
}
