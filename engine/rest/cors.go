package rest

import (
	"net/http"
	"slices"
	"strings"
)

// exposedHeaders are the response headers a browser's script may read.
const exposedHeaders = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, " +
	"Transfer-Encoding, Range-Unit"

// allowedMethods is the answer to a preflight; simple methods come last, as PostgREST lists them.
const allowedMethods = "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"

// cors sets the CORS headers of https://docs.postgrest.org/en/v14/references/api/cors.html and reports whether the request
// was a preflight that is now answered. A request that fails the policy passes without CORS headers: the browser refuses
// its answer.
func cors(cfg *Config, w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	any := len(cfg.CORSAllowedOrigins) == 0
	if !any && !slices.Contains(cfg.CORSAllowedOrigins, origin) {
		return false
	}
	if r.Method == http.MethodOptions {
		method := r.Header.Get("Access-Control-Request-Method")
		if !slices.Contains(strings.Split(allowedMethods, ", "), method) {
			return false
		}
	}
	h := w.Header()
	if any {
		h["Access-Control-Allow-Origin"] = []string{"*"}
	} else {
		h["Access-Control-Allow-Origin"] = []string{origin}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	if r.Method != http.MethodOptions {
		h["Access-Control-Expose-Headers"] = []string{exposedHeaders}
		return false
	}
	h["Access-Control-Allow-Headers"] = []string{preflightHeaders(r)}
	h["Access-Control-Allow-Methods"] = []string{allowedMethods}
	h["Access-Control-Max-Age"] = []string{"86400"}
	w.WriteHeader(http.StatusOK)
	return true
}

func preflightHeaders(r *http.Request) string {
	allowed := []string{"Authorization"}
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		for name := range strings.SplitSeq(wanted, ",") {
			allowed = append(allowed, strings.TrimSpace(name))
		}
	}
	return strings.Join(append(allowed, "Accept", "Accept-Language", "Content-Language"), ", ")
}
