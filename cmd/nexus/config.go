package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nexus/engine"
	"nexus/engine/app/messages/graph"
)

// configOptions are what commands share: the server's configuration and the file it may come from.
type configOptions struct {
	engine.Config
	File string
}

func newConfigOptions() *configOptions {
	return &configOptions{Config: engine.DefaultConfig()}
}

// bindCommon adds the options that say which data directory and database a command is about.
func (o *configOptions) bindCommon(f *pflag.FlagSet) {
	f.StringVar(&o.File, "config", "", "configuration file (default nexus.toml, if there is one)")
	f.StringVar(&o.Listen, "listen", o.Listen, "address to serve on, host:port")
	f.StringVar(&o.PublicURL, "public-url", o.PublicURL, "URL that clients use (default http:// and the listening address)")
	f.StringVar(&o.DataDir, "data-dir", o.DataDir, "directory of the secrets and the embedded PostgreSQL")
	f.StringVar(&o.DatabaseURL, "db-url", o.DatabaseURL, "PostgreSQL to use instead of the embedded one")
	f.StringVar(&o.App, "app", o.App, "application to install: nexus or none (default: nexus, but none with --db-url)")
	f.StringVar(&o.PGBin, "pg-bin", o.PGBin, "directory of PostgreSQL's programs (default: search)")
	f.StringVar(&o.JWTSecret, "jwt-secret", o.JWTSecret, "secret, JWK or JWK set of tokens (default: the data directory's secret)")
	f.StringVar(&o.JWKSURL, "jwks-url", o.JWKSURL, "URL of a JWK set whose keys count, too")
	f.StringVar(&o.AnonKey, "anon-key", o.AnonKey, "anon key to show, if somebody else issues the tokens")
	f.StringVar(&o.ServiceRoleKey, "service-role-key", o.ServiceRoleKey, "service key to show, if somebody else issues the tokens")
	f.TextVar(&o.LogLevel, "log-level", o.LogLevel, "debug, info, warn or error")
	f.StringVar(&o.LogFormat, "log-format", o.LogFormat, "text or json")
}

