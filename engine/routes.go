package engine

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/engine/functions/deno"
	"nexus/engine/mcp"
	"nexus/schema"
	"nexus/schema/cluster"
)

// Route is a line of the routing table of functions/v1.
type Route struct {
	Name, Method string
	// Kind is go, sql or typescript.
	Kind    string
	Access  string
	Tier    string
	Tag     string
	Summary string
}

// Routes lists the functions that a server with the configuration serves, by name. Those in SQL are read from the database; the
// error tells why, if it cannot be asked, and the others are there all the same.
func Routes(ctx context.Context, cfg Config, log *slog.Logger) ([]Route, error) {
	var out []Route
	if cfg.app() == AppNexus {
		for _, f := range describedFunctions() {
			out = append(out, Route{
				Name: f.Name, Method: f.Method, Kind: "go", Access: f.Access.String(), Tier: f.Tier.String(), Tag: f.Tag, Summary: f.Summary,
			})
		}
	}
	out = append(out, Route{
		Name: mcp.Path, Method: http.MethodPost, Kind: "go", Access: "member; agent: by tool", Tier: "that of what a tool calls", Tag: "Agents",
		Summary: "Model Context Protocol for agents",
	})
	inTypeScript, err := edgeRoutes(&cfg)
	if err != nil {
		return nil, err
	}
	out = append(out, inTypeScript...)
	inSQL, err := sqlRoutes(ctx, &cfg, log)
	out = append(out, inSQL...)
	slices.SortFunc(out, func(a, b Route) int { return strings.Compare(a.Name+a.Method, b.Name+b.Method) })
	return out, err
}

func edgeRoutes(cfg *Config) ([]Route, error) {
	if cfg.FunctionsDir == "" {
		return nil, nil
	}
	all, err := deno.Scan(cfg.FunctionsDir)
	if err != nil {
		return nil, err
	}
	out := make([]Route, 0, len(all))
	for _, f := range all {
		access := "public"
		if f.VerifyJWT {
			access = "any key or token"
		}
		out = append(out, Route{Name: f.Name, Method: "any", Kind: "typescript", Access: access, Tier: functions.Standard.String()})
	}
	return out, nil
}

func sqlRoutes(ctx context.Context, cfg *Config, log *slog.Logger) ([]Route, error) {
	url := cfg.DatabaseURL
	if url == "" {
		var err error
		if url, err = cluster.Locate(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	found, err := existing(ctx, url, []string{functions.Schema})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer closeConn(ctx, conn)
	snap, err := schema.Load(ctx, conn, schema.LoadOptions{Schemas: found, TimeZones: map[string]struct{}{}})
	if err != nil {
		return nil, err
	}
	var out []Route
	for name, f := range functions.NewSQL(func() *schema.Snapshot { return snap }, nil, nil, log).All() {
		out = append(out, Route{
			Name: name, Method: strings.Join(f.Methods, ", "), Kind: "sql", Access: f.Access.String(), Tier: f.Tier.String(), Tag: f.Tag, Summary: f.Summary,
		})
	}
	return out, nil
}
