package auth_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"nexus/schema/pgtest"
)

// Users of another database come over as the README says, with their passwords and their refresh tokens.
func TestImport(t *testing.T) {
	t.Parallel()
	dump, psql := pgTool(t, "pg_dump"), pgTool(t, "psql")
	r := newRig(t, nil)
	old := pgtest.New(t)
	migrate(t, old.URL)
	hash, err := bcrypt.GenerateFromPassword([]byte(good), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	from := &rig{t: t, url: old.URL}
	from.exec(`
		insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at)
		values ('00000000-0000-0000-0000-000000000000', '11111111-1111-1111-1111-111111111111', 'authenticated', 'authenticated',
			'old@example.com', '` + string(hash) + `', now(), '{"provider":"email","providers":["email"]}', '{"name":"Old"}', now());
		insert into auth.identities (provider_id, user_id, identity_data, provider)
		values ('11111111-1111-1111-1111-111111111111', '11111111-1111-1111-1111-111111111111',
			'{"sub":"11111111-1111-1111-1111-111111111111","email":"old@example.com"}', 'email');
		insert into auth.sessions (id, user_id, created_at, updated_at, aal)
		values ('22222222-2222-2222-2222-222222222222', '11111111-1111-1111-1111-111111111111', now(), now(), 'aal1');
		insert into auth.refresh_tokens (instance_id, token, user_id, session_id, revoked)
		values ('00000000-0000-0000-0000-000000000000', 'abcdefghij12', '11111111-1111-1111-1111-111111111111',
			'22222222-2222-2222-2222-222222222222', false)`)
	data, err := exec.CommandContext(t.Context(), dump, "--data-only", "--table=auth.users", "--table=auth.identities",
		"--table=auth.sessions", "--table=auth.refresh_tokens", old.URL).Output()
	if err != nil {
		t.Fatal(err)
	}
	restore := exec.CommandContext(t.Context(), psql, "-v", "ON_ERROR_STOP=1", r.url)
	restore.Stdin = bytes.NewReader(data)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	session := r.logIn("old@example.com", good)
	user, _ := session.body["user"].(map[string]any)
	if user["id"] != "11111111-1111-1111-1111-111111111111" {
		t.Errorf("the user is %v", user)
	}
	refresh := map[string]any{"refresh_token": "abcdefghij12"}
	kept := r.want(http.StatusOK, "POST", "/token?grant_type=refresh_token", refresh)
	r.refused(http.StatusBadRequest, "refresh_token_already_used", "POST", "/token?grant_type=refresh_token", refresh)
	r.refused(http.StatusBadRequest, "refresh_token_not_found", "POST", "/token?grant_type=refresh_token",
		map[string]any{"refresh_token": kept.str("refresh_token")})
}

// pgTool finds a program of PostgreSQL.
func pgTool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("SKIPPED: %s is not installed", name)
	return ""
}
