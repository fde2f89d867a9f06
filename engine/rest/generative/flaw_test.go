package generative

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// flaws are mistakes that a server could make, and a pattern of the shortest request that shows it.
var flaws = map[string]struct {
	flaw   func(http.Handler) http.Handler
	shrunk string
}{
	"compares with > for >=":  {rewrites("=gte.", "=gt."), `^/[^&?]*\?[^&]*=gte\.[^&]*$`},
	"forgets a not":           {rewrites("=not.", "="), `^/[^&?]*\?(select=[^&]*&)?[^&]*=not\.[^&]*$`},
	"takes or for and":        {rewrites("or=(", "and=("), `^/[^&?]*\?[^&]*or=\([^&]*\)$`},
	"sorts nulls first":       {rewrites("nullslast", "nullsfirst"), `^/[^&?]*\?order=[^&]*nullslast$`},
	"sorts ascending":         {rewrites(".desc", ""), `^/[^&?]*\?(select=[^&]*&)?order=[^&]*\.desc$`},
	"has an offset too small": {offsets(), `^/[^&?]*\?offset=\d+$`},
	"joins left for inner":    {rewrites("!inner", "!left"), `^/[^&?]*\?select=[^&]*!inner\(\)(&[^&]*)?$`},
	"sees what a role does not": {func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Authorization")
			next.ServeHTTP(w, r)
		})
	}, `^/[^&?]*$`},
	"counts one row less": {func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := httptest.NewRecorder()
			next.ServeHTTP(got, r)
			if rows, total, ok := strings.Cut(got.Header().Get("Content-Range"), "/"); ok && total != "*" {
				n, _ := strconv.Atoi(total)
				got.Header().Set("Content-Range", rows+"/"+strconv.Itoa(n-1))
			}
			copyAnswer(w, got)
		})
	}, `^/[^&?]*$`},
	"swaps values of rows": {edits(`"id":1,`, `"id":2,`), `^/[^&?]*(\?select=[^&]*)?$`},
	"rounds":               {edits(`.50`, `.5`), `^/[^&?]*(\?select=[^&]*)?$`},
	"loses a null":         {edits(`:null`, `:""`), `^/[^&?]*(\?select=[^&]*)?$`},
}

// TestFlawsAreFound puts a flaw between the requests and a server that is right. The flaw must be found, and the request
// shrunk to little more than what shows it.
func TestFlawsAreFound(t *testing.T) {
	t.Parallel()
	right := newWorld(t)
	for name, test := range flaws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := *right
			w.server, w.capped = test.flaw(right.server), test.flaw(right.capped)
			found := w.run(t.Context(), 1, 0, 2000, 1)
			if len(found) == 0 {
				t.Fatal("not found")
			}
			t.Logf("request %d: GET %s", found[0].number, found[0].query.target())
			if target := found[0].query.target(); !regexp.MustCompile(test.shrunk).MatchString(target) {
				t.Errorf("request %d shrunk to\n%s\nwhich is not like %s", found[0].number, found[0].report(), test.shrunk)
			}
		})
	}
}

// rewrites changes the request.
func rewrites(from, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			url := *r.URL
			url.RawQuery = strings.ReplaceAll(url.RawQuery, from, to)
			r = r.Clone(r.Context())
			r.URL = &url
			r.RequestURI = url.RequestURI()
			next.ServeHTTP(w, r)
		})
	}
}

// offsets makes every offset one less.
func offsets() func(http.Handler) http.Handler {
	offset := regexp.MustCompile(`\boffset=(\d+)`)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			less := offset.ReplaceAllStringFunc(r.URL.RawQuery, func(s string) string {
				n, _ := strconv.Atoi(offset.FindStringSubmatch(s)[1])
				return "offset=" + strconv.Itoa(max(n-1, 0))
			})
			rewrites(r.URL.RawQuery, less)(next).ServeHTTP(w, r)
		})
	}
}

// edits changes the first place in the answer that it fits.
func edits(from, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := httptest.NewRecorder()
			next.ServeHTTP(got, r)
			body := strings.Replace(got.Body.String(), from, to, 1)
			got.Body.Reset()
			got.Body.WriteString(body)
			copyAnswer(w, got)
		})
	}
}

func copyAnswer(w http.ResponseWriter, got *httptest.ResponseRecorder) {
	for name, values := range got.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(got.Code)
	_, _ = w.Write(got.Body.Bytes())
}
