package engine

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"nexus/engine/mail"
)

// tenant is a person with an account and, after found, an organization.
type tenant struct {
	r              *running
	email          string
	access         string
	refresh        string
	organizationID string
}

// withApp serves the Nexus application without mails in the way of sign-ups.
func withApp(t testing.TB, change func(*Config)) *running {
	t.Helper()
	return serve(t, func(cfg *Config) {
		cfg.App = AppNexus
		cfg.Auth.Flows.Autoconfirm = true
		cfg.Auth.Rates = RateConfig{EmailSent: "0", TokenRefresh: "0", Verify: "0", OTP: "0", AnonymousUsers: "0", MFA: "0", Account: "0"}
		if change != nil {
			change(cfg)
		}
	})
}

// json sends a body as JSON with a token, and wants an answer of that status.
func (r *running) json(method, path, token string, body any, status int) map[string]any {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	header := map[string]string{"Content-Type": "application/json", "Prefer": "return=representation"}
	if token != "" {
		header["Authorization"] = "Bearer " + token
	}
	if body == nil {
		text = nil
	}
	got := r.call(method, path, header, strings.NewReader(string(text)))
	if got.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s\n%s", method, path, got.status, status, got.body, r.log)
	}
	var out any
	if err := json.Unmarshal([]byte(got.body), &out); err != nil && got.body != "" {
		r.t.Fatalf("%s %s: %v: %s", method, path, err, got.body)
	}
	if list, ok := out.([]any); ok {
		return map[string]any{"rows": list}
	}
	object, _ := out.(map[string]any)
	return object
}

func (r *running) signUp(email string) *tenant {
	r.t.Helper()
	session := r.json("POST", "/auth/v1/signup", "", map[string]any{"email": email, "password": "correct horse battery"}, 200)
	return &tenant{r: r, email: email, access: session["access_token"].(string), refresh: session["refresh_token"].(string)}
}

// renew refreshes the session, and tells what the token says of the organization.
func (p *tenant) renew() map[string]any {
	p.r.t.Helper()
	session := p.r.json("POST", "/auth/v1/token?grant_type=refresh_token", "", map[string]any{"refresh_token": p.refresh}, 200)
	p.access, p.refresh = session["access_token"].(string), session["refresh_token"].(string)
	return claimsOf(p.r.t, p.access)["app_metadata"].(map[string]any)
}

func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func (p *tenant) function(name string, body any, status int) map[string]any {
	p.r.t.Helper()
	return p.r.json("POST", "/functions/v1/"+name, p.access, body, status)
}

// found creates an organization on a plan and refreshes the session for it.
func (p *tenant) found(name, plan string) *tenant {
	p.r.t.Helper()
	made := p.function("organization-create", map[string]any{"name": name}, 201)
	p.organizationID = made["id"].(string)
	psql(p.r.t, p.r.cfg.DatabaseURL, fmt.Sprintf("update public.organizations set plan = '%s' where id = '%s'", plan, p.organizationID))
	if meta := p.renew(); meta["organization_id"] != p.organizationID || meta["org_role"] != "owner" {
		p.r.t.Fatalf("the token says %v", meta)
	}
	return p
}

// agent makes a key with the scopes and exchanges it.
func (p *tenant) agent(scopes ...string) (keyID, key, token string) {
	p.r.t.Helper()
	made := p.function("agent-api-key-create", map[string]any{"name": "Agent", "scopes": scopes}, 201)
	key = made["api_key"].(string)
	got := p.r.json("POST", "/functions/v1/agent-auth", "", map[string]any{"api_key": key}, 200)
	if got["organization_id"] != p.organizationID || got["expires_in"] != 3600.0 {
		p.r.t.Fatalf("agent-auth: %v", got)
	}
	return made["id"].(string), key, got["access_token"].(string)
}

