package password_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"nexus/engine/password"
)

// leaks is a Checker that knows one password, or fails.
type leaks struct {
	password string
	err      error
}

func (l leaks) Breached(_ context.Context, password string) (bool, error) {
	return password == l.password, l.err
}

// The messages are GoTrue's, byte by byte: apps show them.
func TestRulesMessages(t *testing.T) {
	t.Parallel()
	sets := []string{"abc", "123"}
	const (
		short8     = "Password should be at least 8 characters."
		characters = "Password should contain at least one character of each: abc, 123."
		pwned      = "Password is known to be weak and easy to guess, please choose a different one."
	)
	for name, c := range map[string]struct {
		rules    password.Rules
		password string
		message  string
		reasons  []string
	}{
		"strong":                {password.Rules{MinLength: 8, Required: sets}, "xxxxxxa1", "", nil},
		"short":                 {password.Rules{MinLength: 8, Required: sets}, "xxxxxa1", short8, []string{"length"}},
		"bytes, not characters": {password.Rules{MinLength: 8}, "ääää", "", nil},
		"a set is missing":      {password.Rules{MinLength: 8, Required: sets}, "xxxxxxxa", characters, []string{"characters"}},
		"both are, told once":   {password.Rules{MinLength: 8, Required: sets}, "xxxxxxxx", characters, []string{"characters"}},
		"all at once": {
			password.Rules{MinLength: 8, Required: sets, Breached: leaks{password: "x"}},
			"x",
			short8 + " " + characters + " " + pwned,
			[]string{"length", "characters", "pwned"},
		},
		"leaked":                {password.Rules{Breached: leaks{password: "monkey"}}, "monkey", pwned, []string{"pwned"}},
		"by default, five":      {password.Rules{}, "abcde", "Password should be at least 6 characters.", []string{"length"}},
		"by default, six":       {password.Rules{}, "abcdef", "", nil},
		"no less than six":      {password.Rules{MinLength: 3}, "abcde", "Password should be at least 6 characters.", []string{"length"}},
		"a set of no character": {password.Rules{Required: []string{""}}, "abcdef", "", nil},
		"72 bytes":              {password.Rules{}, strings.Repeat("x", 72), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.rules.Check(t.Context(), c.password)
			if c.reasons == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var weak *password.WeakError
			if !errors.As(err, &weak) {
				t.Fatalf("%v", err)
			}
			if weak.Message != c.message || weak.Error() != c.message || !slices.Equal(weak.Reasons, c.reasons) {
				t.Errorf("%q, %q", weak.Message, weak.Reasons)
			}
		})
	}
}

func TestRulesUnchecked(t *testing.T) {
	t.Parallel()
	cause := errors.New("no route")
	err := password.Rules{Breached: leaks{err: cause}}.Check(t.Context(), "correct horse")
	if !errors.Is(err, password.ErrUnchecked) || !errors.Is(err, cause) {
		t.Error(err)
	}
}

func TestParseRequired(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":              nil,
		":":             nil,
		"abc":           {"abc"},
		"abc:123":       {"abc", "123"},
		":abc::123:":    {"abc", "123"},
		`a\:b:c`:        {"a:b", "c"},
		`a\:b\:c:d`:     {"a:b:c", "d"},
		`\:`:            {":"},
		`a\b:c`:         {`a\b`, "c"},
		`abc:123\`:      {"abc", `123\`},
		`!'\\:"|:0123`:  {`!'\:"|`, "0123"}, // as Supabase writes its set of symbols
		"äöü:abc":       {"äöü", "abc"},
		"a b:\t:\u00a0": {"a b", "\t", "\u00a0"},
	} {
		if got := password.ParseRequired(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParseRequired(f *testing.F) {
	for _, text := range []string{"", "abc:123", `a\:b:c`, `\\:`, "::", `\`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sets := password.ParseRequired(text)
		if slices.Contains(sets, "") {
			t.Errorf("%q: an empty set", text)
		}
		// Written again, they are read the same, unless a backslash before a separator became its escape.
		written := make([]string, len(sets))
		for i, set := range sets {
			if strings.HasSuffix(set, `\`) {
				return
			}
			written[i] = strings.ReplaceAll(set, ":", `\:`)
		}
		if again := password.ParseRequired(strings.Join(written, ":")); !slices.Equal(again, sets) {
			t.Errorf("%q: %q, then %q", text, sets, again)
		}
	})
}

func TestRandom(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]password.Rules{
		"none":     {},
		"long":     {MinLength: 72},
		"sets":     {MinLength: 20, Required: []string{"abcdefghijklmnopqrstuvwxyz", "ABC", "0123456789", `!@#:"|`, ""}},
		"one rune": {Required: []string{"ß", "é", "🙂"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for range 50 {
				text := rules.Random()
				if err := rules.Check(t.Context(), text); err != nil {
					t.Errorf("%q: %v", text, err)
				}
				if seen[text] {
					t.Errorf("%q twice", text)
				}
				seen[text] = true
			}
		})
	}
	if text := password.Random(); len(text) < 26 || (password.Rules{}).Check(t.Context(), text) != nil || text == password.Random() {
		t.Errorf("%q", text)
	}
}
