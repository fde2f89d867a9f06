package rest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"nexus/engine/db"
	"nexus/schema"
)

// maxPlanCost is a setting of our own: alter role anon set nexus.max_plan_cost = 10000.
const maxPlanCost = "nexus.max_plan_cost"

// roleSettingsSQL lists what ALTER ROLE … SET gave the roles that the login role may take, as far as that one may set it.
const roleSettingsSQL = `
select r.rolname, n.name, pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1)
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles r on r.oid = m.roleid
cross join pg_catalog.unnest(r.rolconfig) c (entry)
cross join pg_catalog.split_part(c.entry, '=', 1) n (name)
left join pg_catalog.pg_settings s using (name)
where m.member = pg_catalog.quote_ident(current_user)::pg_catalog.regrole and (n.name = '` + maxPlanCost + `' or s.context = 'user'%s)
order by r.rolname, n.name`

// parameterPrivilege exists since PostgreSQL 15, where the right to set a parameter can be granted.
const parameterPrivilege = ` or pg_catalog.has_parameter_privilege(current_user, s.name, 'set')`

// LoadRoleSettings reads the settings of the roles that the connection's role may take
// (https://docs.postgrest.org/en/v14/references/transactions.html#impersonated-role-settings).
func LoadRoleSettings(ctx context.Context, conn *pgx.Conn) (map[string]RoleSettings, error) {
	var version int
	if err := conn.QueryRow(ctx, "select pg_catalog.current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, fmt.Errorf("role settings: %w", err)
	}
	privilege := ""
	if version >= 150000 {
		privilege = parameterPrivilege
	}
	rows, err := conn.Query(ctx, fmt.Sprintf(roleSettingsSQL, privilege))
	if err != nil {
		return nil, fmt.Errorf("role settings: %w", err)
	}
	found := make(map[string]RoleSettings)
	var role string
	var setting schema.Setting
	_, err = pgx.ForEachRow(rows, []any{&role, &setting.Name, &setting.Value}, func() error {
		r := found[role]
		var err error
		switch setting.Name {
		case "default_transaction_isolation":
			r.IsolationLevel = isolationLevel(setting.Value)
		case maxPlanCost:
			r.MaxPlanCost, err = strconv.ParseFloat(setting.Value, 64)
		default:
			r.Settings = append(r.Settings, setting)
		}
		found[role] = r
		if err != nil {
			return fmt.Errorf("%s of role %s: %w", setting.Name, role, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("role settings: %w", err)
	}
	return found, nil
}

func isolationLevel(value string) string {
	switch value := strings.ToLower(value); value {
	case db.RepeatableRead, db.Serializable:
		return value
	default:
		return db.ReadCommitted
	}
}
