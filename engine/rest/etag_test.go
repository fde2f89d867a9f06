package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"nexus/engine/rest"
	"nexus/schema/pgtest"
)

func TestETags(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, guardSQL)
	handler := serve(t, database, func(cfg *rest.Config) { cfg.ETags, cfg.TxEnd = true, rest.TxCommit })
	ask := func(method, path, known string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, path, nil)
		if known != "" {
			r.Header.Set("If-None-Match", known)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	const path = "/things?id=lte.3&order=id"
	first := ask(http.MethodGet, path, "")
	tag := first.Header().Get("ETag")
	if len(tag) < 8 || tag[:3] != `W/"` {
		t.Fatalf("ETag %q", tag)
	}
	for known, want := range map[string]int{
		tag: 304, tag[2:]: 304, `"x", ` + tag: 304, "*": 304, `W/"x"`: 200, "": 200, tag[3 : len(tag)-1]: 200,
	} {
		w := ask(http.MethodGet, path, known)
		if w.Code != want || w.Header().Get("ETag") != tag {
			t.Errorf("If-None-Match: %s: status %d, want %d, ETag %s", known, w.Code, want, w.Header().Get("ETag"))
		}
		if want == 304 && (w.Body.Len() > 0 || w.Header().Get("Content-Length") != "" || w.Header().Get("Content-Location") == "") {
			t.Errorf("If-None-Match: %s: headers %v, body %s", known, w.Header(), w.Body)
		}
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodHead, path}, {http.MethodGet, "/nothing"}, {http.MethodDelete, "/things?id=eq.0"},
	} {
		if w := ask(c.method, c.path, "*"); w.Code == 304 || w.Header().Get("ETag") != "" {
			t.Errorf("%s %s: status %d, ETag %s", c.method, c.path, w.Code, w.Header().Get("ETag"))
		}
	}
	database.Exec(t, "update things set name = 'changed' where id = 2")
	if w := ask(http.MethodGet, path, tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("after a change: status %d, ETag %s", w.Code, w.Header().Get("ETag"))
	}
}
