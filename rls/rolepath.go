package rls

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"nexus/rls/jsonpath"
)

// RolePath is a parsed jwt-role-claim-key: where in the claims the role is. Its form is PostgREST's JSPath
// (https://docs.postgrest.org/en/v14/references/configuration.html#jwt-role-claim-key): .key, ."key", [0], and at the end
// [?(@ == "text")] with one of the operators == != ^== ==^ *==. One that begins with $ is a JSON Path, as PostgREST takes it
// since 16 (https://docs.postgrest.org/en/v16/references/auth.html#jwt-role-extraction): the first value it finds is the role.
type RolePath struct {
	steps []pathStep
	// query replaces the steps if it is set.
	query *jsonpath.Path
}

type pathStep struct {
	kind  stepKind
	text  string // key of an object, or what a filter compares with
	index int
}

type stepKind uint8

const (
	stepKey stepKind = iota
	stepIndex
	stepEquals
	stepNotEquals
	stepPrefix
	stepSuffix
	stepContains
)

var filterOperators = []struct {
	text string
	kind stepKind
}{
	// ==^ stands before == because it begins with it.
	{"==^", stepSuffix},
	{"==", stepEquals},
	{"!=", stepNotEquals},
	{"^==", stepPrefix},
	{"*==", stepContains},
}

// ParseRolePath parses a jwt-role-claim-key. The error names the position.
func ParseRolePath(text string) (RolePath, error) {
	if strings.HasPrefix(text, "$") {
		query, err := jsonpath.Parse(text)
		if err != nil {
			return RolePath{}, fmt.Errorf("failed to parse role-claim-key value (%s): %w", text, err)
		}
		return RolePath{query: query}, nil
	}
	p := pathParser{text: text}
	var path RolePath
	for first := true; first || !p.atEnd(); first = false {
		step, err := p.step()
		if err != nil {
			return RolePath{}, fmt.Errorf("failed to parse role-claim-key value (%s): %w", text, err)
		}
		path.steps = append(path.steps, step)
	}
	return path, nil
}

// String renders the path in its canonical form, as a configuration dump shows it. It can be parsed again: the grammar has
// no escapes, so a text holds no quotes.
func (p RolePath) String() string {
	if p.query != nil {
		return p.query.String()
	}
	var b strings.Builder
	for _, s := range p.steps {
		switch s.kind {
		case stepKey:
			b.WriteString(`."` + s.text + `"`)
		case stepIndex:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		default:
			for _, op := range filterOperators {
				if op.kind == s.kind {
					b.WriteString(`[?(@ ` + op.text + ` "` + s.text + `")]`)
				}
			}
		}
	}
	return b.String()
}

// role walks the claims. A value that is not a string stands for itself in JSON; ok is false when the path leads nowhere.
func (p RolePath) role(claims map[string]any) (role string, ok bool) {
	var v any = claims
	if p.query != nil {
		if v, ok = p.query.First(claims); !ok {
			return "", false
		}
	}
	for _, s := range p.steps {
		if v, ok = s.walk(v); !ok {
			return "", false
		}
	}
	if text, isText := v.(string); isText {
		return text, true
	}
	role, err := encodeJSON(v)
	return role, err == nil
}

func (s pathStep) walk(v any) (any, bool) {
	switch s.kind {
	case stepKey:
		object, _ := v.(map[string]any)
		next, ok := object[s.text]
		return next, ok
	case stepIndex:
		array, _ := v.([]any)
		if s.index >= len(array) {
			return nil, false
		}
		return array[s.index], true
	default:
		array, _ := v.([]any)
		for _, element := range array {
			if text, ok := element.(string); ok && s.matches(text) {
				return text, true
			}
		}
		return nil, false
	}
}

func (s pathStep) matches(text string) bool {
	switch s.kind {
	case stepEquals:
		return text == s.text
	case stepNotEquals:
		return text != s.text
	case stepPrefix:
		return strings.HasPrefix(text, s.text)
	case stepSuffix:
		return strings.HasSuffix(text, s.text)
	default:
		return strings.Contains(text, s.text)
	}
}

type pathParser struct {
	text string
	pos  int
}

func (p *pathParser) atEnd() bool { return p.pos == len(p.text) }

func (p *pathParser) accept(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func (p *pathParser) errorf(want string) error {
	return fmt.Errorf("expected %s at character %d", want, p.pos+1)
}

func (p *pathParser) spaces() {
	p.pos = len(p.text) - len(strings.TrimLeftFunc(p.text[p.pos:], unicode.IsSpace))
}

func (p *pathParser) step() (pathStep, error) {
	switch {
	case p.accept("."):
		key, err := p.key()
		return pathStep{kind: stepKey, text: key}, err
	case p.accept("[?("):
		return p.filter()
	case p.accept("["):
		return p.indexStep()
	default:
		return pathStep{}, p.errorf(`".", "[" or "[?("`)
	}
}

func (p *pathParser) key() (string, error) {
	rest := p.text[p.pos:]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("_$@", r)
	})
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return p.quoted()
	}
	p.pos += end
	return rest[:end], nil
}

func (p *pathParser) quoted() (string, error) {
	if !p.accept(`"`) {
		return "", p.errorf("a key")
	}
	value, _, ok := strings.Cut(p.text[p.pos:], `"`)
	if !ok {
		return "", p.errorf("a closing quote")
	}
	p.pos += len(value) + 1
	return value, nil
}

func (p *pathParser) indexStep() (pathStep, error) {
	digits, _, ok := strings.Cut(p.text[p.pos:], "]")
	index, err := strconv.ParseUint(digits, 10, 31) // takes digits alone
	if !ok || err != nil {
		return pathStep{}, p.errorf("an array index and ]")
	}
	p.pos += len(digits) + 1
	return pathStep{kind: stepIndex, index: int(index)}, nil
}

// filter reads the rest of [?(@ op "text")], which must be the end of the path.
func (p *pathParser) filter() (pathStep, error) {
	if !p.accept("@") {
		return pathStep{}, p.errorf("@")
	}
	p.spaces()
	for _, op := range filterOperators {
		if !p.accept(op.text) {
			continue
		}
		p.spaces()
		text, err := p.quoted()
		if err != nil {
			return pathStep{}, err
		}
		if !p.accept(")]") || !p.atEnd() {
			return pathStep{}, p.errorf(")] and the end")
		}
		return pathStep{kind: op.kind, text: text}, nil
	}
	return pathStep{}, p.errorf("one of the operators == != ^== ==^ *==")
}
