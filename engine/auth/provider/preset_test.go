package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nexus/engine/auth/provider"
)

func TestGoogle(t *testing.T) {
	t.Parallel()
	const google = "https://accounts.google.com"
	w := newWorld(t)
	at := newIdentityProvider(t, w, google)
	at.claims = map[string]any{"hd": "example.com", "picture": "https://img.example/ann"}
	p := open(t, w, provider.Config{Preset: "google", URL: "https://ignored.example"})
	if p.Name() != "google" {
		t.Errorf("Name() = %q", p.Name())
	}

	f := newFlow()
	login, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": google, "sub": "ann-1", "provider_id": "ann-1", "name": "Ann Archer", "full_name": "Ann Archer",
		"picture": "https://img.example/ann", "avatar_url": "https://img.example/ann", "custom_claims": map[string]any{"hd": "example.com"},
		"email": "ann@example.com", "email_verified": true, "phone_verified": false,
	}
	if !reflect.DeepEqual(login.Metadata, want) {
		t.Errorf("metadata:\n got %v\nwant %v", login.Metadata, want)
	}

	for name, tt := range map[string]struct {
		but map[string]any
		ok  bool
	}{
		"issuer without scheme":        {map[string]any{"iss": "accounts.google.com"}, true},
		"another issuer":               {map[string]any{"iss": "https://evil.example"}, false},
		"got by an app of the project": {map[string]any{"azp": "android-app"}, true},
		"got by and for an app":        {map[string]any{"azp": "android-app", "aud": "android-app"}, false},
		"shared with another":          {map[string]any{"azp": "android-app", "aud": []string{clientID, "android-app"}}, false},
	} {
		_, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: at.mint(t, said(google, tt.but))})
		if tt.ok != (err == nil) || (!tt.ok && !errors.Is(err, provider.ErrToken)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApple(t *testing.T) {
	t.Parallel()
	const apple = "https://appleid.apple.com"
	w := newWorld(t)
	at := newIdentityProvider(t, w, apple)
	p := open(t, w, provider.Config{Preset: "apple"})
	link, err := p.AuthURL(t.Context(), newFlow().request())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("response_mode") != "form_post" || q.Get("scope") != "email name" {
		t.Errorf("asks for mode %q and scope %q", q.Get("response_mode"), q.Get("scope"))
	}

	f := newFlow()
	token := at.mint(t, said(apple, map[string]any{"nonce": f.nonce, "is_private_email": "true", "auth_time": 1700000000, "email_verified": nil}))
	w.mux.HandleFunc("appleid.apple.com/oauth/token", answer(http.StatusOK, "application/json",
		`{"access_token":"access","token_type":"Bearer","expires_in":60,"id_token":"`+token+`"}`))
	for name, tt := range map[string]struct {
		user string
		want any
	}{
		"first login":     {`{"name":{"firstName":" Ann ","lastName":"Archer"},"email":"evil@example.com"}`, "Ann Archer"},
		"first name only": {`{"name":{"firstName":"Ann"}}`, "Ann"},
		"later login":     {"", nil},
		"no name":         {`{"email":"evil@example.com"}`, nil},
		"nonsense":        {`{"name":`, nil},
	} {
		req := f.exchange("code")
		req.Form = url.Values{"user": {tt.user}}
		login, err := p.Exchange(t.Context(), req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := map[string]any{
			"iss": apple, "sub": "ann-1", "provider_id": "ann-1", "email": "ann@example.com", "email_verified": true, "phone_verified": false,
			"custom_claims": map[string]any{"is_private_email": true, "auth_time": 1.7e9},
		}
		if tt.want != nil {
			want["name"], want["full_name"] = tt.want, tt.want
		}
		if !reflect.DeepEqual(login.Metadata, want) {
			t.Errorf("%s: metadata:\n got %v\nwant %v", name, login.Metadata, want)
		}
	}

	for iss, ok := range map[string]bool{apple: true, "https://account.apple.com": true, "https://evil.example": false} {
		login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: at.mint(t, said(iss, nil))})
		if ok != (err == nil) {
			t.Errorf("issuer %s: %v, %v", iss, login, err)
		}
	}
	login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: at.mint(t, said(apple, map[string]any{"email_verified": "false"}))})
	if err != nil || login.Emails[0].Verified {
		t.Errorf("an address that is not verified: %v, %v", login, err)
	}
}

const (
	tenant  = "11111111-2222-3333-4444-555555555555"
	rival   = "66666666-7777-8888-9999-000000000000"
	nowhere = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	msa     = "9188040d-6c67-4c5b-b112-36a304b66dad"
	entra   = "https://login.microsoftonline.com/"
)

// many is the document of a path that serves the tenants of others.
func many(w *world, path string) {
	base := entra + tenant + "/v2.0"
	w.mux.HandleFunc("login.microsoftonline.com/"+path+"/v2.0/.well-known/openid-configuration",
		answer(http.StatusOK, "application/json", fmt.Sprintf(
			`{"issuer":"%s{tenantid}/v2.0","authorization_endpoint":"%s/authorize","token_endpoint":"%s/oauth/token","jwks_uri":"%s/keys"}`,
			entra, base, base, base)))
}

func TestAzureTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, entra+tenant+"/v2.0")
	other := newIdentityProvider(t, w, entra+rival+"/v2.0")
	for _, base := range []string{entra + tenant, entra + tenant + "/", entra + tenant + "/v2.0"} {
		p := open(t, w, provider.Config{Preset: "azure", URL: base})
		f := newFlow()
		login, err := p.Exchange(t.Context(), f.exchange(begin(t, p, at, "ann", f)))
		if err != nil {
			t.Fatalf("%s: %v", base, err)
		}
		if got := login.Metadata["full_name"]; got != "Ann Archer" {
			t.Errorf("full_name = %v", got)
		}
		token := other.mint(t, said(entra+rival+"/v2.0", nil))
		if _, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token}); !errors.Is(err, provider.ErrToken) {
			t.Errorf("%s takes a token of another tenant: %v", base, err)
		}
	}
}

func TestAzureForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many(w, "common")
	many(w, "organizations")
	tenants := make(map[string]*identityProvider)
	for _, id := range []string{tenant, rival, msa} {
		tenants[id] = newIdentityProvider(t, w, entra+id+"/v2.0")
	}
	everyone := open(t, w, provider.Config{Preset: "azure"})
	work := open(t, w, provider.Config{Preset: "azure", URL: entra + "organizations"})

	for name, tt := range map[string]struct {
		p      provider.Provider
		signer string
		issuer string
		ok     bool
	}{
		"a tenant":                       {everyone, tenant, entra + tenant + "/v2.0", true},
		"another tenant":                 {everyone, rival, entra + rival + "/v2.0", true},
		"a personal account":             {everyone, msa, entra + msa + "/v2.0", true},
		"a tenant, signed by another":    {everyone, rival, entra + tenant + "/v2.0", false},
		"a tenant that is not":           {everyone, tenant, entra + nowhere + "/v2.0", false},
		"the pattern":                    {everyone, tenant, entra + "{tenantid}/v2.0", false},
		"the tenant common":              {everyone, tenant, entra + "common/v2.0", false},
		"a path":                         {everyone, tenant, entra + "../" + tenant + "/v2.0", false},
		"another host":                   {everyone, tenant, "https://evil.example/" + tenant + "/v2.0", false},
		"a tenant, for work":             {work, tenant, entra + tenant + "/v2.0", true},
		"a personal account, for work":   {work, msa, entra + msa + "/v2.0", false},
		"a personal account in capitals": {work, msa, entra + strings.ToUpper(msa) + "/v2.0", false},
	} {
		token := tenants[tt.signer].mint(t, said(tt.issuer, nil))
		login, err := tt.p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token})
		if tt.ok != (err == nil) || (!tt.ok && !errors.Is(err, provider.ErrToken)) {
			t.Errorf("%s: %v, %v", name, login, err)
		}
	}
	if n := w.times("https://evil.example/" + tenant + "/v2.0/.well-known/openid-configuration"); n != 0 {
		t.Error("a token chose the host that was asked")
	}
}

func TestAzureClaims(t *testing.T) {
	t.Parallel()
	const home = entra + tenant + "/v2.0"
	w := newWorld(t)
	at := newIdentityProvider(t, w, home)
	p := open(t, w, provider.Config{Preset: "azure", URL: entra + tenant, EmailOptional: true})
	for _, tt := range []struct {
		edov, email any
		want        []provider.Email
	}{
		{nil, "ann@example.com", []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{true, "ann@example.com", []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{"1", "ann@example.com", []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{"true", "ann@example.com", []provider.Email{{Address: "ann@example.com", Verified: true, Primary: true}}},
		{false, "ann@example.com", []provider.Email{{Address: "ann@example.com", Primary: true}}},
		{"0", "ann@example.com", []provider.Email{{Address: "ann@example.com", Primary: true}}},
		{1, "ann@example.com", []provider.Email{{Address: "ann@example.com", Primary: true}}},
		{true, nil, nil},
	} {
		token := at.mint(t, said(home, map[string]any{"xms_edov": tt.edov, "email": tt.email, "email_verified": nil}))
		login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(login.Emails, tt.want) {
			t.Errorf("xms_edov %v, email %v: %v, want %v", tt.edov, tt.email, login.Emails, tt.want)
		}
	}

	token := at.mint(t, said(home, map[string]any{
		"name": "Ann Archer", "preferred_username": "ann@example.com", "tid": tenant, "oid": "o-1", "uti": "noise", "xms_edov": true,
		"email_verified": nil,
	}))
	login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": home, "sub": "ann-1", "provider_id": "ann-1", "full_name": "Ann Archer", "preferred_username": "ann@example.com",
		"email": "ann@example.com", "email_verified": true, "phone_verified": false,
		"custom_claims": map[string]any{"tid": tenant, "oid": "o-1", "email": "ann@example.com", "xms_edov": true},
	}
	if !reflect.DeepEqual(login.Metadata, want) {
		t.Errorf("metadata:\n got %v\nwant %v", login.Metadata, want)
	}
}

func TestGenericClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := newIdentityProvider(t, w, issuer)
	p := open(t, w, provider.Config{})
	token := at.mint(t, said(issuer, map[string]any{
		"email_verified": "true", "phone_number": "+1555", "phone_number_verified": true, "updated_at": 1700000000,
		"picture": "https://img.example/ann", "nickname": 7, "role": "service_role",
	}))
	login, err := p.VerifyIDToken(t.Context(), provider.IDTokenRequest{IDToken: token})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": issuer, "sub": "ann-1", "provider_id": "ann-1", "email": "ann@example.com", "email_verified": true,
		"phone": "+1555", "phone_verified": true, "updated_at": "2023-11-14T22:13:20Z",
		"picture": "https://img.example/ann", "avatar_url": "https://img.example/ann",
	}
	if !reflect.DeepEqual(login.Metadata, want) {
		t.Errorf("metadata:\n got %v\nwant %v", login.Metadata, want)
	}
}
