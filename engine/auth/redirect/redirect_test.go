package redirect_test

import (
	"net/url"
	"strings"
	"testing"

	"nexus/engine/auth/redirect"
)

func policy(t testing.TB) *redirect.Policy {
	t.Helper()
	p, err := redirect.New("https://app.example.com/home", []string{
		"https://*.preview.example.com", "https://*.preview.example.com/**", "https://docs.example.com/*/edit",
		"com.example.app://callback", "exp://**", "https://any.example.org/**",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	p := policy(t)
	for _, target := range []string{
		"https://app.example.com", "https://app.example.com/", "https://APP.example.com/x?y=z#f", "https://app.example.com/home",
		"http://127.0.0.1:5173/in", "http://[::1]:3000/", "http://127.0.0.99/",
		"https://a.preview.example.com", "https://a.preview.example.com/x/y.html?z", "https://a.preview.example.com/#top",
		"https://docs.example.com/page/edit", "com.example.app://callback", "exp://192.168.0.2:8081/--/in",
		"https://any.example.org/?next=https://evil.test",
	} {
		if !p.Allowed(target) {
			t.Errorf("%s is refused", target)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	p := policy(t)
	for _, target := range []string{
		"", " ", "/", "/home", "//evil.test", "///evil.test", "https:evil.test", "https:/evil.test", "https:///evil.test",
		"https://evil.test", "http://app.example.com", "https://app.example.com:8443/", "https://app.example.com.evil.test/",
		"https://app.example.com@evil.test/", "https://app.example.com:x@evil.test/", "https://user@app.example.com/",
		"https://evil.test#https://app.example.com", "https://evil.test?https://app.example.com", "https://evil.test/.preview.example.com",
		"https://evil.test\\.preview.example.com", "https://evil.test\\@app.example.com", "https://app.example.com\\@evil.test",
		"https://app.example.com\r\nSet-Cookie: a=b", "https://app.example.com\t.evil.test", "\thttps://app.example.com", "https://app.example.com\x00",
		"https://a.b.preview.example.com", "https://preview.example.com", "https://a.preview.example.com.evil.test/",
		"https://xpreview.example.com", "https://.preview.example.com", "https://a/.preview.example.com",
		"https://docs.example.com/a/b/edit", "https://docs.example.com/edit", "https://docs.example.com/page/edit/x",
		"javascript:alert(1)", "JavaScript:alert(1)", "javascript://app.example.com/%0aalert(1)", "data:text/html,x", "vbscript:x",
		"blob:https://app.example.com/x", "file:///etc/passwd", "about:blank",
		"http://2130706433/", "https://2130706433", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://0/",
		"https://10.0.0.1/", "https://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:10.0.0.1]/", "https://1.1.1.1",
		"https://app%2eexample.com/", "https://app.example.com%00.evil.test/", "https://app.example.com%2f.evil.test/",
		"https://\u0430pp.example.com/", "https://app\u3002example.com", "https://app.example.com./", "https://-app.example.com",
		"com.example.app://callback/x", "com.example.app://evil", "com.evil.app://callback", "com.example.app:callback", "expx://x",
		"https://any.example.org", "https://any.example.org.evil.test/", "mailto:a@b.c", "https://[::1", "%68ttps://app.example.com",
	} {
		if p.Allowed(target) {
			t.Errorf("%q is allowed", target)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	p := policy(t)
	if got := p.Choose("", "https://evil.test", "https://app.example.com/a", "https://app.example.com/b"); got != "https://app.example.com/a" {
		t.Error(got)
	}
	if got := p.Choose("", "https://evil.test"); got != "https://app.example.com/home" {
		t.Error(got)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	if _, err := redirect.New("nothing", nil); err == nil {
		t.Error("a site without a scheme is taken")
	}
	if _, err := redirect.New("https://a.test", []string{"https://[a"}); err == nil {
		t.Error("a broken pattern is taken")
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	values := url.Values{"code": {"a b"}}
	for _, c := range []struct{ got, want string }{
		{redirect.WithQuery("https://a.test/x?y=1#z", values), "https://a.test/x?code=a+b&y=1#z"},
		{redirect.WithQuery("com.example.app://callback", values), "com.example.app://callback?code=a+b"},
		{redirect.WithFragment("https://a.test/x?y=1", values), "https://a.test/x?y=1#code=a+b"},
		{redirect.WithFragment("https://a.test/x#old", values), "https://a.test/x#code=a+b"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

// FuzzAllowed reads what is allowed as a browser does: whatever stands between the slashes behind the scheme and the next one is
// the host, backslashes are slashes, and what stands before an @ does not count.
func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{"https://app.example.com/x", "http://127.0.0.1:80/", "https://a.preview.example.com/?q#f", "exp://x", "https://evil.test\\@app.example.com"} {
		f.Add(seed)
	}
	p := policy(f)
	f.Fuzz(func(t *testing.T, target string) {
		if !p.Allowed(target) {
			return
		}
		text := strings.ReplaceAll(strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(strings.TrimSpace(target)), "\\", "/")
		scheme, rest, ok := strings.Cut(text, ":")
		if !ok || strings.EqualFold(scheme, "exp") || strings.EqualFold(scheme, "com.example.app") {
			return
		}
		authority, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		authority, _, _ = strings.Cut(authority, "?")
		authority, _, _ = strings.Cut(authority, "#")
		if i := strings.LastIndex(authority, "@"); i >= 0 {
			authority = authority[i+1:]
		}
		host := strings.ToLower(authority)
		if !strings.HasPrefix(host, "[") {
			host, _, _ = strings.Cut(host, ":")
		}
		if host != "app.example.com" && host != "docs.example.com" && host != "any.example.org" &&
			!strings.HasSuffix(host, ".preview.example.com") && !strings.HasPrefix(host, "127.") && !strings.HasPrefix(host, "[") {
			t.Errorf("%q is allowed and leads to %s", target, host)
		}
	})
}
