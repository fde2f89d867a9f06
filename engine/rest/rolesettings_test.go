package rest_test

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"nexus/engine/rest"
	"nexus/schema"
	"nexus/schema/pgtest"
)

// Roles and grants on parameters belong to the whole server, so this test is not parallel to itself.
func TestLoadRoleSettings(t *testing.T) {
	database := pgtest.New(t, `
		do $$ begin
			create role "Settings_Login" login noinherit;
			create role settings_roomy;
			create role settings_quick;
			create role settings_strict;
			create role settings_plain;
			create role settings_foreign;
			grant settings_quick, settings_strict, settings_plain, settings_roomy to "Settings_Login";
			alter role "Settings_Login" set statement_timeout = '9s';
			alter role settings_quick set statement_timeout = '1s';
			alter role settings_quick set default_transaction_isolation = 'REPEATABLE READ';
			alter role settings_quick set timezone = 'Europe/Berlin';
			alter role settings_quick set my.own = 'not a setting of the server';
			alter role settings_strict set default_transaction_isolation = 'serializable';
			alter role settings_strict set log_min_duration_statement = '5s';
			alter role settings_strict set plan_cache_mode = 'force_custom_plan';
			alter role settings_strict set nexus.max_plan_cost = 5000.5;
			alter role settings_foreign set statement_timeout = '2s';
			alter role settings_roomy set work_mem = '5MB';
		exception when duplicate_object or unique_violation then null;
		end $$`)
	want := map[string]rest.RoleSettings{
		"settings_quick": {
			Settings:       []schema.Setting{{Name: "TimeZone", Value: "Europe/Berlin"}, {Name: "statement_timeout", Value: "1s"}},
			IsolationLevel: "repeatable read",
		},
		"settings_strict": {
			Settings: []schema.Setting{{Name: "plan_cache_mode", Value: "force_custom_plan"}}, IsolationLevel: "serializable",
			MaxPlanCost: 5000.5,
		},
		"settings_roomy": {Settings: []schema.Setting{{Name: "work_mem", Value: "5MB"}}},
	}
	if got := loadRoleSettings(t, database); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if version, err := strconv.Atoi(database.QueryString(t, "show server_version_num")); err != nil || version < 150000 {
		return
	}
	t.Cleanup(func() { database.Exec(t, "revoke set on parameter log_min_duration_statement from \"Settings_Login\"") })
	database.Exec(t, "grant set on parameter log_min_duration_statement to \"Settings_Login\"")
	strict := want["settings_strict"]
	strict.Settings = append([]schema.Setting{{Name: "log_min_duration_statement", Value: "5s"}}, strict.Settings...)
	want["settings_strict"] = strict
	if got := loadRoleSettings(t, database); !reflect.DeepEqual(got, want) {
		t.Errorf("with the right to set it: got %+v\nwant %+v", got, want)
	}
}

func loadRoleSettings(t *testing.T, database *pgtest.DB) map[string]rest.RoleSettings {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.URLAs("Settings_Login"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	got, err := rest.LoadRoleSettings(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