// notes is a table of a developer's own, with a policy of the kind that the application's tables have.
const tenantNotes = `
	create table public.tenant_notes (
		id bigint generated always as identity primary key, body text not null,
		organization_id uuid not null default auth.organization_id());
	alter table public.tenant_notes enable row level security;
	create policy read on public.tenant_notes for select to authenticated using (organization_id = (select auth.readable_organization()));
	create policy write on public.tenant_notes for insert to authenticated with check (organization_id = (select auth.writable_organization()));
	create policy change on public.tenant_notes for update to authenticated using (organization_id = (select auth.writable_organization()));
	create policy remove on public.tenant_notes for delete to authenticated using (organization_id = (select auth.administered_organization()));
	create table public.open_notes (body text not null);
	create function functions.add_note(body text) returns public.tenant_notes language sql
		as 'insert into public.tenant_notes (body) values (body) returning *';
	comment on function functions.add_note is 'Add a note
@access member, agent:read'`

func addTenantNotes(t *testing.T, r *running) {
	t.Helper()
	psql(t, r.cfg.DatabaseURL, tenantNotes)
	r.until("the notes are served", func() bool {
		return r.call("GET", "/rest/v1/tenant_notes", map[string]string{"Authorization": "Bearer " + r.token("service_role")}, nil).status == 200
	})
}

func TestAgents(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	addTenantNotes(t, r)
	ann, bob := r.signUp("ann@example.com").found("Ann's", "growth"), r.signUp("bob@example.com").found("Bob's", "growth")
	for who, p := range map[string]*tenant{"a note of Ann's": ann, "a note of Bob's": bob} {
		r.json("POST", "/rest/v1/tenant_notes", p.access, map[string]any{"body": who}, 201)
	}
	keyID, key, reader := ann.agent("read")
	_, _, writer := ann.agent("write")
	_, _, admin := ann.agent("admin")

	t.Run("what a token says", func(t *testing.T) {
		claims := claimsOf(t, reader)
		meta := claims["app_metadata"].(map[string]any)
		if claims["role"] != "authenticated" || claims["org_role"] != "agent" || meta["organization_id"] != ann.organizationID ||
			fmt.Sprint(meta["agent_scopes"]) != "[read]" || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
			t.Errorf("%v", claims)
		}
	})
	t.Run("each sees its organization alone", func(t *testing.T) {
		for _, token := range []string{reader, writer, admin, ann.access} {
			rows := r.json("GET", "/rest/v1/tenant_notes?select=body", token, nil, 200)["rows"].([]any)
			if len(rows) != 1 || rows[0].(map[string]any)["body"] != "a note of Ann's" {
				t.Errorf("%v", rows)
			}
		}
	})
	t.Run("read", func(t *testing.T) {
		for _, call := range []struct{ method, path string }{
			{"POST", "/rest/v1/tenant_notes"},
			{"PATCH", "/rest/v1/tenant_notes?id=gt.0"},
			{"DELETE", "/rest/v1/tenant_notes?id=gt.0"},
			// A table without any policy of ours: the scope binds all the same.
			{"POST", "/rest/v1/open_notes"},
		} {
			got := r.json(call.method, call.path, reader, map[string]any{"body": "x"}, 403)
			if got["code"] != "NEXUS403" {
				t.Errorf("%s %s: %v", call.method, call.path, got)
			}
		}
		// The function says itself that it needs no more than read, and cannot write for all that.
		r.json("POST", "/functions/v1/add-note", reader, map[string]any{"body": "x"}, 403)
		if got := r.json("POST", "/functions/v1/agent-invite", reader, map[string]any{"action": "invite", "email": "x@example.com"}, 403); got["error"] != "insufficient_scope" {
			t.Errorf("%v", got)
		}
	})
	t.Run("write", func(t *testing.T) {
		r.json("POST", "/rest/v1/tenant_notes", writer, map[string]any{"body": "by an agent"}, 201)
		r.json("POST", "/functions/v1/add-note", writer, map[string]any{"body": "by a function"}, 200)
		if rows := r.json("DELETE", "/rest/v1/tenant_notes?body=like.by*", writer, nil, 200)["rows"].([]any); len(rows) != 0 {
			t.Errorf("deleted %v", rows)
		}
		r.json("POST", "/rest/v1/tenant_notes", writer, map[string]any{"body": "x", "organization_id": bob.organizationID}, 403)
		r.json("POST", "/functions/v1/agent-api-key-create", writer, map[string]any{"name": "x", "scopes": []string{"admin"}}, 403)
		if rows := r.json("GET", "/rest/v1/agent_api_keys?select=id", admin, nil, 200)["rows"].([]any); len(rows) != 0 {
			t.Errorf("an agent sees keys: %v", rows)
		}
		r.json("GET", "/rest/v1/agent_api_keys?select=key_hash", ann.access, nil, 403)
	})
	t.Run("admin", func(t *testing.T) {
		if rows := r.json("DELETE", "/rest/v1/tenant_notes?body=like.by*", admin, nil, 200)["rows"].([]any); len(rows) != 2 {
			t.Errorf("deleted %v", rows)
		}
	})
	t.Run("agents are no users", func(t *testing.T) {
		r.json("GET", "/auth/v1/user", admin, nil, 403)
		r.json("PUT", "/auth/v1/user", admin, map[string]any{"password": "another horse battery"}, 403)
		r.json("POST", "/functions/v1/organization-create", admin, map[string]any{"name": "x"}, 403)
	})
	t.Run("keys of others", func(t *testing.T) {
		bob.function("agent-api-key-revoke", map[string]any{"id": keyID}, 404)
		bob.function("agent-api-key-rotate", map[string]any{"id": keyID}, 404)
	})
	t.Run("rotation and revocation", func(t *testing.T) {
		next := ann.function("agent-api-key-rotate", map[string]any{"id": keyID, "grace_seconds": 60}, 201)
		for _, k := range []string{key, next["api_key"].(string)} {
			r.json("POST", "/functions/v1/agent-auth", "", map[string]any{"api_key": k}, 200)
		}
		for _, id := range []string{keyID, next["id"].(string)} {
			ann.function("agent-api-key-revoke", map[string]any{"id": id}, 200)
		}
		for _, k := range []string{key, next["api_key"].(string), "nxs_ak_" + strings.Repeat("0", 48), "nxs_ak_'; --", ""} {
			status := 401
			if k == "" {
				status = 400
			}
			r.json("POST", "/functions/v1/agent-auth", "", map[string]any{"api_key": k}, status)
		}
		r.json("GET", "/rest/v1/tenant_notes", reader, nil, 200) // the token goes on for its hour
		got := r.json("PATCH", "/rest/v1/agent_api_keys?select=id&id=eq."+keyID, ann.access, map[string]any{"is_active": true}, 409)
		if got["details"] != "key_revoked" {
			t.Errorf("%v", got)
		}
		if strings.Contains(r.log.String(), key) {
			t.Error("a key is in the log")
		}
	})
}

