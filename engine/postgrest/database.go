package postgrest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"nexus/engine/rest"
	"nexus/schema"
)

// databaseOptions are the options that can be set in the database
// (https://docs.postgrest.org/en/v14/references/configuration.html#in-database-configuration).
var databaseOptions = []string{
	"db_aggregates_enabled", "db_anon_role", "db_pre_config", "db_extra_search_path", "db_max_rows", "db_plan_enabled",
	"db_pre_request", "db_prepared_statements", "db_root_spec", "db_schemas", "db_tx_end", "db_hoisted_tx_settings",
	"jwt_aud", "jwt_role_claim_key", "jwt_secret", "jwt_secret_is_base64", "jwt_cache_max_entries", "openapi_mode",
	"openapi_security_active", "openapi_server_proxy_uri", "server_cors_allowed_origins", "server_trace_header",
	"server_timing_enabled", "client_error_verbosity", "url_use_legacy_target_names",
}

const databasePrefix = "pgrst."

// roleOptionsSQL reads what ALTER ROLE … [IN DATABASE …] SET gave the login role; what is said for this database comes
// last, so that it wins.
const roleOptionsSQL = `
	select split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
	from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as entry
	where s.setrole = quote_ident(current_user)::regrole
		and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_catalog))
	order by s.setdatabase`

// readDatabase reads the in-database settings, and the settings of the roles that requests take. A pre-config function
// counts less than the settings of the login role.
func readDatabase(ctx context.Context, conn *pgx.Conn, preConfig string) (options map[string]string, roles map[string]rest.RoleSettings, err error) {
	options = make(map[string]string)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if preConfig != "" {
		if err := runPreConfig(ctx, tx, preConfig, options); err != nil {
			return nil, nil, fmt.Errorf("db-pre-config: %w", err)
		}
	}
	rows, err := tx.Query(ctx, roleOptionsSQL)
	if err != nil {
		return nil, nil, err
	}
	known := make(map[string]bool, len(databaseOptions))
	for _, name := range databaseOptions {
		known[name] = true
	}
	var name, text string
	_, err = pgx.ForEachRow(rows, []any{&name, &text}, func() error {
		if option, ok := strings.CutPrefix(name, databasePrefix); ok && known[option] {
			options[option] = text
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	roles, err = rest.LoadRoleSettings(ctx, conn)
	return options, roles, err
}

// runPreConfig calls the function and collects what it has set.
func runPreConfig(ctx context.Context, tx pgx.Tx, function string, options map[string]string) error {
	if _, err := tx.Exec(ctx, "select "+schema.ParseIdent(function).SQL()+"()"); err != nil {
		return err
	}
	for _, option := range databaseOptions {
		var text *string
		if err := tx.QueryRow(ctx, "select pg_catalog.current_setting($1, true)", databasePrefix+option).Scan(&text); err != nil {
			return err
		}
		if text != nil {
			options[option] = *text
		}
	}
	return nil
}
