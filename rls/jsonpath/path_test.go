package jsonpath_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"nexus/rls/jsonpath"
)

const library = `{
	"shelves": [
		{"topic": "ships", "books": [{"title": "Keels", "pages": 120}, {"title": "Sails", "pages": 80, "lent": null}]},
		{"topic": "stars", "books": [{"title": "Night", "pages": 300}]}
	],
	"roles": ["other", "web_author", 7, "web_editor"],
	"odd key": {"b": 2, "a": 1, "c": [0, 1, 2, 3, 4]},
	"größe": "XL", "it's": "quoted", "long": "a\nb"
}`

func decode(t testing.TB, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFinds(t *testing.T) {
	t.Parallel()
	root := decode(t, library)
	for path, want := range map[string]string{
		`$.roles[0]`:                                      `["other"]`,
		`$ .roles [ -1 ]`:                                 `["web_editor"]`,
		`$['odd key'].b`:                                  `[2]`,
		`$["odd key"]["a","b"]`:                           `[1,2]`,
		`$['odd key'][*]`:                                 `[1,2,[0,1,2,3,4]]`,
		`$['odd key'].*`:                                  `[1,2,[0,1,2,3,4]]`,
		`$.größe`:                                         `["XL"]`,
		`$['it\'s']`:                                      `["quoted"]`,
		`$["it's"]`:                                       `["quoted"]`,
		`$['gr\u00f6\u00dfe']`:                            `["XL"]`,
		`$['odd key'].c[1:3]`:                             `[1,2]`,
		`$['odd key'].c[:2]`:                              `[0,1]`,
		`$['odd key'].c[-2:]`:                             `[3,4]`,
		`$['odd key'].c[::2]`:                             `[0,2,4]`,
		`$['odd key'].c[::-1]`:                            `[4,3,2,1,0]`,
		`$['odd key'].c[3:0:-2]`:                          `[3,1]`,
		`$['odd key'].c[::0]`:                             `[]`,
		`$['odd key'].c[1::9007199254740991]`:             `[1]`,
		`$['odd key'].c[3::-9007199254740991]`:            `[3]`,
		`$['odd key'].c[9:]`:                              `[]`,
		`$..title`:                                        `["Keels","Sails","Night"]`,
		`$..books[0].pages`:                               `[120,300]`,
		`$.shelves[*].topic`:                              `["ships","stars"]`,
		`$.roles[?@ == 'web_author']`:                     `["web_author"]`,
		`$.roles[?(@ == 'web_author')]`:                   `["web_author"]`,
		`$.roles[?@ != 'other' && @ != 7]`:                `["web_author","web_editor"]`,
		`$.roles[?search(@, '^web_')]`:                    `["web_author","web_editor"]`,
		`$.roles[?search(@, 'editor$')]`:                  `["web_editor"]`,
		`$.roles[?match(@, 'web_.*')]`:                    `["web_author","web_editor"]`,
		`$.roles[?match(@, 'web')]`:                       `[]`,
		`$.roles[?match(@, 'x|other')]`:                   `["other"]`,
		`$.roles[?search(@, $.shelves[0].topic)]`:         `[]`,
		`$.roles[?!search(@, 'e')]`:                       `[7]`,
		`$.roles[?@ == 7.0]`:                              `[7]`,
		`$.roles[?@ > 6]`:                                 `[7]`,
		`$.roles[?@ >= 'web_b']`:                          `["web_editor"]`,
		`$.roles[?@ < 'p' || @ == 7]`:                     `["other",7]`,
		`$..books[?@.pages < 100].title`:                  `["Sails"]`,
		`$..books[?@.pages <= 120].title`:                 `["Keels","Sails"]`,
		`$..books[?@.lent].title`:                         `["Sails"]`,
		`$..books[?@.lent == null].title`:                 `["Sails"]`,
		`$..books[?!@.lent].title`:                        `["Keels","Night"]`,
		`$..books[?@.none == @.nothing].title`:            `["Keels","Sails","Night"]`,
		`$..books[?@.none < 1].title`:                     `[]`,
		`$.shelves[?count(@.books[*]) > 1].topic`:         `["ships"]`,
		`$.shelves[?length(@.books) == 1].topic`:          `["stars"]`,
		`$.shelves[?length(@.topic) == 5].topic`:          `["ships","stars"]`,
		`$.shelves[?value(@..lent) == null].topic`:        `["ships"]`,
		`$.shelves[?@.books == $.shelves[1].books].topic`: `["stars"]`,
		`$.shelves[?!(@.topic == 'ships')].topic`:         `["stars"]`,
		`$.roles.name`:                                    `[]`,
		`$.none[0]`:                                       `[]`,
		`$[0]`:                                            `[]`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p, err := jsonpath.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			got := p.All(root)
			if wanted := decode(t, want).([]any); len(got) != len(wanted) || len(got) > 0 && !reflect.DeepEqual(got, wanted) {
				t.Errorf("got %v, want %s", got, want)
			}
			first, ok := p.First(root)
			if ok != (len(got) > 0) || ok && !reflect.DeepEqual(first, got[0]) {
				t.Errorf("the first is %v, of %v", first, got)
			}
			if p.String() != path {
				t.Errorf("String: %s", p)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                              `expected "$" at character 1`,
		".role":                         `expected "$" at character 1`,
		"$ ":                            "expected a segment or the end at character 2",
		"$.":                            "expected a name or * at character 3",
		"$.1":                           "expected a name or * at character 3",
		"$.write-role":                  "expected a segment or the end at character 8",
		"$[":                            "expected a selector at character 3",
		"$[01]":                         "expected an integer at character 3",
		"$[-0]":                         "expected an integer at character 3",
		"$[-]":                          "expected an integer at character 3",
		"$[9007199254740992]":           "expected a smaller integer at character 3",
		"$[1":                           `expected "," or "]" at character 4`,
		"$['a]":                         "expected a closing ' at character 6",
		"$['\\x']":                      "expected an escaped character at character 5",
		"$['\\u12']":                    "expected four hexadecimal digits at character 6",
		"$['\\ud800']":                  `expected "\u" at character 10`,
		"$['\\ud800\\u0041']":           "expected a pair of surrogates before this at character 16",
		"$[?]":                          "expected a query, a literal or a function at character 4",
		"$[?'a']":                       "expected a comparison at character 7",
		"$[?@.* == 1]":                  "expected a single value at character 11",
		"$[?length(@)]":                 "expected a comparison at character 13",
		"$[?match(@, 'a') == 1]":        "expected a single value at character 21",
		"$[?search(@, '(')]":            "expected a regular expression before this at character 18",
		"$[?match(@, 'a)(b')]":          "expected a regular expression before this at character 20",
		"$[?nothing(@)]":                "expected one of the functions length, count, value, match and search before this at character 12",
		"$[?count(1)]":                  "expected a query at character 12",
		"$[?(@.a]":                      `expected ")" at character 8`,
		"$\xff":                         "expected UTF-8 at character 1",
		"$[?" + strings.Repeat("(", 60): "expected less nesting at character 54",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p, err := jsonpath.Parse(path)
			var problem *jsonpath.Error
			if p != nil || !errors.As(err, &problem) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// FuzzParse looks for a query that upsets the parser, or the search in a document of every type.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"$", "$.a..b[1:-2:3,*,'x']", `$[?@.a == 1 && (!@.b || length(@.c) > -1.5e3)]`, `$[?search(@, "^a") && match(@, $.p)]`, `$['\u00e9\ud83d\ude00']`,
	} {
		f.Add(seed)
	}
	root := decode(f, library)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := jsonpath.Parse(text)
		if err != nil || len(text) > 60 {
			return // longer queries within queries take their time
		}
		first := p.All(root)
		if again := p.All(root); !reflect.DeepEqual(first, again) {
			t.Errorf("%q finds %v, and then %v", text, first, again)
		}
	})
}