// With check-credentials, what a token says counts only as long as it holds.
func TestCheckCredentials(t *testing.T) {
	t.Parallel()
	r := withApp(t, func(cfg *Config) { cfg.CheckCredentials = true })
	addTenantNotes(t, r)
	ann := r.signUp("ann@example.com").found("Ann's", "growth")
	r.json("POST", "/rest/v1/tenant_notes", ann.access, map[string]any{"body": "x"}, 201)
	keyID, _, token := ann.agent("read")
	see := func(token string) int {
		t.Helper()
		return len(r.json("GET", "/rest/v1/tenant_notes", token, nil, 200)["rows"].([]any))
	}
	if n := see(token); n != 1 {
		t.Errorf("an agent sees %d notes", n)
	}
	ann.function("agent-api-key-revoke", map[string]any{"id": keyID}, 200)
	if n := see(token); n != 0 {
		t.Errorf("an agent whose key was revoked sees %d notes", n)
	}
	bob := r.signUp("bob@example.com")
	psql(t, r.cfg.DatabaseURL, fmt.Sprintf(`insert into public.organization_members (organization_id, user_id, role)
		select '%s', id, 'admin' from auth.users where email = 'bob@example.com'`, ann.organizationID))
	bob.renew()
	if n := see(bob.access); n != 1 {
		t.Errorf("an admin sees %d notes", n)
	}
	psql(t, r.cfg.DatabaseURL, "update public.organization_members set role = 'member' where role = 'admin'")
	if n := see(bob.access); n != 0 {
		t.Errorf("one who is no admin any more sees %d notes with an admin's token", n)
	}
	bob.renew()
	if n := see(bob.access); n != 1 {
		t.Errorf("a member sees %d notes", n)
	}
	psql(t, r.cfg.DatabaseURL, "delete from public.organization_members where role = 'member'")
	if n := see(bob.access); n != 0 {
		t.Errorf("one who is no member any more sees %d notes", n)
	}
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	ann, bob, eve := r.signUp("ann@example.com").found("Ann's", "growth"), r.signUp("bob@example.com"), r.signUp("eve@example.com")
	if got := bob.function("agent-api-key-create", map[string]any{"name": "x", "scopes": []string{"read"}}, 403); got["error"] != "organization_required" {
		t.Errorf("%v", got)
	}

	ann.function("invite", map[string]any{"email": "Bob@Example.com", "role": "admin"}, 200)
	if got := ann.function("invite", map[string]any{"email": "bob@example.com"}, 409); got["error"] != "already_invited" {
		t.Errorf("%v", got)
	}
	first := inviteToken(t, r)
	list := ann.function("invite", map[string]any{"action": "list"}, 200)["invites"].(map[string]any)["data"].([]any)
	invite := list[0].(map[string]any)["id"].(string)
	ann.function("invite", map[string]any{"action": "resend", "invite_id": invite}, 200)
	second := inviteToken(t, r)
	bob.function("invite-accept", map[string]any{"token": first}, 404)  // void since it was sent again
	eve.function("invite-accept", map[string]any{"token": second}, 404) // for somebody else
	bob.function("invite-accept", map[string]any{"token": second}, 200)
	bob.function("invite-accept", map[string]any{"token": second}, 404)
	if meta := bob.renew(); meta["organization_id"] != ann.organizationID || meta["org_role"] != "admin" {
		t.Errorf("Bob's token says %v", meta)
	}

	bob.found("Bob's", "free")
	names := func() (all []string) {
		for _, row := range r.json("GET", "/functions/v1/organizations", bob.access, nil, 200)["data"].([]any) {
			o := row.(map[string]any)
			all = append(all, fmt.Sprint(o["name"], " ", o["role"], " ", o["current"]))
		}
		return all
	}
	if got := fmt.Sprint(names()); got != "[Ann's admin false Bob's owner true]" {
		t.Errorf("%s", got)
	}
	bob.function("organization-switch", map[string]any{"organization_id": ann.organizationID}, 200)
	if meta := bob.renew(); meta["organization_id"] != ann.organizationID || meta["org_role"] != "admin" {
		t.Errorf("after the switch Bob's token says %v", meta)
	}
	if got := fmt.Sprint(names()); got != "[Ann's admin true Bob's owner false]" {
		t.Errorf("%s", got)
	}
	eve.function("organization-switch", map[string]any{"organization_id": ann.organizationID}, 404)

	// Nobody makes themself an owner, and the last owner stays.
	r.json("PATCH", "/rest/v1/organization_members?user_id=eq."+subject(t, bob), bob.access, map[string]any{"role": "owner"}, 403)
	if rows := r.json("DELETE", "/rest/v1/organization_members?role=eq.owner&organization_id=eq."+ann.organizationID, bob.access, nil, 200)["rows"].([]any); len(rows) != 0 {
		t.Errorf("an admin removed owners: %v", rows)
	}
	r.json("DELETE", "/rest/v1/organization_members?user_id=eq."+subject(t, ann), ann.access, nil, 409)
	r.json("PATCH", "/rest/v1/organizations?id=eq."+ann.organizationID, ann.access, map[string]any{"plan": "scale"}, 403)
	r.json("PATCH", "/rest/v1/organizations?id=eq."+ann.organizationID, ann.access, map[string]any{"timezone": "Mars/Olympus"}, 400)
	if rows := r.json("PATCH", "/rest/v1/organizations?id=eq."+ann.organizationID, eve.access, map[string]any{"name": "Eve's"}, 200)["rows"].([]any); len(rows) != 0 {
		t.Errorf("a stranger changed %v", rows)
	}
	if rows := r.json("DELETE", "/rest/v1/organization_members?user_id=eq."+subject(t, bob)+"&organization_id=eq."+ann.organizationID, bob.access, nil, 200)["rows"].([]any); len(rows) != 1 {
		t.Errorf("Bob could not leave: %v", rows)
	}
	if meta := bob.renew(); meta["organization_id"] == ann.organizationID || meta["org_role"] != "owner" {
		t.Errorf("after leaving Bob's token says %v", meta)
	}
}

