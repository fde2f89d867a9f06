package provider_test

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"go.uber.org/goleak"

	"nexus/engine/auth/provider"
)

func TestMain(m *testing.M) {
	// The provider under test logs nothing; the one it talks to does.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	clientID    = "nexus"
	otherID     = "other-app"
	secret      = "client secret/with+signs" // must survive form encoding in an Authorization header
	redirectURI = "https://api.example/auth/v1/callback"
	issuer      = "https://id.example"
	password    = "correct horse"
)

// world is an internet of its own: whatever host a client asks for, one TLS server answers.
type world struct {
	mux    *http.ServeMux
	client *http.Client

	mu sync.Mutex
	// trouble, if set, answers instead of everything below mux.
	trouble http.HandlerFunc
	asked   []string
	bodies  []url.Values
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{mux: http.NewServeMux()}
	server := httptest.NewTLSServer(http.HandlerFunc(w.serve))
	t.Cleanup(server.Close)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{
			RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com",
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	w.mu.Lock()
	w.asked = append(w.asked, "https://"+r.Host+r.URL.Path)
	if r.Method == http.MethodPost {
		w.bodies = append(w.bodies, r.PostForm)
	}
	trouble := w.trouble
	w.mu.Unlock()
	if trouble != nil {
		trouble(rw, r)
		return
	}
	w.mux.ServeHTTP(rw, r)
}

func (w *world) set(trouble http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = trouble
}

// times is how often a URL was asked for.
func (w *world) times(url string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, asked := range w.asked {
		if asked == url {
			n++
		}
	}
	return n
}

// posted is the form of the last POST.
func (w *world) posted() url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bodies[len(w.bodies)-1]
}

// unreachable breaks connections off.
func unreachable(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// answer answers with a status and text.
func answer(status int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

// identityProvider is a real OpenID provider. Its storage lets tests say what the example storage of the module keeps fixed.
type identityProvider struct {
	*storage.Storage
	issuer string
	server *op.Provider
	world  *world

	mu       sync.Mutex
	key      *signingKey
	withheld bool // the signing key is not published
	lifetime time.Duration
	lean     bool // ID tokens say nothing that the userinfo endpoint says too
	claims   map[string]any
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func newKey(t *testing.T) *signingKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &signingKey{rand.Text(), key}
}

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *signingKey) Key() any                                    { return k.key }

type publicKey struct{ *signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.key.Public() }

// newIdentityProvider starts an OpenID provider at its issuer's address.
func newIdentityProvider(t *testing.T, w *world, issuer string) *identityProvider {
	t.Helper()
	clients := make(map[string]*storage.Client)
	for _, id := range []string{clientID, otherID} {
		clients[id] = storage.WebClient(id, secret, redirectURI)
	}
	p := &identityProvider{
		Storage: storage.NewStorageWithClients(people{}, clients),
		issuer:  issuer, world: w, key: newKey(t), lifetime: time.Hour, claims: make(map[string]any),
	}
	server, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte("the provider's own")), CodeMethodS256: true, GrantTypeRefreshToken: true,
		SupportedScopes: []string{"openid", "email", "profile", "offline_access"},
	}, p, op.StaticIssuer(issuer), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	p.server = server
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.mux.Handle(u.Host+u.Path+"/", http.StripPrefix(u.Path, server))
	return p
}

func (p *identityProvider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key, nil
}

func (p *identityProvider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.withheld {
		return nil, nil
	}
	return []op.Key{publicKey{p.key}}, nil
}

