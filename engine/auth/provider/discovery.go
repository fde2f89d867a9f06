package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	// documentLife is how long a discovery document and its keys are used before they are read anew. A provider that
	// withdraws a key is heard within this time.
	documentLife = time.Hour
	// staleLife is how long an old document is used on after it could not be read anew.
	staleLife = time.Minute
	// maxDocuments bounds the tenants that are remembered.
	maxDocuments = 128
)

// algorithms are the signatures that ID tokens may have: asymmetric ones only, so that nothing public can sign.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// document is what a provider publishes of itself (OpenID Connect Discovery 1.0, section 3).
type document struct {
	Issuer      string   `json:"issuer"`
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	UserInfoURL string   `json:"userinfo_endpoint"`
	JWKSURL     string   `json:"jwks_uri"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`

	keys oidc.KeySet
}

// endpoint tells oauth2 where to go, and how to show the client secret there. Saying so keeps oauth2 from trying, which
// would use up the code.
func (d *document) endpoint(secret string) oauth2.Endpoint {
	style := oauth2.AuthStyleInHeader // the default of OpenID Connect Discovery
	if secret == "" || (len(d.AuthMethods) > 0 && !slices.Contains(d.AuthMethods, "client_secret_basic")) {
		style = oauth2.AuthStyleInParams
	}
	return oauth2.Endpoint{AuthURL: d.AuthURL, TokenURL: d.TokenURL, AuthStyle: style}
}

// directory reads and keeps discovery documents by the address that they were asked of.
type directory struct {
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu   sync.Mutex
	kept map[string]keptDocument
}

type keptDocument struct {
	*document
	until time.Time
}

func newDirectory(client *http.Client) *directory {
	return &directory{client: client, now: time.Now, kept: make(map[string]keptDocument)}
}

// get is the document of a base address. It must name the base as its issuer if exact is set. Errors are ErrUnavailable.
func (d *directory) get(ctx context.Context, base string, exact bool) (*document, error) {
	d.mu.Lock()
	kept, ok := d.kept[base]
	d.mu.Unlock()
	if ok && d.now().Before(kept.until) {
		return kept.document, nil
	}
	// One caller that goes away must not fail the others; the client's timeout ends the work.
	work := context.WithoutCancel(ctx)
	done := d.flight.DoChan(base, func() (any, error) { return d.refresh(work, base, exact) })
	select {
	case <-ctx.Done():
		return nil, &unavailableError{"discovery", ctx.Err()}
	case res := <-done:
		if res.Err != nil {
			return nil, res.Err
		}
		return res.Val.(*document), nil
	}
}

// refresh reads a document, or holds on to the one there is.
func (d *directory) refresh(ctx context.Context, base string, exact bool) (*document, error) {
	doc, err := d.read(ctx, base, exact)
	d.mu.Lock()
	defer d.mu.Unlock()
	life := documentLife
	if err != nil {
		old, ok := d.kept[base]
		if !ok {
			return nil, err
		}
		doc, life = old.document, staleLife
	}
	if _, ok := d.kept[base]; !ok && len(d.kept) >= maxDocuments {
		for other := range d.kept {
			delete(d.kept, other)
			break
		}
	}
	d.kept[base] = keptDocument{doc, d.now().Add(life)}
	return doc, nil
}

func (d *directory) read(ctx context.Context, base string, exact bool) (*document, error) {
	doc := new(document)
	err := getJSON(ctx, d.client, strings.TrimSuffix(base, "/")+"/.well-known/openid-configuration", "", doc)
	if err != nil {
		if errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		return nil, &unavailableError{"discovery", err}
	}
	if err := doc.check(base, exact); err != nil {
		return nil, &unavailableError{"discovery", err}
	}
	doc.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), d.client), doc.JWKSURL)
	return doc, nil
}

// check says whether a document can be trusted as that of base. A slash at the end makes no other provider.
func (d *document) check(base string, exact bool) error {
	if exact && strings.TrimSuffix(d.Issuer, "/") != strings.TrimSuffix(base, "/") {
		return errors.New("the document is of another issuer")
	}
	secure := strings.HasPrefix(base, "https://")
	for _, endpoint := range []string{d.AuthURL, d.TokenURL, d.JWKSURL} {
		if !usable(endpoint, secure) {
			return errors.New("an endpoint of the document is missing or not secure")
		}
	}
	if !usable(d.UserInfoURL, secure) {
		d.UserInfoURL = ""
	}
	d.Algorithms = slices.DeleteFunc(d.Algorithms, func(alg string) bool { return !slices.Contains(algorithms, alg) })
	if len(d.Algorithms) == 0 {
		// The one that every provider must know (OpenID Connect Core 1.0, section 15.1).
		d.Algorithms = []string{oidc.RS256}
	}
	return nil
}

// usable says whether an endpoint can be called: a provider on https must not send us elsewhere.
func usable(endpoint string, secure bool) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Host != "" && (u.Scheme == "https" || (u.Scheme == "http" && !secure))
}
