package functions

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/google/uuid"
)

// Content is an answer that is no JSON: a file, or the text that a third party wants.
type Content struct {
	Type string
	Body []byte
	// Header holds further headers of the answer; it may be nil.
	Header map[string]string
}

// typeSchemas are those of types that write themselves.
var typeSchemas = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[time.Time](): {Type: "string", Format: "date-time"},
	reflect.TypeFor[uuid.UUID](): {Type: "string", Format: "uuid", Pattern: `^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`},
}

// formats are checked as patterns, because JSON Schema takes formats for remarks.
var formats = map[string]string{
	"email": `^[^\s@]+@[^\s@]+$`,
	"uri":   `^[a-z][a-z0-9+.-]*:`,
	"date":  `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`,
}

// schemaOf makes the JSON Schema of a struct (https://json-schema.org/draft/2020-12). Beside json and jsonschema (the
// description) it reads the tags enum:"a,b", min, max (of numbers, of the length of texts and lists), format, pattern and example.
func schemaOf(t reflect.Type) (*jsonschema.Schema, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct", t)
	}
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: typeSchemas})
	if err != nil {
		return nil, err
	}
	return s, constrain(s, t)
}

// constrain applies the tags of a struct's fields, and those of structs within.
func constrain(s *jsonschema.Schema, t reflect.Type) error {
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := s.Properties[name]
		if field.Anonymous || property == nil {
			continue
		}
		if err := constrainField(property, field); err != nil {
			return fmt.Errorf("%s.%s: %w", t, field.Name, err)
		}
	}
	return nil
}

func constrainField(s *jsonschema.Schema, field reflect.StructField) error {
	inner, at := elem(field.Type), s
	if inner.Kind() == reflect.Slice && inner.Elem().Kind() != reflect.Uint8 && s.Items != nil {
		at = s.Items // what is said of a list's values
		inner = elem(inner.Elem())
	}
	if inner.Kind() == reflect.Struct && at.Properties != nil {
		if err := constrain(at, inner); err != nil {
			return err
		}
	}
	if list, ok := field.Tag.Lookup("enum"); ok {
		for value := range strings.SplitSeq(list, ",") {
			at.Enum = append(at.Enum, value)
		}
		if len(at.Types) > 0 && at.Types[0] == "null" {
			at.Enum = append(at.Enum, nil)
		}
	}
	if format, ok := field.Tag.Lookup("format"); ok {
		at.Format, at.Pattern = format, formats[format]
	}
	if pattern, ok := field.Tag.Lookup("pattern"); ok {
		at.Pattern = pattern
	}
	if _, err := regexp.Compile(at.Pattern); err != nil {
		return err
	}
	if example, ok := field.Tag.Lookup("example"); ok {
		at.Examples = []any{example}
	}
	return bound(s, field)
}

func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// bound applies min and max.
func bound(s *jsonschema.Schema, field reflect.StructField) error {
	for tag, set := range map[string]func(n int){
		"min": func(n int) { bounds(s, n, &s.MinLength, &s.MinItems, &s.Minimum) },
		"max": func(n int) { bounds(s, n, &s.MaxLength, &s.MaxItems, &s.Maximum) },
	} {
		text, ok := field.Tag.Lookup(tag)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		set(n)
	}
	return nil
}

func bounds(s *jsonschema.Schema, n int, length, items **int, number **float64) {
	switch kind(s) {
	case "string":
		*length = &n
	case "array":
		*items = &n
	default:
		f := float64(n)
		*number = &f
	}
}

// kind is the type of a schema's values that are not null.
func kind(s *jsonschema.Schema) string {
	if s.Type != "" {
		return s.Type
	}
	for _, name := range s.Types {
		if name != "null" {
			return name
		}
	}
	return ""
}

var (
	fieldPath  = regexp.MustCompile(`^validating (\S+): `)
	unexpected = regexp.MustCompile(`unexpected additional properties (\[.*\])`)
	missing    = regexp.MustCompile(`required: missing properties: (\[.*\])`)
)

// invalid words the refusal of a body: which field, and why.
func invalid(err error) *Error {
	text, field := err.Error(), ""
	for {
		m := fieldPath.FindStringSubmatch(text)
		if m == nil {
			break
		}
		if path, ok := strings.CutPrefix(m[1], "/properties/"); ok {
			field = strings.NewReplacer("/properties/", ".", "/items", "[]").Replace(path)
		}
		text = text[len(m[0]):]
	}
	switch {
	case unexpected.MatchString(text):
		return Invalid(names(unexpected, text), "is not known")
	case missing.MatchString(text):
		return Invalid(names(missing, text), "is missing")
	case field == "":
		return &Error{Status: 400, Code: "validation_failed", Message: "The request is not valid: " + text}
	default:
		return Invalid(field, "does not match: "+text)
	}
}

func names(of *regexp.Regexp, text string) string {
	return strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(of.FindStringSubmatch(text)[1])
}
