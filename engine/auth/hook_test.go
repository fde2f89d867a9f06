package auth_test

import (
	"net/http"
	"testing"

	"nexus/engine/auth"
)

// A function of the database adds claims, and can change none of those that say who the user is.
func TestAccessTokenHook(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.exec(`create function auth.custom_access_token_hook(event jsonb) returns jsonb language sql stable as $$
		select jsonb_build_object('claims', (event -> 'claims') ||
			jsonb_build_object('team', 'blue', 'role', 'service_role', 'sub', 'x', 'method', event ->> 'authentication_method')) $$;
		grant execute on function auth.custom_access_token_hook to supabase_auth_admin`)
	id := r.member("ann@example.com")
	claims := claimsOf(t, r.logIn("ann@example.com", good).str("access_token"))
	if claims["team"] != "blue" || claims["method"] != "password" || claims["role"] != "authenticated" || claims["sub"] != id {
		t.Errorf("claims %v", claims)
	}
	r.exec(`create or replace function auth.custom_access_token_hook(event jsonb) returns jsonb language plpgsql as $$ begin
		raise exception 'not today'; end $$`)
	a := r.refused(http.StatusInternalServerError, "unexpected_failure", "POST", "/token?grant_type=password",
		map[string]any{"email": "ann@example.com", "password": good})
	if n := r.query("select count(*) from auth.sessions"); n != "1" {
		t.Errorf("%s sessions after %s", n, a.text)
	}
}

// A trigger of the application's own sees a new user, and can refuse one. What it says reaches clients of the old API.
func TestTriggersOnUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *auth.Options) { o.Config.Autoconfirm = true })
	r.exec(`create table public.profiles (id uuid primary key references auth.users on delete cascade, name text);
		create function public.new_profile() returns trigger language plpgsql security definer set search_path = '' as $$ begin
			if new.raw_user_meta_data ->> 'name' = 'Mallory' then
				raise exception 'no Mallory here' using errcode = 'PT418', hint = 'be somebody else';
			end if;
			insert into public.profiles values (new.id, new.raw_user_meta_data ->> 'name');
			return new; end $$;
		create trigger new_profile after insert on auth.users for each row execute function public.new_profile()`)
	signUp := func(name string, headers ...string) answer {
		return r.call("POST", "/signup", map[string]any{
			"email": name + "@example.com", "password": good, "data": map[string]any{"name": name},
		}, headers...)
	}
	if a := signUp("Ann"); a.status != http.StatusOK {
		t.Fatal(a.text)
	}
	if name := r.query("select name from public.profiles"); name != "Ann" {
		t.Errorf("the profile is %s", name)
	}
	if a := signUp("Mallory"); a.status != http.StatusInternalServerError || a.code() != "unexpected_failure" {
		t.Errorf("new API: %d %s", a.status, a.text)
	}
	if a := signUp("Mallory", "X-Supabase-Api-Version", ""); a.status != http.StatusTeapot || a.str("message") != "no Mallory here" || a.str("hint") != "be somebody else" {
		t.Errorf("old API: %d %s", a.status, a.text)
	}
	if n := r.query("select count(*) from auth.users"); n != "1" {
		t.Errorf("%s users", n)
	}
}

// A mail that cannot be sent undoes the sign-up.
func TestMailFailureUndoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.refuse = http.ErrServerClosed
	r.refused(http.StatusInternalServerError, "unexpected_failure", "POST", "/signup", map[string]any{"email": "ann@example.com", "password": good})
	if n := r.query("select count(*) from auth.users"); n != "0" {
		t.Errorf("%s users", n)
	}
}

// Mails of a kind to a user keep a distance.
func TestMailFrequency(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.member("ann@example.com")
	r.want(http.StatusOK, "POST", "/recover", map[string]any{"email": "ann@example.com"})
	a := r.refused(http.StatusTooManyRequests, "over_email_send_rate_limit", "POST", "/recover", map[string]any{"email": "ann@example.com"})
	if a.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	r.pass(61e9)
	r.want(http.StatusOK, "POST", "/recover", map[string]any{"email": "ann@example.com"})
}

// Both API versions have their shape of errors.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	dated := r.call("POST", "/token?grant_type=password", map[string]any{"email": "a@example.com", "password": "x"})
	if dated.text != `{"code":"invalid_credentials","message":"Invalid login credentials"}` ||
		dated.header.Get("X-Supabase-Api-Version") != "2024-01-01" || dated.header.Get("X-Sb-Error-Code") != "invalid_credentials" {
		t.Errorf("%s %v", dated.text, dated.header)
	}
	old := r.call("POST", "/token?grant_type=password", map[string]any{"email": "a@example.com", "password": "x"}, "X-Supabase-Api-Version", "yesterday")
	if old.text != `{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials"}` || old.header.Get("X-Supabase-Api-Version") != "" {
		t.Errorf("%s %v", old.text, old.header)
	}
	r.refused(http.StatusBadRequest, "bad_json", "POST", "/signup", "{")
	r.refused(http.StatusUnauthorized, "no_authorization", "GET", "/user", nil)
	r.refused(http.StatusForbidden, "bad_jwt", "GET", "/user", nil, "Authorization", r.service())
	if a := r.call("POST", "/health", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a wrong method: %d", a.status)
	}
	if a := r.call("GET", "/nothing", nil); a.status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", a.status)
	}
}