// change changes what the provider is like, at once.
func (p *identityProvider) change(f func(*identityProvider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

// client is a client with what tests say of its tokens.
type client struct {
	op.Client
	lifetime time.Duration
	lean     bool
}

func (c client) IDTokenLifetime() time.Duration       { return c.lifetime }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return !c.lean }

func (p *identityProvider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return client{found, p.lifetime, p.lean}, nil
}

func (p *identityProvider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, req op.IDTokenRequest, scopes []string) error {
	p.mu.Lock()
	for name, value := range p.claims {
		info.AppendClaims(name, value)
	}
	p.mu.Unlock()
	return p.Storage.SetUserinfoFromRequest(ctx, info, req, scopes)
}

// people are those who can log in at the provider.
type people struct{}

func (people) GetUserByID(id string) *storage.User {
	known := map[string]*storage.User{
		"ann-1": {
			ID: "ann-1", Username: "ann", Password: password, FirstName: "Ann", LastName: "Archer",
			Email: "ann@example.com", EmailVerified: true,
		},
		"bob-2":  {ID: "bob-2", Username: "bob", Password: password, FirstName: "Bob", Email: "bob@example.com"},
		"cleo-3": {ID: "cleo-3", Username: "cleo", Password: password, FirstName: "Cleo"},
	}
	return known[id]
}

func (p people) GetUserByUsername(name string) *storage.User {
	for _, id := range []string{"ann-1", "bob-2", "cleo-3"} {
		if user := p.GetUserByID(id); user.Username == name {
			return user
		}
	}
	return nil
}

func (people) ExampleClientID() string { return "" }

// flow is one browser's way through a login.
type flow struct {
	verifier, nonce, state string
	extra                  url.Values
}

func newFlow() flow {
	return flow{verifier: rand.Text() + rand.Text(), nonce: rand.Text(), state: rand.Text()}
}

func (f flow) request() provider.AuthRequest {
	sum := sha256.Sum256([]byte(f.verifier))
	return provider.AuthRequest{
		State: f.state, Nonce: f.nonce, CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]), Extra: f.extra,
	}
}

func (f flow) exchange(code string) provider.ExchangeRequest {
	return provider.ExchangeRequest{Code: code, CodeVerifier: f.verifier, Nonce: f.nonce}
}

// login follows an authorization URL as the browser of a person does, and returns the code it comes back with.
func (p *identityProvider) login(t *testing.T, authURL, username string, f flow) string {
	t.Helper()
	page := p.follow(t, authURL)
	request := page.Query().Get("authRequestID")
	if err := p.CheckUsernamePassword(username, password, request); err != nil {
		t.Fatalf("logging in at the provider: %v", err)
	}
	back := p.follow(t, op.AuthCallbackURL(p.server)(op.ContextWithIssuer(t.Context(), p.issuer), request))
	if got := back.Query().Get("state"); got != f.state {
		t.Fatalf("came back with state %q, want %q: %s", got, f.state, back)
	}
	if to, _, _ := strings.Cut(back.String(), "?"); to != redirectURI {
		t.Fatalf("came back to %s", to)
	}
	return cmp.Or(back.Query().Get("code"), "none")
}

// follow asks for a page and returns where it sends the browser.
func (p *identityProvider) follow(t *testing.T, link string) *url.URL {
	t.Helper()
	browser := *p.world.client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	res, err := browser.Get(base.ResolveReference(u).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	to, err := res.Location()
	if err != nil {
		t.Fatalf("GET %s answers %s: %v", link, res.Status, err)
	}
	return to
}

// mint signs an ID token with the provider's current key, whatever it says.
func (p *identityProvider) mint(t *testing.T, claims map[string]any) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	return sign(t, jose.RS256, p.key.key, p.key.id, claims)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// said are the claims of a good ID token, with some replaced; nil takes one away.
func said(issuer string, but map[string]any) map[string]any {
	claims := map[string]any{
		"iss": issuer, "sub": "ann-1", "aud": clientID, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"email": "ann@example.com", "email_verified": true,
	}
	for name, value := range but {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// halfHash is the at_hash of an access token for RS256.
func halfHash(access string) string {
	h := crypto.SHA256.New()
	h.Write([]byte(access))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// open makes a provider of the code under test that lives in a world.
func open(t *testing.T, w *world, cfg provider.Config) provider.Provider {
	t.Helper()
	if cfg.ClientIDs == nil {
		cfg.ClientIDs = []string{clientID}
	}
	cfg.Preset = cmp.Or(cfg.Preset, "oidc")
	if cfg.Preset == "oidc" {
		cfg.URL = cmp.Or(cfg.URL, issuer)
	}
	cfg.Secret, cfg.RedirectURI, cfg.HTTPClient = secret, redirectURI, w.client
	p, err := provider.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// begin goes through a login up to the code.
func begin(t *testing.T, p provider.Provider, at *identityProvider, username string, f flow) string {
	t.Helper()
	link, err := p.AuthURL(t.Context(), f.request())
	if err != nil {
		t.Fatal(err)
	}
	return at.login(t, link, username, f)
}