// bindServer adds the options of the server alone.
func (o *configOptions) bindServer(f *pflag.FlagSet) {
	f.StringVar(&o.AuthenticatorPassword, "authenticator-password", o.AuthenticatorPassword,
		"password of the role authenticator in the database of --db-url (default: set one)")
	f.StringVar(&o.DirectURL, "db-direct-url", o.DirectURL, "way past a transaction pooler, for migrations and schema changes (default --db-url)")
	f.StringSliceVar(&o.ReplicaURLs, "db-replica-url", o.ReplicaURLs, "replica of --db-url to read from; may be repeated")
	f.BoolVar(&o.Migrate, "migrate", o.Migrate, "run the migrations at the start")
	f.BoolVar(&o.CheckCredentials, "check-credentials", o.CheckCredentials, "ask at every statement whether memberships and agents' keys still hold")
	f.StringSliceVar(&o.Schemas, "schemas", o.Schemas, "schemas to serve, the first by default")
	f.StringSliceVar(&o.ExtraSearchPath, "extra-search-path", o.ExtraSearchPath, "schemas that requests find names in besides")
	f.Int64Var(&o.MaxRows, "max-rows", o.MaxRows, "most rows of one answer, 0 for no limit")
	f.BoolVar(&o.Aggregates, "aggregates", o.Aggregates, "allow aggregate functions in select")
	f.BoolVar(&o.Plan, "plan", o.Plan, "let clients ask for execution plans")
	f.StringVar(&o.OpenAPIMode, "openapi-mode", o.OpenAPIMode, "follow-privileges, ignore-privileges or disabled")
	f.StringVar(&o.ErrorVerbosity, "client-error-verbosity", o.ErrorVerbosity, "verbose, or minimal for errors without details and hints")
	f.StringVar(&o.LegacyTargetNames, "url-use-legacy-target-names", o.LegacyTargetNames,
		"let filters call an aliased resource by its table: true with a warning, false not at all (default: silently)")
	f.IntVar(&o.PoolSize, "db-pool", o.PoolSize, "database connections for requests")
	f.DurationVar(&o.PoolTimeout, "db-pool-timeout", o.PoolTimeout, "how long a request waits for a connection")
	f.BoolVar(&o.Prepared, "db-prepared", o.Prepared, "prepare statements; off behind a transaction pooler")
	f.StringVar(&o.JWTAudience, "jwt-aud", o.JWTAudience, "audience that tokens must name if they name one")
	f.Int64Var(&o.MaxBodyBytes, "max-body-bytes", o.MaxBodyBytes, "largest request body")
	f.IntVar(&o.MaxHeaderBytes, "max-header-bytes", o.MaxHeaderBytes, "largest request line and headers")
	f.BoolVar(&o.Compress, "compress", o.Compress, "encode answers with zstd or gzip for clients that accept it")
	f.IntVar(&o.MaxEmbedDepth, "max-embed-depth", o.MaxEmbedDepth, "levels that a request may embed in one another, 0 for no limit")
	f.IntVar(&o.StreamAbove, "stream-above", o.StreamAbove, "bytes of an answer that are held back before the rest is streamed, 0 to never stream")
	f.DurationVar(&o.StreamTimeout, "stream-timeout", o.StreamTimeout, "longest time a client may take for a piece of a streamed answer")
	f.DurationVar(&o.RequestTimeout, "request-timeout", o.RequestTimeout, "longest time for a request, 0 for no limit")
	f.StringVar(&o.FunctionsDir, "functions", o.FunctionsDir, "directory of functions in TypeScript, DIR/<name>/index.ts")
	f.StringVar(&o.DenoBinary, "deno", o.DenoBinary, "the Deno that runs them (default: search)")
	f.StringVar(&o.Meta.GraphURL, "meta-graph-url", o.Meta.GraphURL, "where Meta's Graph API is (default "+graph.DefaultBaseURL+")")
	f.StringVar(&o.Meta.AppID, "meta-app-id", o.Meta.AppID, "id of the server's own app at Meta, for its embedded signup")
	f.StringVar(&o.Meta.AppSecret, "meta-app-secret", o.Meta.AppSecret, "secret of the server's own app at Meta, which signs deliveries")
	f.StringVar(&o.Meta.VerifyToken, "meta-verify-token", o.Meta.VerifyToken, "token to set webhooks up with at Meta")
	f.StringVar(&o.ShopifyURL, "shopify-url", o.ShopifyURL, "where the Admin API of all shops at Shopify is, for a proxy (default: each shop's domain)")
	f.StringVar(&o.BostaURL, "bosta-url", o.BostaURL, "where the courier Bosta's API is, for its staging (default https://app.bosta.co)")
	f.StringVar(&o.FunctionSecrets, "function-secrets", o.FunctionSecrets, "file of NAME=value lines that they see (default DIR/.env)")
	f.StringVar(&o.RateLimits, "function-rate-limits", o.RateLimits,
		"tiers of functions/v1 that are counted: all, or public for those without a token (default: all with --db-url, else public)")
	f.StringVar(&o.RedisURL, "redis-url", o.RedisURL, "Redis to count calls in (default: the database)")
	f.StringSliceVar(&o.CORSOrigins, "cors-origins", o.CORSOrigins, "origins that may call from a browser (default any)")
	f.StringVar(&o.TraceHeader, "trace-header", o.TraceHeader, "request header that answers repeat")
	o.bindStorage(f)
	f.BoolVar(&o.ServerTiming, "server-timing", o.ServerTiming, "send Server-Timing headers")
}

// load completes the flags with the environment and the configuration file and checks the result.
func (o *configOptions) load(cmd *cobra.Command) error {
	// The file is shared by all commands, so it may set options that this one does not have.
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	every := newConfigOptions()
	every.bindCommon(all)
	every.bindServer(all)
	every.bindAuth(all)
	if err := complete(cmd.Flags(), all); err != nil {
		return err
	}
	return o.Validate()
}

// logger writes to w what the options ask for.
func (o *configOptions) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.LogLevel}
	if o.LogFormat == engine.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
