package engine

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"nexus/engine/apierr"
	"nexus/engine/mcp"
)

// restPath is where rest/v1 is mounted.
const restPath = "/rest/v1"

// handler is the whole of what the server answers.
func (s *Server) handler() http.Handler {
	router := &httprouter.Router{
		NotFound: http.HandlerFunc(notFound), MethodNotAllowed: http.HandlerFunc(methodNotAllowed),
		HandleMethodNotAllowed: true,
	}
	for path, handle := range map[string]http.HandlerFunc{healthPath: s.health, readyPath: s.ready} {
		router.HandlerFunc(http.MethodGet, path, handle)
		router.HandlerFunc(http.MethodHead, path, handle)
	}
	for _, path := range []string{mcp.MetadataPath, mcp.MetadataPath + functionsPath + "/" + mcp.Path} {
		router.HandlerFunc(http.MethodGet, path, s.describeMCP)
	}
	// The surface dispatches below its mount point: the router cannot hold /rest/v1/:table beside /rest/v1/rpc/:function.
	surface := gatewayKey(limitBody(http.HandlerFunc(s.rest), s.cfg.MaxBodyBytes))
	if s.cfg.Compress {
		surface = s.compress(surface)
	}
	users := gatewayKey(limitBody(http.HandlerFunc(s.auth), s.cfg.MaxBodyBytes))
	business := gatewayKey(http.HandlerFunc(s.serveFunctions))
	// Bodies of storage/v1 have limits of their own.
	files := gatewayKey(http.HandlerFunc(s.serveStorage))
	// As an httprouter.Handle, because an http.Handler would get the parameters by a context and thus a request of its own.
	rest := func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) { surface.ServeHTTP(w, r) }
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions,
	} {
		router.Handle(method, restPath, rest)
		router.Handle(method, restPath+"/*path", rest)
		router.Handler(method, authPath+"/*path", users)
		router.Handler(method, functionsPath+"/*path", business)
		router.Handler(method, storagePath+"/*path", files)
	}
	return access(survive(router, s.log), s.log, s.cfg.RequestTimeout)
}

// rest passes a request to rest/v1, once there is one.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) {
	b := s.backend.Load()
	if b == nil {
		fail(w, r, errStarting)
		return
	}
	b.rest.ServeHTTP(w, r)
}

// errStarting answers requests that come too early.
var errStarting = &apierr.Error{Status: http.StatusServiceUnavailable, Code: "NEXUS503", Message: "The server is starting"}

func notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, r, &apierr.Error{
		Status: http.StatusNotFound, Code: "NEXUS404", Message: "There is nothing at this path",
		Hint: "Tables, views and functions are below " + restPath + "/, functions below " + functionsPath + "/, users below " + authPath + "/, files below " + storagePath + "/.",
	})
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	fail(w, r, &apierr.Error{Status: http.StatusMethodNotAllowed, Code: "NEXUS405", Message: "This path has no such method"})
}