func subject(t *testing.T, p *tenant) string {
	t.Helper()
	return claimsOf(t, p.access)["sub"].(string)
}

// inviteToken is that of the newest mail in the outbox.
func inviteToken(t *testing.T, r *running) string {
	t.Helper()
	m, err := mail.NewOutbox(OutboxDir(r.cfg.DataDir)).Get(mail.Latest)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(m.Text, "enter the code ")
	return strings.TrimSpace(token)
}

func TestPlans(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	ann := r.signUp("ann@example.com").found("Ann's", "free")
	if got := ann.function("agent-api-key-create", map[string]any{"name": "x", "scopes": []string{"read", "write"}}, 403); got["error"] != "plan_scope" {
		t.Errorf("%v", got)
	}
	_, _, token := ann.agent("read")
	if got := ann.function("agent-api-key-create", map[string]any{"name": "Second", "scopes": []string{"read"}}, 403); got["error"] != "quota_exceeded" {
		t.Errorf("%v", got)
	}
	usage := r.json("GET", "/functions/v1/agent-usage", token, nil, 200)
	counted := usage["usage"].(map[string]any)
	if a := counted["agents"].(map[string]any); a["used"] != 1.0 || a["remaining"] != 0.0 || usage["upgrade"] == nil {
		t.Errorf("%v", usage)
	}
	// What a smaller plan does not allow, keys of before do not get any more.
	psql(t, r.cfg.DatabaseURL, "update public.organizations set plan = 'growth'")
	_, key, _ := ann.agent("write")
	psql(t, r.cfg.DatabaseURL, "update public.organizations set plan = 'free'")
	r.json("POST", "/functions/v1/agent-auth", "", map[string]any{"api_key": key}, 401)
}

