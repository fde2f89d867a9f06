package pgtest_test

import (
	"testing"

	"nexus/schema/pgtest"
)

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	const fixture = "create table kept (n int); insert into kept values (1), (2)"
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t, fixture)
			db.Exec(t, "insert into kept values (3); create table only_here ()")
			if got := db.QueryString(t, "select count(*)::text from kept"); got != "3" {
				t.Errorf("%s rows, want the fixture's two and our own", got)
			}
		})
	}
}

func TestURLAsLogsIn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, `do $$ begin
		if not exists (select from pg_roles where rolname = 'pgtest_login') then create role pgtest_login login; end if; end $$`)
	as := pgtest.DB{URL: db.URLAs("pgtest_login")}
	if got := as.QueryString(t, "select current_user::text"); got != "pgtest_login" {
		t.Errorf("logged in as %q", got)
	}
}
