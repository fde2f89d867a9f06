package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"nexus/engine/db"
	"nexus/rls"
	"nexus/schema"
)

// Options are what a Handler works with.
type Options struct {
	// Rest and Functions serve /rest/v1 and /functions/v1.
	Rest, Functions http.Handler
	Snapshot        func() *schema.Snapshot
	// Schemas are the exposed ones; tools work with the first.
	Schemas  []string
	Verifier func() *rls.Verifier
	// Sessions write the audit.
	Sessions *db.Sessions
	// BaseURL is where the server is reached: what tokens are for, and where their issuer is described.
	BaseURL string
	// Origins may call from browsers, beside the server's own.
	Origins []string
	MaxBody int64
	Version string
	Logger  *slog.Logger
	// Authenticated is told the role of each request, for the access log.
	Authenticated func(ctx context.Context, role string)
}

// Handler serves the endpoint of the protocol. It is safe for concurrent use.
type Handler struct {
	Options
	tools    []*tool
	byName   map[string]*tool
	protocol http.Handler
}

// Path is where the endpoint is, below functions/v1.
const Path = "mcp-server"

// MetadataPath is where the endpoint is described as a protected resource (RFC 9728).
const MetadataPath = "/.well-known/oauth-protected-resource"

// New makes a Handler.
func New(o Options) *Handler {
	h := &Handler{Options: o, tools: allTools(), byName: map[string]*tool{}}
	for _, t := range h.tools {
		h.byName[t.name] = t
	}
	streamable := sdk.NewStreamableHTTPHandler(h.server, &sdk.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, Logger: o.Logger, MaxRequestBodyBytes: o.MaxBody, PropagateRequestCancellation: true,
		// What a page may do is said by its Origin, which is checked below for every name that the server goes by.
		DisableLocalhostProtection: true,
	})
	h.protocol = auth.RequireBearerToken(h.verify, &auth.RequireBearerTokenOptions{
		ResourceMetadataURL: o.BaseURL + MetadataPath + functionsPath + "/" + Path, AllowMissingExpiration: true,
	})(h.scoped(streamable))
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if !h.allows(origin, r) {
			http.Error(w, "This origin is not allowed", http.StatusForbidden)
			return
		}
		h.share(w, origin)
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	query := r.URL.Query()
	if query.Has("access_token") || query.Has("apikey") || query.Has("token") {
		http.Error(w, "Tokens are not accepted in the query, where they would be logged", http.StatusBadRequest)
		return
	}
	h.protocol.ServeHTTP(w, r)
}

// allows reports whether a page of an origin may call: the server's own, and those that are configured.
func (h *Handler) allows(origin string, r *http.Request) bool {
	if slices.Contains(h.Origins, origin) || slices.Contains(h.Origins, "*") || origin == h.BaseURL {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host && h.own(r.Host)
}

// own reports whether a host is the server's, so that a name that somebody points at it is not (DNS rebinding).
func (h *Handler) own(host string) bool {
	base, err := url.Parse(h.BaseURL)
	return err == nil && host == base.Host
}

func (h *Handler) share(w http.ResponseWriter, origin string) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", origin)
	header.Add("Vary", "Origin")
	header.Set("Access-Control-Allow-Methods", "POST, GET, DELETE, OPTIONS")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID")
	header.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Mcp-Session-Id")
}

// identityKey is where a token's identity is kept in auth.TokenInfo.Extra.
const identityKey = "identity"

// verify accepts tokens of people and of agents, and no keys: those have rights that nobody gave to a tool.
func (h *Handler) verify(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
	identity, err := h.Verifier().Authenticate(ctx, "Bearer "+token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
	}
	if identity.Caller.Class != rls.User && identity.Caller.Class != rls.Agent {
		return nil, fmt.Errorf("%w: it is no token of a person or an agent", auth.ErrInvalidToken)
	}
	if h.Authenticated != nil {
		h.Authenticated(ctx, identity.Role)
	}
	scopes := []string{string(rls.ScopeRead), string(rls.ScopeWrite), string(rls.ScopeAdmin)}
	if identity.Caller.Class == rls.Agent {
		scopes = scopes[:0]
		for _, s := range identity.Caller.Scopes {
			scopes = append(scopes, string(s))
		}
	}
	return &auth.TokenInfo{UserID: identity.Subject, Scopes: scopes, Extra: map[string]any{identityKey: identity}}, nil
}

// identityOf is what verify found.
func identityOf(ctx context.Context) *rls.Identity {
	info := auth.TokenInfoFromContext(ctx)
	if info == nil {
		return nil
	}
	identity, _ := info.Extra[identityKey].(*rls.Identity)
	return identity
}

// scoped refuses calls of tools that the token's scopes do not allow, in the way that clients can ask for more
// (RFC 6750, section 3.1).
func (h *Handler) scoped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.MaxBody))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, "The request body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "The request body could not be read", http.StatusBadRequest)
			return
		}
		identity := identityOf(r.Context())
		if t := h.called(body); t != nil && identity != nil && !identity.Caller.Allows(t.scope) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s", resource_metadata="%s"`,
				t.scope, h.BaseURL+MetadataPath+functionsPath+"/"+Path))
			http.Error(w, "The tool "+t.name+" needs a token with the scope "+string(t.scope), http.StatusForbidden)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// called is the tool that a request calls, nil for any other request.
func (h *Handler) called(body []byte) *tool {
	var message struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &message) != nil || message.Method != "tools/call" {
		return nil
	}
	return h.byName[message.Params.Name]
}

// Metadata describes the endpoint as a protected resource (RFC 9728).
func (h *Handler) Metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"resource": h.BaseURL + functionsPath + "/" + Path, "resource_name": "Nexus",
		"bearer_methods_supported": []string{"header"}, "scopes_supported": []string{"read", "write", "admin"},
		"resource_documentation": "https://modelcontextprotocol.io",
	})
}

// choice is which tools a client asked for in the query.
type choice struct {
	groups   []string
	readOnly bool
}

func choose(r *http.Request) choice {
	query := r.URL.Query()
	var c choice
	for _, list := range query["groups"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				c.groups = append(c.groups, name)
			}
		}
	}
	c.readOnly = query.Get("readonly") == "1" || query.Get("readonly") == "true"
	return c
}