func TestRegisterAgent(t *testing.T) {
	t.Parallel()
	r := withApp(t, nil)
	request := map[string]any{"agent_name": "Helper", "owner_email": "ann@example.com", "organization_name": "Shop"}
	made := r.json("POST", "/functions/v1/agent-register", "", request, 201)
	if made["mcp_endpoint"] != r.info.URL+"/functions/v1/mcp-server" || made["plan"] != "free" {
		t.Errorf("%v", made)
	}
	token := r.json("POST", "/functions/v1/agent-auth", "", map[string]any{"api_key": made["api_key"]}, 200)["access_token"].(string)
	rows := r.json("GET", "/rest/v1/organizations?select=name", token, nil, 200)["rows"].([]any)
	if fmt.Sprint(rows) != "[map[name:Shop]]" {
		t.Errorf("%v", rows)
	}
	ann := r.signUp("ann@example.com")
	ann.function("invite-accept", map[string]any{"token": inviteToken(t, r)}, 200)
	if meta := ann.renew(); meta["organization_id"] != made["organization_id"] || meta["org_role"] != "owner" {
		t.Errorf("the owner's token says %v", meta)
	}
	for range 2 {
		r.json("POST", "/functions/v1/agent-register", "", request, 201)
	}
	r.json("POST", "/functions/v1/agent-register", "", request, http.StatusTooManyRequests)
	r.json("POST", "/functions/v1/agent-register", "", map[string]any{"agent_name": "x", "owner_email": "nobody", "organization_name": "x"}, 400)
}
