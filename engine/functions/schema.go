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

// allowUnknown lets structs have fields that they do not name, at any depth.
func allowUnknown(s *jsonschema.Schema) {
	if s.Properties != nil {
		s.AdditionalProperties = nil
	}
	for _, property := range s.Properties {
		allowUnknown(property)
	}
	if s.Items != nil {
		allowUnknown(s.Items)
	}
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
	keyword    = regexp.MustCompile(`^(\w+): `)
	wrongType  = regexp.MustCompile(`^type: .* has type "(\w+)", want (?:one of )?"?([^"]*)"?$`)
	unexpected = regexp.MustCompile(`unexpected additional properties (\[.*\])`)
	missing    = regexp.MustCompile(`required: missing properties: (\[.*\])`)
)

// invalid words the refusal of a request by its schema: which field, and why.
func invalid(err error, root *jsonschema.Schema) *Error {
	text, field, s := err.Error(), "", root
	for m := fieldPath.FindStringSubmatch(text); m != nil; m = fieldPath.FindStringSubmatch(text) {
		if path, ok := strings.CutPrefix(m[1], "/properties/"); ok {
			field, s = strings.NewReplacer("/properties/", ".", "/items", "[]").Replace(path), within(root, path)
		}
		text = text[len(m[0]):]
	}
	if m := unexpected.FindStringSubmatch(text); m != nil {
		return Invalid(names(field, m[1]), "is not known")
	}
	if m := missing.FindStringSubmatch(text); m != nil {
		return Invalid(names(field, m[1]), "is missing")
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		return Invalid(field, "must be "+m[2]+", not "+m[1])
	}
	word := keyword.FindStringSubmatch(text)
	if word == nil || s == nil {
		return Invalid(field, "is not as it must be")
	}
	return Invalid(field, reason(word[1], s))
}

// within follows a path into a schema, nil if it leads nowhere.
func within(s *jsonschema.Schema, path string) *jsonschema.Schema {
	for part := range strings.SplitSeq("properties/"+path, "/") {
		switch {
		case s == nil:
			return nil
		case part == "items":
			s = s.Items
		case part != "properties":
			s = s.Properties[part]
		}
	}
	return s
}

// reason words what a keyword of JSON Schema asks for.
func reason(keyword string, s *jsonschema.Schema) string {
	switch {
	case keyword == "minimum" && s.Minimum != nil:
		return fmt.Sprintf("must be at least %v", *s.Minimum)
	case keyword == "maximum" && s.Maximum != nil:
		return fmt.Sprintf("must be at most %v", *s.Maximum)
	case keyword == "minLength" && s.MinLength != nil:
		return fmt.Sprintf("must have at least %d characters", *s.MinLength)
	case keyword == "maxLength" && s.MaxLength != nil:
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case keyword == "minItems" && s.MinItems != nil:
		return fmt.Sprintf("must have at least %d values", *s.MinItems)
	case keyword == "maxItems" && s.MaxItems != nil:
		return fmt.Sprintf("must have at most %d values", *s.MaxItems)
	case keyword == "enum":
		return fmt.Sprintf("must be one of %v", s.Enum)
	case keyword == "pattern" && s.Format != "":
		return "must be of the format " + s.Format
	case keyword == "pattern":
		return "must match " + s.Pattern
	default:
		return "is not as it must be"
	}
}

// names are the fields of a list within another field.
func names(field, list string) string {
	list = strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(list)
	if field == "" {
		return list
	}
	return field + "." + list
}

// SchemaFor makes the JSON Schema of a struct as Define does, for what else takes requests of agents.
func SchemaFor[T any]() (*jsonschema.Schema, error) { return schemaOf(reflect.TypeFor[T]()) }

// Explain says what a value that a schema refuses lacks, such as "limit must be at most 100".
func Explain(err error, s *jsonschema.Schema) string {
	e := invalid(err, s)
	return fmt.Sprintf("%v %v", e.Details["field"], e.Details["reason"])
}
