package postgrest

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	imported := write(t, "imported.conf", "inner = 7\n")
	for name, c := range map[string]struct {
		text string
		want map[string]value
	}{
		"empty":          {"", map[string]value{}},
		"comments":       {"# only\n  # comments é\n", map[string]value{}},
		"kinds":          {"a = \"text\"\nb = 12\nc = true\nd = off\ne = -1.5", map[string]value{"a": {"text", true}, "b": {"12", false}, "c": {"true", false}, "d": {"false", false}, "e": {"-1.5", false}}},
		"last one wins":  {"a = 1\na = 2", map[string]value{"a": {"2", false}}},
		"one line":       {`a = 1 b = "x" # c = 3`, map[string]value{"a": {"1", false}, "b": {"x", true}}},
		"escapes":        {`a = "q\"b\\n\n\t\u00e9"`, map[string]value{"a": {"q\"b\\n\n\té", true}}},
		"several lines":  {"a = \"one\ntwo\"", map[string]value{"a": {"one\ntwo", true}}},
		"hash in string": {`a = "x # y"`, map[string]value{"a": {"x # y", true}}},
		"group":          {"app.settings {\n  one = \"1\"\n  two { three = 3 }\n}", map[string]value{"app.settings.one": {"1", true}, "app.settings.two.three": {"3", false}}},
		"import":         {"import \"" + imported + "\"", map[string]value{"inner": {"7", false}}},
		"earlier value":  {"host = \"h\"\nurl = \"http://$(host)/$$x$\"", map[string]value{"host": {"h", true}, "url": {"http://h/$x$", true}}},
		"environment":    {`a = "$(HOME_OF_TEST)"`, map[string]value{"a": {"here", true}}},
		"carriage":       {"a = 1\r\nb = 2\r\n", map[string]value{"a": {"1", false}, "b": {"2", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readFile(write(t, "nexus.conf", c.text), map[string]string{"HOME_OF_TEST": "here"})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, error %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestReadFileErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":                      ":1: expected =",
		"\n\na = ":               ":3: expected a string in quotes, a number, true or false",
		"a = yes":                ":1: expected a string in quotes, a number, true or false",
		"= 1":                    ":1: expected the name of an option",
		`a = "open`:              ":1: expected a closing quote",
		`a = "\x"`:               `:1: expected an escape such as`,
		`a = "\u12"`:             `:1: expected an escape such as`,
		"a = 1\ngroup {\n b = 2": ":3: expected }",
		`a = "$(NOBODY)"`:        ":1: expected a known name in $(NOBODY)",
		`a = "$(open"`:           ":1: expected ) after $(",
		"import x":               ":1: expected a string in quotes",
	} {
		path := write(t, "nexus.conf", text)
		_, err := readFile(path, nil)
		var inFile *FileError
		if !errors.As(err, &inFile) || !strings.Contains(err.Error(), path+want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	if _, err := readFile(filepath.Join(t.TempDir(), "missing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	circular := filepath.Join(t.TempDir(), "circular.conf")
	if err := os.WriteFile(circular, []byte("import \"circular.conf\""), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(circular, nil); err == nil || !strings.Contains(err.Error(), "no more than 10 nested imports") {
		t.Errorf("a file that imports itself: %v", err)
	}
}

func FuzzReadFile(f *testing.F) {
	for _, seed := range []string{"a = 1", "a = \"x\\u00e9$(b)\"\n", "g { b = true }", "import \"x\"", "a = \"", "# c", "a.b-c = 1e5", "a = +", "\xff = \xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") {
			t.Skip("reads other files")
		}
		p := &fileParser{values: make(map[string]value), path: "fuzz", text: text}
		err := p.directives("", false)
		var inFile *FileError
		if err != nil && (!errors.As(err, &inFile) || inFile.Line < 1 || inFile.Line > 1+strings.Count(text, "\n")) {
			t.Errorf("error %v", err)
		}
	})
}
