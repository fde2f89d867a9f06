package engine

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"nexus/engine/apierr"
)

// gatewayKey lets the apikey header stand in for a missing token, as the API gateway in front of a Supabase project does.
// A client that is signed in sends its own token beside it, and that one counts.
func gatewayKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			if key := r.Header.Get("Apikey"); key != "" {
				r.Header["Authorization"] = []string{"Bearer " + key}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// limitBody refuses a request that announces too large a body before anything of it is read. The surfaces hold those to
// the limit that do not say how large they are.
func limitBody(next http.Handler, limit int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			w.Header()["Connection"] = []string{"close"}
			fail(w, r, &apierr.Error{
				Status: http.StatusRequestEntityTooLarge, Code: "NEXUS413", Message: "The request body is too large",
				Details: "The limit is " + strconv.FormatInt(limit, 10) + " bytes.",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// survive turns a panic into a 500 that tells nothing, and logs it with its stack.
func survive(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted, _ := w.(*countingWriter)
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // a panic value is compared, as net/http does
				panic(p)
			}
			log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			if counted != nil && counted.status != 0 {
				// Part of an answer is out: break the connection, so that nobody takes it for a whole one.
				panic(http.ErrAbortHandler)
			}
			id := w.Header()[requestIDHeader]
			clear(w.Header())
			w.Header()[requestIDHeader] = id
			fail(w, r, &apierr.Error{Status: http.StatusInternalServerError, Code: "NEXUS500", Message: "Internal server error"})
		}()
		next.ServeHTTP(w, r)
	})
}

// fail answers with an error in the shape that rest/v1 gives its own.
func fail(w http.ResponseWriter, r *http.Request, e *apierr.Error) {
	body := e.JSON(false)
	header := w.Header()
	header["Content-Type"] = []string{"application/json; charset=utf-8"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if e.Status == http.StatusServiceUnavailable {
		header["Retry-After"] = []string{"1"}
	}
	// A browser's script may read why it failed.
	header["Access-Control-Allow-Origin"] = []string{"*"}
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
