package postgrest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is a value of a configuration file; strings, numbers and booleans are told apart because options read them
// differently.
type value struct {
	text     string
	isString bool
}

// FileError is a configuration file that cannot be read as one.
type FileError struct {
	Path string
	Line int
	Want string
}

// Error implements error.
func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: expected %s", e.Path, e.Line, e.Want) }

// maxImports bounds how deep files may import one another.
const maxImports = 10

// readFile reads a file of name = value lines in configurator's syntax: # begins a comment, strings stand in double quotes,
// name { … } puts the names inside under "name.", import "path" reads another file, and $(NAME) in a string stands for an
// earlier value or an environment variable.
func readFile(path string, environ map[string]string) (map[string]value, error) {
	p := &fileParser{values: make(map[string]value), environ: environ}
	return p.values, p.load(path, "", 0)
}

type fileParser struct {
	values  map[string]value
	environ map[string]string

	path  string
	text  string
	pos   int
	depth int
}

func (p *fileParser) load(path, prefix string, depth int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if depth > maxImports {
		return &FileError{Path: path, Line: 1, Want: "no more than 10 nested imports"}
	}
	inner := &fileParser{values: p.values, environ: p.environ, path: path, text: string(text), depth: depth}
	return inner.directives(prefix, false)
}

func (p *fileParser) errorf(want string) error {
	return &FileError{Path: p.path, Line: 1 + strings.Count(p.text[:min(p.pos, len(p.text))], "\n"), Want: want}
}

// skip passes over white space and comments.
func (p *fileParser) skip() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		case '#':
			end := strings.IndexByte(p.text[p.pos:], '\n')
			if end < 0 {
				p.pos = len(p.text)
				return
			}
			p.pos += end
		default:
			return
		}
	}
}

func (p *fileParser) accept(c byte) bool {
	p.skip()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// directives reads up to the end of the file, or of the group.
func (p *fileParser) directives(prefix string, inGroup bool) error {
	for {
		p.skip()
		switch {
		case p.pos == len(p.text):
			if inGroup {
				return p.errorf("}")
			}
			return nil
		case p.text[p.pos] == '}' && inGroup:
			p.pos++
			return nil
		}
		if err := p.directive(prefix); err != nil {
			return err
		}
	}
}

func (p *fileParser) directive(prefix string) error {
	name := p.name()
	switch {
	case name == "":
		return p.errorf("the name of an option")
	case name == "import":
		p.skip()
		path, err := p.quoted()
		if err != nil {
			return err
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.path), path)
		}
		return p.load(path, prefix, p.depth+1)
	case p.accept('{'):
		return p.directives(prefix+name+".", true)
	case !p.accept('='):
		return p.errorf("=")
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	p.values[prefix+name] = v
	return nil
}

func (p *fileParser) name() string {
	start := p.pos
	for p.pos < len(p.text) && isNameByte(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c >= utf8.RuneSelf
}

func (p *fileParser) value() (value, error) {
	p.skip()
	if p.pos < len(p.text) && p.text[p.pos] == '"' {
		text, err := p.quoted()
		return value{text: text, isString: true}, err
	}
	start := p.pos
	for p.pos < len(p.text) && (isNameByte(p.text[p.pos]) || p.text[p.pos] == '+') {
		p.pos++
	}
	switch word := p.text[start:p.pos]; word {
	case "on", "true":
		return value{text: "true"}, nil
	case "off", "false":
		return value{text: "false"}, nil
	default:
		if _, err := strconv.ParseFloat(word, 64); err != nil {
			p.pos = start
			return value{}, p.errorf("a string in quotes, a number, true or false")
		}
		return value{text: word}, nil
	}
}

// quoted reads a string with its escapes and interpolations.
func (p *fileParser) quoted() (string, error) {
	if p.pos >= len(p.text) || p.text[p.pos] != '"' {
		return "", p.errorf("a string in quotes")
	}
	p.pos++
	var out strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch c {
		case '"':
			return out.String(), nil
		case '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out.WriteRune(r)
		case '$':
			text, err := p.interpolation()
			if err != nil {
				return "", err
			}
			out.WriteString(text)
		default:
			out.WriteByte(c)
		}
	}
	return "", p.errorf("a closing quote")
}

func (p *fileParser) escape() (rune, error) {
	if p.pos == len(p.text) {
		return 0, p.errorf("an escape")
	}
	c := p.text[p.pos]
	p.pos++
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case '"', '\\':
		return rune(c), nil
	case 'u':
		if p.pos+4 <= len(p.text) {
			if n, err := strconv.ParseUint(p.text[p.pos:p.pos+4], 16, 16); err == nil {
				p.pos += 4
				return rune(n), nil
			}
		}
	}
	return 0, p.errorf(`an escape such as \n, \" or \u00e9`)
}

// interpolation reads what follows a dollar sign: a second one stands for itself, (NAME) for what it names. Any other text
// keeps its dollar.
func (p *fileParser) interpolation() (string, error) {
	rest := p.text[p.pos:]
	switch {
	case strings.HasPrefix(rest, "$"):
		p.pos++
		return "$", nil
	case strings.HasPrefix(rest, "("):
		name, _, ok := strings.Cut(rest[1:], ")")
		if !ok {
			return "", p.errorf(") after $(")
		}
		p.pos += len(name) + 2
		if v, ok := p.values[name]; ok {
			return v.text, nil
		}
		if v, ok := p.environ[name]; ok {
			return v, nil
		}
		return "", p.errorf("a known name in $(" + name + ")")
	default:
		return "$", nil
	}
}
