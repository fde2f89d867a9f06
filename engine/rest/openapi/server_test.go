package openapi_test

import (
	"errors"
	"strings"
	"testing"

	"nexus/engine/rest/openapi"
)

func TestParseProxyURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]openapi.Server{
		"http://postgrest.com":                 {Scheme: "http", Host: "postgrest.com", Port: 80},
		"https://postgrest.com":                {Scheme: "https", Host: "postgrest.com", Port: 443},
		"HTTPS://Postgrest.com/":               {Scheme: "https", Host: "Postgrest.com", Port: 443, BasePath: "/"},
		"http://postgrest.com/openapi.json":    {Scheme: "http", Host: "postgrest.com", Port: 80, BasePath: "/openapi.json"},
		"https://example.com:8443/basePath":    {Scheme: "https", Host: "example.com", Port: 8443, BasePath: "/basePath"},
		"http://10.0.0.1:65535/a/b%20c/;d=1:@": {Scheme: "http", Host: "10.0.0.1", Port: 65535, BasePath: "/a/b%20c/;d=1:@"},
		"http://[::1]:080//x":                  {Scheme: "http", Host: "[::1]", Port: 80, BasePath: "//x"},
		"http://caf%C3%A9.example":             {Scheme: "http", Host: "caf%C3%A9.example", Port: 80},
	} {
		if got, err := openapi.ParseProxyURI(uri); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", uri, got, err, want)
		}
	}
}

func TestParseProxyURIRefuses(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{
		"nothing":               "",
		"no scheme":             "example.com",
		"other scheme":          "ftp://example.com",
		"no authority":          "http:example.com",
		"no host":               "http://",
		"only a port":           "http://:80",
		"user":                  "https://user:password@example.com",
		"empty user":            "https://@example.com",
		"query":                 "http://example.com/?x=1",
		"empty query":           "http://example.com?",
		"fragment":              "http://example.com/#top",
		"empty port":            "http://example.com:/",
		"port 0":                "http://example.com:0",
		"port too large":        "http://example.com:65536",
		"port far too large":    "http://example.com:99999999999999999999",
		"port with letters":     "http://example.com:80a",
		"space":                 "http://example.com/a b",
		"not ASCII":             "http://example.com/é",
		"broken percent":        "http://example.com/%4",
		"not an address":        "http://[::g]/",
		"IPv4 in brackets":      "http://[10.0.0.1]/",
		"brackets not closed":   "http://[::1/",
		"line break at the end": "http://example.com\n",
		"misspelt scheme":       "htttp://example.com",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := openapi.ParseProxyURI(uri); !errors.Is(err, openapi.ErrProxyURI) || got != (openapi.Server{}) {
				t.Errorf("%q: got %+v, %v", uri, got, err)
			}
		})
	}
}

func FuzzParseProxyURI(f *testing.F) {
	for _, seed := range []string{"https://example.com:8443/basePath", "http://[::1]", "http://x:0", "http://a%41?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := openapi.ParseProxyURI(uri)
		if err != nil {
			return
		}
		if s.Scheme != "http" && s.Scheme != "https" || s.Host == "" || s.Port < 1 || s.Port > 65535 {
			t.Errorf("%q gives %+v", uri, s)
		}
		if s.BasePath != "" && !strings.HasPrefix(s.BasePath, "/") || !strings.HasSuffix(uri, s.BasePath) {
			t.Errorf("%q has base path %q", uri, s.BasePath)
		}
	})
}
